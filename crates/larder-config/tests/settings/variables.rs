//! The predecessor's variables: every one works, in its own unit.

use larder_config::definitions;

use crate::{fault, shown, source, with};

/// Each variable, a value in the predecessor's unit, the setting, and what it comes to.
const VARIABLES: [(&str, &str, &str, &str); 45] = [
    (
        "DATABASE_URL",
        "postgresql+psycopg2://app:pw@db:5433/shop",
        "database.url",
        "postgres://app:***@db:5433/shop",
    ),
    ("DB_POOL_SIZE", "7", "pool.size", "7"),
    ("DB_MAX_OVERFLOW", "0", "pool.overflow", "0"),
    ("DB_POOL_TIMEOUT", "1.5", "pool.acquire_timeout", "1s 500ms"),
    ("DB_POOL_RECYCLE", "1800", "pool.recycle", "30m"),
    ("DB_POOL_PRE_PING", "false", "pool.verify_idle", "false"),
    ("DB_CONNECT_TIMEOUT", "4", "database.connect_timeout", "4s"),
    (
        "DB_STATEMENT_TIMEOUT",
        "45000",
        "database.statement_timeout",
        "45s",
    ),
    (
        "PG_STATEMENT_TIMEOUT",
        "46000",
        "database.statement_timeout",
        "46s",
    ),
    (
        "DB_IDLE_TIMEOUT",
        "120000",
        "database.idle_in_transaction_timeout",
        "2m",
    ),
    (
        "PG_IDLE_TX_TIMEOUT",
        "180000",
        "database.idle_in_transaction_timeout",
        "3m",
    ),
    (
        "DB_ISOLATION_LEVEL",
        "REPEATABLE_READ",
        "database.isolation_level",
        "repeatable-read",
    ),
    ("DB_CACHE_TTL", "90", "cache.ttl", "1m 30s"),
    ("DB_CACHE_MAX_MEMORY", "2000", "cache.max_entries", "2000"),
    ("DB_ENABLE_QUERY_CACHE", "False", "cache.enabled", "false"),
    (
        "DB_SLOW_QUERY_THRESHOLD",
        "0.25",
        "query.slow_threshold",
        "250ms",
    ),
    ("DB_ENABLE_METRICS", "false", "metrics.enabled", "false"),
    ("DB_ECHO", "0", "query.log", "false"),
    (
        "DB_HEALTH_CHECK_INTERVAL",
        "15",
        "health.check_interval",
        "15s",
    ),
    (
        "DB_MAX_RESPONSE_TIME_MS",
        "750",
        "health.max_response_time",
        "750ms",
    ),
    ("DB_MAX_ERROR_RATE", "0.1", "health.max_error_rate", "0.1"),
    (
        "DB_MAX_FAILED_CONNECTIONS",
        "9",
        "health.max_failed_connections",
        "9",
    ),
    ("PGSSLMODE", "verify-ca", "database.tls", "verify-ca"),
    (
        "PGSSLROOTCERT",
        "/etc/ca.pem",
        "database.tls_root_certificate",
        "/etc/ca.pem",
    ),
    (
        "PGSSLCERT",
        "/etc/app.pem",
        "database.tls_certificate",
        "/etc/app.pem",
    ),
    (
        "PGSSLKEY",
        "/etc/app.key",
        "database.tls_key",
        "/etc/app.key",
    ),
    (
        "PGCHANNELBINDING",
        "require",
        "database.channel_binding",
        "require",
    ),
    (
        "PGTARGETSESSIONATTRS",
        "prefer-standby",
        "database.target_session_attrs",
        "prefer-standby",
    ),
    ("PG_KEEPALIVES_IDLE", "60", "database.keepalive_idle", "1m"),
    (
        "PG_KEEPALIVES_INTERVAL",
        "20",
        "database.keepalive_interval",
        "20s",
    ),
    ("PG_KEEPALIVES_COUNT", "6", "database.keepalive_count", "6"),
    (
        "REDIS_URL",
        "redis://:pw@cache:6379/1",
        "redis.url",
        "redis://:***@cache:6379/1",
    ),
    ("REDIS_URL", "memory://", "redis.url", "-"),
    ("REDIS_HOST", "cache", "redis.url", "redis://cache:6379/0"),
    (
        "REDIS_PORT",
        "6380",
        "redis.url",
        "redis://localhost:6380/0",
    ),
    (
        "REDIS_PASSWORD",
        "pw",
        "redis.url",
        "redis://:***@localhost:6379/0",
    ),
    ("REDIS_DB", "3", "redis.url", "redis://localhost:6379/3"),
    (
        "REDIS_SENTINEL_HOSTS",
        "s1:26379,s2:26379",
        "redis.sentinel_hosts",
        "s1:26379, s2:26379",
    ),
    (
        "REDIS_SENTINEL_SERVICE",
        "primary",
        "redis.sentinel_service",
        "primary",
    ),
    (
        "REDIS_CLUSTER_HOSTS",
        "c1:7000",
        "redis.cluster_hosts",
        "c1:7000",
    ),
    ("REDIS_TIMEOUT", "2", "redis.timeout", "2s"),
    ("REDIS_MAX_CONNECTIONS", "50", "redis.max_connections", "50"),
    (
        "DB_LOAD_BALANCE_STRATEGY",
        "round_robin",
        "database.load_balance_strategy",
        "round_robin",
    ),
    ("FLASK_ENV", "testing", "pool.size", "2"),
    ("LARDER_PROFILE", "test", "pool.size", "2"),
];

