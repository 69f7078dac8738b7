//! The names by which the pages are asked for.
//!
//! A web site can have its own name lead to 127.0.0.1, and then read, through a visitor's browser,
//! what is served there as if it were its own (DNS rebinding). It cannot choose the header `Host`:
//! that has the name of the site.

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};
use larder_config::HostPort;

/// The authority that a request is addressed to.
pub(super) fn of(headers: &HeaderMap, uri: &Uri) -> Option<Authority> {
    let named = headers.get(header::HOST);
    match named {
        Some(named) => named.to_str().ok()?.parse().ok(),
        None => uri.authority().cloned(),
    }
}

/// Whether this is a name of this machine itself, or one of the settings.
pub(super) fn is_expected(authority: &Authority, further: &[HostPort]) -> bool {
    let host = authority.host().trim_end_matches('.');
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = match bare.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        // Browsers and resolvers keep these names to themselves.
        Err(_) => {
            let name = host.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    };
    is_loopback || is_named(authority, further)
}

/// Whether it is one of those of the settings.
fn is_named(authority: &Authority, further: &[HostPort]) -> bool {
    let host = authority.host().trim_end_matches('.');
    further.iter().any(|known| {
        known.host.eq_ignore_ascii_case(host)
            && known
                .port
                .is_none_or(|port| authority.port_u16() == Some(port))
    })
}

/// Whether a request that a page sent comes from a page of the same server: of the name by which it
/// is asked for, or, where a proxy puts its own name for that, of one of the settings.
pub(super) fn is_own_origin(headers: &HeaderMap, uri: &Uri, further: &[HostPort]) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    if let Some(site) = text("sec-fetch-site")
        && site != "same-origin"
    {
        return false;
    }
    let Some(origin) = text("origin") else {
        // Not a browser: those tell the origin of every POST.
        return true;
    };
    let own = of(headers, uri);
    let from = origin
        .split_once("://")
        .and_then(|(_, rest)| rest.parse::<Authority>().ok());
    from.is_some_and(|from| Some(&from) == own.as_ref() || is_named(&from, further))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> [HostPort; 1] {
        [HostPort {
            host: "admin.internal".to_owned(),
            port: None,
        }]
    }

    fn is_expected_here(authority: &str) -> bool {
        is_expected(&authority.parse().unwrap(), &hosts())
    }

    #[test]
    fn names_of_this_machine_and_of_the_settings_are_expected() {
        for name in [
            "localhost",
            "LOCALHOST:7432",
            "localhost.",
            "shop.localhost:1",
            "127.0.0.1:7432",
            "127.8.8.8",
            "[::1]:7432",
            "[::ffff:127.0.0.1]",
            "Admin.Internal:80",
        ] {
            assert!(is_expected_here(name), "{name}");
        }
    }

    #[test]
    fn names_of_others_are_not() {
        for name in [
            "example.com",
            "localhost.example.com",
            "notlocalhost",
            "127.0.0.1.example.com",
            "0.0.0.0:7432",
            "10.0.0.1",
            "[::2]",
            "xadmin.internal",
        ] {
            assert!(!is_expected_here(name), "{name}");
        }
    }

    #[test]
    fn an_origin_is_that_of_the_page() {
        let check = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            headers.insert("host", "localhost:7432".parse().unwrap());
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            is_own_origin(&headers, &Uri::from_static("/"), &hosts())
        };
        assert!(check(&[]));
        assert!(check(&[("origin", "http://localhost:7432")]));
        assert!(check(&[("sec-fetch-site", "same-origin")]));
        // Behind a proxy that asks for localhost.
        assert!(check(&[("origin", "https://admin.internal")]));
        assert!(!check(&[("origin", "https://admin.internal.evil.example")]));
        assert!(!check(&[
            ("origin", "https://admin.internal"),
            ("sec-fetch-site", "same-site")
        ]));
        assert!(!check(&[("origin", "http://localhost:8080")]));
        assert!(!check(&[("origin", "http://evil.example")]));
        assert!(!check(&[("origin", "null")]));
        assert!(!check(&[("sec-fetch-site", "same-site")]));
        assert!(!check(&[("sec-fetch-site", "cross-site")]));
    }
}
