//! The four profiles: how one is chosen, what it sets, what prod enforces.

use larder_config::{FaultKind, Profile};

use crate::{fault, shown, source, with};

const URL: (&str, &str) = ("DATABASE_URL", "postgres://app@db.example.com/shop");

#[test]
fn the_table_of_profiles_holds() {
    let table = [
        ("pool.size", ["5", "10", "20", "2"]),
        ("pool.overflow", ["10", "20", "30", "5"]),
        ("pool.recycle", ["1h", "1h", "1h", "5m"]),
        ("query.log", ["true", "false", "false", "false"]),
        ("cache.enabled", ["true", "true", "true", "false"]),
        ("query.slow_threshold", ["500ms", "1s", "2s", "1s"]),
        ("metrics.enabled", ["true", "true", "true", "false"]),
        (
            "metrics.per_fingerprint",
            ["true", "false", "false", "false"],
        ),
        (
            "database.tls",
            ["prefer", "require", "verify-full", "prefer"],
        ),
        ("logging.format", ["pretty", "json", "json", "pretty"]),
        ("logging.level", ["debug", "info", "info", "info"]),
        ("pool.idle_timeout", ["10m", "10m", "10m", "10s"]),
        ("cache.cleanup_interval", ["1m", "1m", "1m", "1s"]),
        ("health.check_interval", ["30s", "30s", "30s", "1s"]),
        ("admin.enabled", ["true", "false", "false", "false"]),
        ("admin.actions", ["false", "false", "false", "false"]),
    ];
    for (index, profile) in Profile::ALL.into_iter().enumerate() {
        let config = with(&[URL]).profile(profile).load().unwrap();
        for (key, values) in table {
            assert_eq!(shown(&config, key), values[index], "{key} in {profile}");
            assert_eq!(source(&config, key), format!("built-in profile {profile}"));
        }
        assert_eq!(config.profile(), profile);
        assert!(config.notices().is_empty(), "{:?}", config.notices());
    }
    let ttl = |profile| shown(&with(&[URL]).profile(profile).load().unwrap(), "cache.ttl");
    assert_eq!(ttl(Profile::Dev), "1m");
    assert_eq!(ttl(Profile::Staging), "5m");
    assert_eq!(ttl(Profile::Prod), "10m");
}

#[test]
fn the_profile_comes_from_its_variable_then_from_the_predecessors_then_is_dev() {
    let chosen = |variables: &[(&str, &str)]| {
        let variables: Vec<_> = variables.iter().copied().chain([URL]).collect();
        let config = with(&variables).load().unwrap();
        (config.profile(), config.profile_source().to_string())
    };
    let larder = ("LARDER_PROFILE", "Staging");
    let flask = ("FLASK_ENV", "production");
    assert_eq!(
        chosen(&[larder, flask]),
        (
            Profile::Staging,
            "environment variable LARDER_PROFILE".to_owned()
        )
    );
    assert_eq!(
        chosen(&[flask, ("LARDER_PROFILE", "")]),
        (Profile::Prod, "environment variable FLASK_ENV".to_owned())
    );
    assert_eq!(
        chosen(&[]),
        (Profile::Dev, "built-in profile dev".to_owned())
    );
}

#[test]
fn an_unknown_profile_is_a_fault_beside_the_others() {
    let error = with(&[("LARDER_PROFILE", "prodd"), ("DB_POOL_SIZE", "many")])
        .load()
        .unwrap_err();
    assert_eq!(error.profile(), None);
    let unknown = fault(&error, "LARDER_PROFILE");
    assert_eq!(unknown.kind, FaultKind::UnknownProfile);
    assert_eq!(unknown.value.as_deref(), Some("\"prodd\""));
    assert_eq!(
        unknown.source.to_string(),
        "environment variable LARDER_PROFILE"
    );
    for word in [
        "dev",
        "staging",
        "prod",
        "test",
        "development",
        "did you mean `prod`?",
    ] {
        assert!(unknown.cure.contains(word), "{}", unknown.cure);
    }
    assert_eq!(fault(&error, "pool.size").kind, FaultKind::WrongType);
    assert_eq!(error.faults().len(), 2, "{error}");
}