#[test]
fn every_variable_of_the_predecessor_works_in_its_unit() {
    for (name, text, key, value) in VARIABLES {
        let config = with(&[(name, text)]).load().unwrap();
        assert_eq!(shown(&config, key), value, "{name}={text}");
        if !matches!(name, "FLASK_ENV" | "LARDER_PROFILE") {
            assert!(
                source(&config, key).ends_with(name),
                "{}",
                source(&config, key)
            );
        }
    }
    for variable in definitions().flat_map(|row| row.variables) {
        let tried = VARIABLES.iter().any(|(name, ..)| *name == variable.name);
        assert!(tried, "{} is not tried here", variable.name);
    }
}

#[test]
fn their_defaults_are_the_predecessors() {
    let config = with(&[]).load().unwrap();
    for (key, value) in [
        ("pool.acquire_timeout", "30s"),
        ("pool.verify_idle", "true"),
        ("pool.verify_after", "30s"),
        ("pool.verify_timeout", "1s"),
        ("pool.shutdown_timeout", "30s"),
        ("database.connect_timeout", "10s"),
        ("database.statement_timeout", "1m"),
        ("database.idle_in_transaction_timeout", "5m"),
        ("database.isolation_level", "read-committed"),
        ("database.keepalive_idle", "30s"),
        ("database.keepalive_interval", "10s"),
        ("database.keepalive_count", "3"),
        ("database.application_name", "larder"),
        ("database.tenant_setting", "app.tenant"),
        ("embedded.start_timeout", "30s"),
        ("embedded.connect_timeout", "10s"),
        ("cache.max_entries", "1000"),
        ("cache.max_bytes", "64MiB"),
        ("cache.max_staleness", "1s"),
        ("redis.sentinel_service", "mymaster"),
        ("redis.timeout", "5s"),
        ("redis.max_connections", "100"),
        ("health.check_interval", "30s"),
        ("health.max_response_time", "1s"),
        ("health.max_error_rate", "0.05"),
        ("health.max_failed_connections", "5"),
    ] {
        assert_eq!(shown(&config, key), value, "{key}");
    }
}

