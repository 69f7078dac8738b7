//! The layers, each overriding the one below, and the source that every value keeps.

use std::time::Duration;

use larder_config::{Profile, SettingValue, definitions};

use crate::{File, shown, source, with};

#[test]
fn each_layer_overrides_the_one_below_and_leaves_its_name() {
    let file = File::new(
        "[default.pool]\nsize = 6\noverflow = 11\nacquire_timeout = \"6s\"\nrecycle = \"6m\"\n\n\
         [staging.pool]\noverflow = 12\nacquire_timeout = \"7s\"\nrecycle = \"7m\"\n",
    );
    let variables = [
        ("LARDER_PROFILE", "staging"),
        ("DATABASE_URL", "postgres://app@db/shop"),
        ("DB_POOL_TIMEOUT", "8"),
        ("DB_POOL_RECYCLE", "8"),
        ("LARDER_POOL__RECYCLE", "9s"),
    ];
    let config = file.load(&variables).unwrap();
    let expected = [
        ("pool.idle_timeout", "10m", "built-in profile staging"),
        ("pool.size", "6", "larder.toml, section [default], line 2"),
        (
            "pool.overflow",
            "12",
            "larder.toml, section [staging], line 8",
        ),
        (
            "pool.acquire_timeout",
            "8s",
            "environment variable DB_POOL_TIMEOUT",
        ),
        (
            "pool.recycle",
            "9s",
            "environment variable LARDER_POOL__RECYCLE",
        ),
    ];
    for (key, value, from) in expected {
        assert_eq!(shown(&config, key), value, "{key}");
        assert_eq!(source(&config, key), from, "{key}");
    }

    let path = config.file().unwrap().to_owned();
    let config = with(&variables)
        .file(path)
        .set("pool.recycle", Duration::from_secs(10))
        .load()
        .unwrap();
    assert_eq!(config.pool.recycle, Duration::from_secs(10));
    assert_eq!(source(&config, "pool.recycle"), "code");
}

#[test]
fn every_setting_is_listed_once_with_a_source_and_documentation() {
    let config = with(&[]).load().unwrap();
    let listed: Vec<_> = config.settings().map(|setting| setting.key).collect();
    let known: Vec<_> = definitions().map(|row| row.key).collect();
    assert_eq!(listed, known);
    for setting in config.settings() {
        assert_eq!(
            setting.source.to_string(),
            "built-in profile dev",
            "{}",
            setting.key
        );
        assert!(!setting.doc.is_empty(), "{}", setting.key);
    }
    assert_eq!(
        config.setting("database.url").unwrap().value,
        SettingValue::Unset
    );
}

#[test]
fn the_sections_of_other_profiles_have_no_effect() {
    let file = File::new("[prod.pool]\nsize = 40\n[test.cache]\nenabled = true\n");
    let config = file.load(&[]).unwrap();
    assert_eq!(config.pool.size, 5);
}

#[test]
fn the_file_that_a_variable_names_is_read_and_must_exist() {
    let file = File::new("[default.pool]\nsize = 7\n");
    let path = file.directory.path().join("larder.toml");
    let loader = |path: &str| {
        larder_config::ConfigLoader::new()
            .environment([("LARDER_CONFIG", path)])
            .embedded_available(true)
            .load()
    };
    assert_eq!(loader(path.to_str().unwrap()).unwrap().pool.size, 7);

    let error = loader("/nowhere/larder.toml").unwrap_err();
    assert_eq!(error.kind(), larder_config::ErrorKind::File);
    let fault = crate::fault(&error, "/nowhere/larder.toml");
    assert_eq!(
        fault.source.to_string(),
        "environment variable LARDER_CONFIG"
    );
}

#[test]
fn a_missing_file_does_not_accuse_the_url_that_may_stand_in_it() {
    let error = with(&[])
        .profile(Profile::Prod)
        .file("/nowhere/larder.toml")
        .load()
        .unwrap_err();
    assert_eq!(error.faults().len(), 1, "{error}");
}

#[test]
fn a_ttl_of_zero_turns_the_cache_off_wherever_it_comes_from() {
    let config = with(&[("DB_CACHE_TTL", "0")]).load().unwrap();
    assert!(!config.cache.enabled);
    assert_eq!(
        source(&config, "cache.enabled"),
        "environment variable DB_CACHE_TTL"
    );

    let config = with(&[("DB_CACHE_TTL", "0"), ("LARDER_CACHE__TTL", "5m")])
        .load()
        .unwrap();
    assert!(config.cache.enabled);

    let config = with(&[("DB_CACHE_TTL", "0"), ("DB_ENABLE_QUERY_CACHE", "true")])
        .load()
        .unwrap();
    assert!(!config.cache.enabled);
    assert!(
        config
            .notices()
            .iter()
            .any(|notice| notice.key == "cache.enabled")
    );
}

#[test]
fn the_urls_parameters_are_settings_of_its_layer() {
    let url = "postgres://app@db/shop?sslmode=verify-ca&connect_timeout=3&application_name=shop\
               &load_balance_hosts=random";
    let config = with(&[("DATABASE_URL", url), ("PGSSLMODE", "require")])
        .load()
        .unwrap();
    assert_eq!(config.database.tls.name(), "verify-ca");
    assert_eq!(config.database.connect_timeout, Duration::from_secs(3));
    assert_eq!(config.database.application_name, "shop");
    assert_eq!(
        source(&config, "database.connect_timeout"),
        "connect_timeout in the URL of environment variable DATABASE_URL"
    );
    assert_eq!(
        config.database.url.unwrap().expose(),
        "postgres://app@db/shop?load_balance_hosts=random"
    );

    let named = with(&[("DATABASE_URL", url), ("LARDER_DATABASE__TLS", "require")])
        .load()
        .unwrap();
    assert_eq!(named.database.tls.name(), "require");

    let file = File::new(
        "[default.database]\ntls = \"verify-full\"\nurl = \"postgres://a@b/c?sslmode=disable\"\n",
    );
    assert_eq!(file.load(&[]).unwrap().database.tls.name(), "verify-full");
    let shadowed = file.load(&[("DATABASE_URL", "postgres://a@b/c")]).unwrap();
    assert_eq!(shadowed.database.tls.name(), "verify-full");
}
