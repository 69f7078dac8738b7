//! What URLs mean, and which mean nothing.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::*;

#[test]
fn the_spellings_of_a_url_are_one() {
    for scheme in ["postgres", "postgresql", "postgresql+psycopg2"] {
        let options = ConnectOptions::parse(&format!("{scheme}://app@db:6543/shop")).unwrap();
        let target = options.target().to_string();
        assert_eq!(target, "database `shop` on db:6543 as `app`");
    }
    for wrong in ["mysql://db/shop", "db/shop", ""] {
        assert!(ConnectOptions::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn several_hosts_and_sockets_are_named() {
    let options = ConnectOptions::parse("postgres://app@a:1,b:2/shop").unwrap();
    assert_eq!(options.target().hosts, "a:1,b:2");
    let options = ConnectOptions::parse("postgres:///shop?host=/run/postgresql").unwrap();
    assert_eq!(options.target().hosts, "/run/postgresql:5432");
}

#[test]
fn what_is_encoded_is_decoded_and_a_plus_sign_is_one() {
    let password = |url: &str| {
        let options = ConnectOptions::parse(url).unwrap();
        options.server.get_password().map(<[u8]>::to_vec)
    };
    let expected = Some(b"a+b@c".to_vec());
    assert_eq!(password("postgres://app:a+b%40c@db/shop"), expected);
    assert_eq!(
        password("postgres://app@db/shop?password=a+b%40c"),
        expected
    );
}

#[test]
fn tls_is_read_from_the_query() {
    let tls = |query: &str| {
        ConnectOptions::parse(&format!("postgres://db/shop?{query}")).map(|options| options.tls)
    };
    assert_eq!(tls("").unwrap().mode, TlsMode::Prefer);
    assert_eq!(
        tls("sslmode=verify-full").unwrap().mode,
        TlsMode::VerifyFull
    );
    // Authorities that are named are asked, as libpq does.
    let named = tls("sslmode=require&sslrootcert=/c++/ca.pem").unwrap();
    assert_eq!(named.mode, TlsMode::VerifyCa);
    assert_eq!(named.root_certificate, Some("/c++/ca.pem".into()));
    assert!(
        tls("sslmode=allow")
            .unwrap_err()
            .to_string()
            .contains("`allow` is not known")
    );
}

#[test]
fn system_authorities_demand_the_right_name() {
    let parse = |query: &str| {
        ConnectOptions::parse(&format!("postgres://db/shop?{query}")).map(|options| options.tls)
    };
    let tls = parse("sslrootcert=system").unwrap();
    assert_eq!(
        (tls.mode, tls.root_certificate),
        (TlsMode::VerifyFull, None)
    );
    for weak in ["disable", "prefer", "require", "verify-ca"] {
        let error = parse(&format!("sslrootcert=system&sslmode={weak}")).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(weak) && text.contains("verify-full"),
            "{text}"
        );
    }
}

#[test]
fn what_a_url_says_of_tcp_stands_above_settings() {
    let parse = |query: &str| {
        let options = ConnectOptions::parse(&format!("postgres://db/shop?{query}")).unwrap();
        options.server
    };
    let server = parse("keepalives_idle=7&keepalives_interval=3&keepalives_count=2");
    assert_eq!(server.get_keepalives_idle(), Duration::from_secs(7));
    assert_eq!(
        server.get_keepalives_interval(),
        Some(Duration::from_secs(3))
    );
    assert_eq!(server.get_keepalives_retries(), Some(2));
    assert_eq!(
        server.get_tcp_user_timeout(),
        Some(&Duration::from_secs(13))
    );
    // libpq counts it in milliseconds.
    let server = parse("tcp_user_timeout=1500");
    assert_eq!(
        server.get_tcp_user_timeout(),
        Some(&Duration::from_millis(1500))
    );
    let options = ConnectOptions::parse("postgres://db/shop?keepalives=0").unwrap();
    let options = options.keepalive(Duration::from_secs(1), Duration::from_secs(1), 1);
    assert!(!options.server.get_keepalives());
}

#[test]
fn hosts_addresses_and_ports_have_to_match() {
    for (url, problem) in [
        (
            "postgres://a:1,b:2/shop?hostaddr=127.0.0.1",
            "2 hosts but 1 in hostaddr",
        ),
        (
            "postgres:///shop?host=a,b,c&port=1,2",
            "3 hosts but 2 ports",
        ),
        ("postgres:///shop", "names no host"),
    ] {
        let error = ConnectOptions::parse(url).unwrap_err().to_string();
        assert!(error.contains(problem), "{url}: {error}");
    }
    let options = ConnectOptions::parse("postgres:///shop?host=a,b&port=6432").unwrap();
    assert_eq!(options.target().hosts, "a:6432,b:6432");
    let options = ConnectOptions::parse("postgres://[::1]:6432,b/shop").unwrap();
    assert_eq!(options.target().hosts, "[::1]:6432,b:5432");
}

#[test]
fn every_word_of_target_session_attrs_is_read() {
    for word in [
        "any",
        "read-write",
        "read-only",
        "primary",
        "standby",
        "prefer-standby",
    ] {
        let url = format!("postgres://a,b/shop?target_session_attrs={word}");
        let options = ConnectOptions::parse(&url).unwrap();
        assert_eq!(options.target_session_attrs.as_str(), word);
    }
    let error = ConnectOptions::parse("postgres://a/shop?target_session_attrs=leader");
    assert!(error.unwrap_err().to_string().contains("prefer-standby"));
}

#[test]
fn numbers_that_are_too_large_are_refused() {
    for key in [
        "connect_timeout",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
    ] {
        for number in ["18446744073709551615", "2147483648", "-1", "many"] {
            let url = format!("postgres://db/shop?{key}={number}");
            let error = ConnectOptions::parse(&url).unwrap_err().to_string();
            assert!(
                error.contains(key) && error.contains("2147483647"),
                "{error}"
            );
        }
        let url = format!("postgres://db/shop?{key}=2147483647");
        assert!(ConnectOptions::parse(&url).is_ok(), "{key}");
    }
    // What code says is not bounded.
    let options = ConnectOptions::parse("postgres://db/shop").unwrap();
    let options = options.keepalive(Duration::MAX, Duration::MAX, u32::MAX);
    assert_eq!(options.server.get_tcp_user_timeout(), Some(&Duration::MAX));
}

#[test]
fn values_of_settings_are_not_shown() {
    let options = ConnectOptions::parse("postgres://db/shop").unwrap();
    let options = options.setting("app.key", "a-secret");
    let shown = format!("{options:?}");
    assert!(shown.contains("app.key"), "{shown}");
    assert!(!shown.contains("a-secret"), "{shown}");
}