#[test]
fn the_db_name_wins_over_the_other_name() {
    let config = with(&[
        ("PG_STATEMENT_TIMEOUT", "1000"),
        ("DB_STATEMENT_TIMEOUT", "2000"),
        ("DB_IDLE_TIMEOUT", "3000"),
        ("PG_IDLE_TX_TIMEOUT", "4000"),
    ])
    .load()
    .unwrap();
    assert_eq!(shown(&config, "database.statement_timeout"), "2s");
    assert_eq!(shown(&config, "database.idle_in_transaction_timeout"), "3s");

    let config = with(&[
        ("PG_STATEMENT_TIMEOUT", "1000"),
        ("DB_STATEMENT_TIMEOUT", ""),
    ])
    .load()
    .unwrap();
    assert_eq!(shown(&config, "database.statement_timeout"), "1s");
}

#[test]
fn a_redis_url_beats_its_parts_and_parts_are_encoded() {
    let parts = [
        ("REDIS_HOST", "cache"),
        ("REDIS_PORT", "6380"),
        ("REDIS_PASSWORD", "p@ss/word"),
        ("REDIS_DB", "2"),
    ];
    let config = with(&parts).load().unwrap();
    assert_eq!(
        config.redis.url.as_ref().unwrap().expose(),
        "redis://:p%40ss%2Fword@cache:6380/2"
    );
    assert_eq!(
        source(&config, "redis.url"),
        "environment variables REDIS_HOST, REDIS_PORT, REDIS_PASSWORD, REDIS_DB"
    );

    let with_url: Vec<_> = parts
        .into_iter()
        .chain([("REDIS_URL", "memory://")])
        .collect();
    assert!(with(&with_url).load().unwrap().redis.url.is_none());
}

#[test]
fn a_wrong_part_of_redis_names_its_own_variable() {
    let error = with(&[("REDIS_HOST", "cache"), ("REDIS_PORT", "none")])
        .load()
        .unwrap_err();
    let fault = fault(&error, "redis.url");
    assert_eq!(fault.source.to_string(), "environment variable REDIS_PORT");
    assert_eq!(fault.value.as_deref(), Some("\"none\""));
}

#[test]
fn what_kubernetes_sets_for_services_of_these_names_is_no_setting() {
    let config = with(&[
        ("LARDER_SERVICE_HOST", "10.0.0.1"),
        ("LARDER_SERVICE_PORT_HTTP", "80"),
        ("LARDER_PORT", "tcp://10.0.0.1:80"),
        ("LARDER_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("REDIS_PORT", "tcp://10.0.0.2:6379"),
    ])
    .load()
    .unwrap();
    assert!(config.redis.url.is_none());
}

#[test]
fn a_shadowed_variable_of_the_predecessor_need_not_be_right() {
    let variables = [("PGSSLMODE", "allow"), ("LARDER_DATABASE__TLS", "require")];
    assert!(with(&variables).load().is_ok());
    assert!(with(&variables[..1]).load().is_err());
}

#[test]
fn the_settings_own_variables_are_written_as_in_the_file() {
    let config = with(&[
        ("LARDER_POOL__ACQUIRE_TIMEOUT", "1m 5s"),
        ("LARDER_CACHE__MAX_BYTES", "1GiB"),
        ("LARDER_QUERY__LOG", "off"),
        ("LARDER_REDIS__CLUSTER_HOSTS", "a:1,b:2"),
        ("LARDER_LOGGING__LEVEL", "warn,larder_pool=trace"),
    ])
    .load()
    .unwrap();
    assert_eq!(shown(&config, "pool.acquire_timeout"), "1m 5s");
    assert_eq!(shown(&config, "cache.max_bytes"), "1GiB");
    assert!(!config.query.log);
    assert_eq!(config.redis.cluster_hosts.len(), 2);
    assert_eq!(config.logging.level.as_str(), "warn,larder_pool=trace");

    let error = with(&[("LARDER_POOL__ACQUIRE_TIMEOUT", "30")])
        .load()
        .unwrap_err();
    assert!(
        fault(&error, "pool.acquire_timeout")
            .cure
            .contains("\"30s\"")
    );
}
