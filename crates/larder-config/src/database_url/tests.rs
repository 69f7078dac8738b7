//! Tests of the database URL: what is read, what is shown, what is refused without an echo.

use super::*;

#[test]
fn drivers_and_both_schemes_become_one() {
    for scheme in [
        "postgres",
        "postgresql",
        "postgresql+psycopg2",
        "POSTGRESQL+asyncpg",
    ] {
        let url = DatabaseUrl::parse(&format!("{scheme}://app@db:5433/shop")).unwrap();
        assert_eq!(url.expose(), "postgres://app@db:5433/shop");
    }
}

#[test]
fn passwords_are_masked_wherever_they_stand() {
    for (text, shown) in [
        (
            "postgres://app:hunter2@db/shop",
            "postgres://app:***@db/shop",
        ),
        ("postgres://:hunter2@db/shop", "postgres://:***@db/shop"),
        (
            "postgres://app:hun@ter2@db/shop",
            "postgres://app:***@db/shop",
        ),
        (
            "postgres://db/shop?user=app&password=hunter2",
            "postgres://db/shop?user=app&password=***",
        ),
        (
            "postgres://db/shop?%70assword=hunter2&sslpassword=hunter2",
            "postgres://db/shop?password=***&sslpassword=***",
        ),
        (
            "postgres://app:hunter2@db1:5432,db2:5433/shop",
            "postgres://app:***@db1:5432,db2:5433/shop",
        ),
    ] {
        let url = DatabaseUrl::parse(text).unwrap();
        assert_eq!(url.to_string(), shown);
        let everything = format!(
            "{url} {url:?} {url:#?} {}",
            serde_json::to_string(&url).unwrap()
        );
        assert!(!everything.contains("hunter2"), "{everything}");
        assert!(!everything.contains("ter2"), "{everything}");
    }
}

#[test]
fn what_cannot_be_read_is_never_repeated() {
    for text in [
        "hunter2",
        "mysql://app:hunter2@db/shop",
        "postgres://app:hunter2/5@db/shop",
        "postgres://app:1234/hunter2@db/shop",
        "postgres://app:12#hunter2@db/shop",
        "postgres://app:12?hunter2@db/shop",
        "postgres://app:x@y/hunter2@db/shop",
        "postgres://app:hunter2@db:port/shop",
        "postgres://app:hunter2@db:5432,other:hunter2/shop",
        "postgres://app:hun ter2@db/shop",
        "postgres://app:hunter2@/shop",
        "postgres://app:hunter2@db:0/shop",
    ] {
        let error = DatabaseUrl::parse(text).unwrap_err();
        let everything = format!("{error} {error:?}");
        assert!(!everything.contains("ter2"), "{text}: {everything}");
    }
}

#[test]
fn a_socket_needs_no_host_in_the_authority() {
    let url = DatabaseUrl::parse("postgres:///shop?host=/run/postgresql&user=app").unwrap();
    assert!(url.hosts().is_empty());
    assert_eq!(
        url.expose(),
        "postgres:///shop?host=/run/postgresql&user=app"
    );
}

#[test]
fn several_hosts_and_ipv6_keep_their_ports() {
    let url = DatabaseUrl::parse("postgres://app@[::1]:5432,db2:5433/shop").unwrap();
    assert_eq!(url.hosts(), ["[::1]:5432", "db2:5433"]);
}

#[test]
fn parameters_are_decoded_and_can_be_taken_out() {
    let url = DatabaseUrl::parse("postgres://a:hunter2@db/s?sslmode=require&options=-c%20x%3D1+2")
        .unwrap();
    assert_eq!(url.parameter("sslmode"), Some("require"));
    assert_eq!(url.parameter("options"), Some("-c x=1+2"));
    let stripped = url.without_parameters(&["sslmode"]);
    assert_eq!(
        stripped.expose(),
        "postgres://a:hunter2@db/s?options=-c%20x%3D1%2B2"
    );
    assert_eq!(
        stripped.to_string(),
        "postgres://a:***@db/s?options=-c%20x%3D1%2B2"
    );
    let bare = stripped.without_parameters(&["options"]);
    assert_eq!(bare.expose(), "postgres://a:hunter2@db/s");
}