#[test]
fn without_a_url_dev_and_test_use_the_embedded_database_where_it_is_built_in() {
    for profile in [Profile::Dev, Profile::Test] {
        let config = with(&[]).profile(profile).load().unwrap();
        assert!(config.uses_embedded());
        assert_eq!(config.notices()[0].key, "database.url");

        let error = with(&[])
            .profile(profile)
            .embedded_available(false)
            .load()
            .unwrap_err();
        let missing = fault(&error, "database.url");
        assert_eq!(missing.kind, FaultKind::Missing);
        assert!(missing.cure.contains("embedded"));
    }
    for profile in [Profile::Staging, Profile::Prod] {
        let error = with(&[]).profile(profile).load().unwrap_err();
        let missing = fault(&error, "database.url");
        assert_eq!(missing.kind, FaultKind::Missing);
        assert_eq!(
            missing.source.to_string(),
            format!("built-in profile {profile}")
        );
        assert!(missing.cure.contains("DATABASE_URL"));
    }
}

#[test]
fn prod_raises_a_small_pool_and_says_so() {
    let config = with(&[URL, ("LARDER_POOL__OVERFLOW", "24")])
        .profile(Profile::Prod)
        .set("pool.size", 14)
        .load()
        .unwrap();
    assert_eq!((config.pool.size, config.pool.overflow), (15, 25));
    assert_eq!(
        source(&config, "pool.size"),
        "enforced by profile prod over code"
    );
    assert_eq!(
        source(&config, "pool.overflow"),
        "enforced by profile prod over environment variable LARDER_POOL__OVERFLOW"
    );
    let notices: Vec<_> = config.notices().iter().map(ToString::to_string).collect();
    assert_eq!(notices.len(), 2);
    assert!(
        notices[0].contains("raised from 14 (code) to 15"),
        "{notices:?}"
    );

    let larger = with(&[URL])
        .profile(Profile::Prod)
        .set("pool.size", 16)
        .load()
        .unwrap();
    assert_eq!(larger.pool.size, 16);
    let staging = with(&[URL])
        .profile(Profile::Staging)
        .set("pool.size", 1)
        .load()
        .unwrap();
    assert_eq!(staging.pool.size, 1);
}

#[test]
fn prod_may_lower_tls_to_require_with_a_notice_and_never_below() {
    for mode in ["require", "verify-ca"] {
        let config = with(&[URL, ("PGSSLMODE", mode)])
            .profile(Profile::Prod)
            .load()
            .unwrap();
        assert_eq!(config.database.tls.name(), mode);
        assert_eq!(config.notices()[0].key, "database.tls");
        assert!(config.notices()[0].message.contains("PGSSLMODE"));
    }
    for mode in ["prefer", "disable"] {
        let error = with(&[URL, ("PGSSLMODE", mode)])
            .profile(Profile::Prod)
            .load()
            .unwrap_err();
        let forbidden = fault(&error, "database.tls");
        assert_eq!(forbidden.kind, FaultKind::Forbidden);
        assert_eq!(
            forbidden.source.to_string(),
            "environment variable PGSSLMODE"
        );
    }
}

#[test]
fn the_url_cannot_get_round_the_tls_of_prod() {
    let url = |parameter: &str| format!("postgres://app@db.example.com/shop?{parameter}");
    let error = with(&[("DATABASE_URL", &url("sslmode=disable"))])
        .profile(Profile::Prod)
        .load()
        .unwrap_err();
    let forbidden = fault(&error, "database.tls");
    assert_eq!(
        forbidden.source.to_string(),
        "sslmode in the URL of environment variable DATABASE_URL"
    );

    let config = with(&[("DATABASE_URL", &url("sslmode=require"))])
        .profile(Profile::Prod)
        .load()
        .unwrap();
    assert_eq!(config.database.tls.name(), "require");
    assert_eq!(config.notices().len(), 1);
}
