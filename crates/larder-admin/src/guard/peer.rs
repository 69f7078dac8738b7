//! Who is at the other end of the connection.
//!
//! Where there is no token, only programs of this machine are answered. The name in the header
//! `Host` does not tell that: whoever connects from elsewhere writes into it what he likes.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap, StatusCode};

use crate::pages::Problem;

/// What a proxy adds. It connects from this machine, and those it speaks for may be anywhere.
const FORWARDED: [&str; 3] = ["forwarded", "x-forwarded-for", "x-real-ip"];

/// Whether a request comes from this machine itself, or why it is not known to.
pub(super) fn is_of_this_machine(
    extensions: &Extensions,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    let Some(ConnectInfo(peer)) = extensions.get::<ConnectInfo<SocketAddr>>() else {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "without a token these pages answer only this machine, and who asks is not known; set \
             admin.token, or serve the router with \
             `into_make_service_with_connect_info::<SocketAddr>()`",
        ));
    };
    if !peer.ip().to_canonical().is_loopback() {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "without a token these pages answer only this machine; set admin.token to reach them \
             from others",
        ));
    }
    if FORWARDED.iter().any(|name| headers.contains_key(*name)) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "without a token these pages answer only this machine, and a proxy has sent this for \
             somebody else; set admin.token",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_let_in(peer: Option<&str>, header: Option<&'static str>) -> bool {
        let mut extensions = Extensions::new();
        if let Some(peer) = peer {
            extensions.insert(ConnectInfo::<SocketAddr>(peer.parse().unwrap()));
        }
        let mut headers = HeaderMap::new();
        if let Some(name) = header {
            headers.insert(name, "127.0.0.1".parse().unwrap());
        }
        is_of_this_machine(&extensions, &headers).is_ok()
    }

    #[test]
    fn programs_of_this_machine_are_let_in() {
        for peer in ["127.0.0.1:50000", "127.8.8.8:1", "[::1]:50000"] {
            assert!(is_let_in(Some(peer), None), "{peer}");
        }
        // What a listener on `::` is told of IPv4.
        assert!(is_let_in(Some("[::ffff:127.0.0.1]:50000"), None));
    }

    #[test]
    fn others_and_those_nobody_knows_are_not() {
        for peer in [
            "10.1.2.3:50000",
            "[::ffff:10.1.2.3]:50000",
            "[2001:db8::1]:50000",
            "0.0.0.0:50000",
        ] {
            assert!(!is_let_in(Some(peer), None), "{peer}");
        }
        assert!(!is_let_in(None, None));
    }

    #[test]
    fn a_proxy_of_this_machine_does_not_count_as_this_machine() {
        for header in ["forwarded", "x-forwarded-for", "x-real-ip"] {
            assert!(
                !is_let_in(Some("127.0.0.1:50000"), Some(header)),
                "{header}"
            );
        }
    }
}
