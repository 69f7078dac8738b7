//! Broken configurations: every fault at once, each with key, value, source and cure.

use larder_config::{Error, ErrorKind, FaultKind, Profile};

use crate::{File, fault, shown, source, with};

const SECRET: &str = "hunter2";

/// The message that a user gets, which must name these and must not hold the secret.
fn message(error: &Error, parts: &[&str]) -> String {
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "`{part}` is missing in:\n{message}");
    }
    assert!(!message.contains(SECRET), "secret in:\n{message}");
    message
}

#[test]
fn wrong_types_are_told_all_at_once() {
    let file = File::new(&format!(
        "[default.database]\nurl = 5\n\n[default.pool]\nsize = \"many\"\nacquire_timeout = 30\n\n\
         [prod.cache]\nmax_bytes = 64\n\n[dev.redis]\nurl = \"amqp://:{SECRET}@cache\"\n"
    ));
    let error = file
        .load(&[
            ("DB_MAX_OVERFLOW", "few"),
            ("LARDER_CACHE__ENABLED", "perhaps"),
        ])
        .unwrap_err();
    message(
        &error,
        &[
            "load the configuration of profile dev: 7 faults",
            "database.url = (hidden)",
            "larder.toml, section [default], line 2",
            "pool.size = \"many\"",
            "larder.toml, section [default], line 5",
            "write a whole number without quotes, from 1 to 10000",
            "pool.acquire_timeout = 30",
            "write a unit: \"30s\" for seconds, \"30ms\" for milliseconds",
            "cache.max_bytes = 64",
            "larder.toml, section [prod], line 9",
            "redis.url = (hidden)",
            "is not a Redis URL",
            "pool.overflow = \"few\"",
            "environment variable DB_MAX_OVERFLOW",
            "cache.enabled = \"perhaps\"",
            "environment variable LARDER_CACHE__ENABLED",
        ],
    );
}

#[test]
fn every_wrong_variable_is_told_also_where_several_belong_to_one_section() {
    let error = with(&[
        ("DB_POOL_SIZE", "many"),
        ("DB_MAX_OVERFLOW", "-1"),
        ("DB_POOL_TIMEOUT", "0"),
        ("DB_CONNECT_TIMEOUT", "soon"),
        ("DB_STATEMENT_TIMEOUT", "5m"),
    ])
    .load()
    .unwrap_err();
    let mut keys: Vec<_> = error
        .faults()
        .iter()
        .map(|fault| fault.key.as_str())
        .collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "database.connect_timeout",
            "database.statement_timeout",
            "pool.acquire_timeout",
            "pool.overflow",
            "pool.size",
        ]
    );
}

#[test]
fn unknown_keys_sections_and_variables_are_told_with_the_nearest_name() {
    let file = File::new(&format!(
        "[default.pool]\nsise = 5\n\n[default.databse]\nurl = \"postgres://a:{SECRET}@b/c\"\n\n\
         [production.pool]\nsize = 20\n\n[staging]\ntimeout = 3\n\n[pool]\nsize = 3\n\n[global.pool]\nsize = 1\n"
    ));
    let error = file
        .load(&[
            ("LARDER_POOL_SIZE", "5"),
            (
                "LARDER_DATABASE__ULR",
                &format!("postgres://a:{SECRET}@b/c"),
            ),
        ])
        .unwrap_err();
    message(
        &error,
        &[
            "8 faults",
            "pool.sise",
            "larder.toml, section [default], line 2",
            "did you mean `pool.size`?",
            "did you mean `[default.database]`?",
            "did you mean `[prod]`?",
            "larder.toml, section [staging], line 11",
            "did you mean `[default.pool]`?",
            "LARDER_POOL_SIZE",
            "did you mean `LARDER_POOL__SIZE`?",
            "did you mean `LARDER_DATABASE__URL`?",
        ],
    );
    assert_eq!(fault(&error, "global").kind, FaultKind::UnknownSection);
    assert_eq!(
        fault(&error, "LARDER_POOL_SIZE").kind,
        FaultKind::UnknownVariable
    );
    assert!(error.faults().iter().all(|fault| fault.value.is_none()));
}

#[test]
fn prod_without_url_is_told_beside_what_else_is_wrong() {
    let file = File::new("[prod.pool]\nsize = 0\n[prod.database]\ntls = \"prefer\"\n");
    let error = file
        .load(&[("LARDER_PROFILE", "prod"), ("DB_CONNECT_TIMEOUT", "0.5")])
        .unwrap_err();
    message(
        &error,
        &[
            "load the configuration of profile prod: 4 faults",
            "database.url",
            "built-in profile prod",
            "is not set, and this profile does not run without it",
            "set DATABASE_URL",
            "pool.size = 0",
            "is too small",
            "larder.toml, section [prod], line 2",
            "database.tls = \"prefer\"",
            "larder.toml, section [prod], line 4",
            "verify-full",
            "database.connect_timeout = \"0.5\"",
            "environment variable DB_CONNECT_TIMEOUT",
            "write a number of seconds, at least 1;",
        ],
    );
    let keys: Vec<_> = error
        .faults()
        .iter()
        .map(|fault| fault.key.as_str())
        .collect();
    assert_eq!(
        keys,
        [
            "pool.size",
            "database.tls",
            "database.connect_timeout",
            "database.url"
        ]
    );
    assert_eq!(error.profile(), Some(Profile::Prod));
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[test]
fn values_out_of_range_are_told() {
    let too_small_or_large = [
        ("DB_POOL_SIZE", "0", "pool.size"),
        ("DB_POOL_SIZE", "10001", "pool.size"),
        ("DB_MAX_OVERFLOW", "-1", "pool.overflow"),
        ("DB_POOL_TIMEOUT", "0", "pool.acquire_timeout"),
        ("DB_POOL_RECYCLE", "-1", "pool.recycle"),
        ("DB_CONNECT_TIMEOUT", "0.9", "database.connect_timeout"),
        ("DB_STATEMENT_TIMEOUT", "999", "database.statement_timeout"),
        (
            "DB_STATEMENT_TIMEOUT",
            "2147483648",
            "database.statement_timeout",
        ),
        (
            "DB_IDLE_TIMEOUT",
            "0",
            "database.idle_in_transaction_timeout",
        ),
        ("DB_CACHE_TTL", "-1", "cache.ttl"),
        ("DB_CACHE_MAX_MEMORY", "0", "cache.max_entries"),
        ("DB_SLOW_QUERY_THRESHOLD", "-0.1", "query.slow_threshold"),
        ("DB_MAX_ERROR_RATE", "1.1", "health.max_error_rate"),
        ("DB_MAX_ERROR_RATE", "-0.1", "health.max_error_rate"),
        (
            "DB_MAX_FAILED_CONNECTIONS",
            "-1",
            "health.max_failed_connections",
        ),
        ("DB_MAX_RESPONSE_TIME_MS", "-1", "health.max_response_time"),
        ("PG_KEEPALIVES_COUNT", "0", "database.keepalive_count"),
        ("PG_KEEPALIVES_IDLE", "0", "database.keepalive_idle"),
        ("REDIS_TIMEOUT", "0", "redis.timeout"),
        ("REDIS_MAX_CONNECTIONS", "0", "redis.max_connections"),
        (
            "LARDER_EMBEDDED__START_TIMEOUT",
            "1ms",
            "embedded.start_timeout",
        ),
        (
            "LARDER_POOL__SHUTDOWN_TIMEOUT",
            "999ms",
            "pool.shutdown_timeout",
        ),
        ("LARDER_CACHE__MAX_STALENESS", "0s", "cache.max_staleness"),
        ("LARDER_CACHE__MAX_BYTES", "0B", "cache.max_bytes"),
        ("LARDER_CACHE__POLL_INTERVAL", "19ms", "cache.poll_interval"),
        ("LARDER_CACHE__POLL_INTERVAL", "61s", "cache.poll_interval"),
        ("LARDER_CACHE__SHADOW", "1.1", "cache.shadow"),
        ("LARDER_CACHE__HOT_WRITES", "-1", "cache.hot_writes"),
        ("LARDER_CACHE__EARLY_REFRESH", "-0.1", "cache.early_refresh"),
        ("LARDER_CACHE__JITTER", "0.51", "cache.jitter"),
        ("LARDER_CACHE__LOAD_LOCK", "61s", "cache.load_lock"),
        (
            "LARDER_CACHE__WARM_PARALLELISM",
            "0",
            "cache.warm_parallelism",
        ),
        (
            "LARDER_CACHE__WARM_PARALLELISM",
            "1001",
            "cache.warm_parallelism",
        ),
        ("LARDER_CACHE__WARM_TIMEOUT", "0s", "cache.warm_timeout"),
        ("LARDER_CACHE__WARM_TIMEOUT", "86401s", "cache.warm_timeout"),
        ("LARDER_CACHE__WARM_KEYS", "-1", "cache.warm_keys"),
        ("LARDER_CACHE__WARM_KEYS", "100001", "cache.warm_keys"),
        ("LARDER_REDIS__DEADLINE", "0ms", "redis.deadline"),
        ("LARDER_REDIS__DEADLINE", "5001ms", "redis.deadline"),
    ];
    for (name, text, key) in too_small_or_large {
        let error = with(&[(name, text)]).load().unwrap_err();
        let fault = fault(&error, key);
        assert_eq!(fault.kind, FaultKind::OutOfRange, "{name}={text}");
        assert_eq!(
            fault.source.to_string(),
            format!("environment variable {name}")
        );
        assert_eq!(fault.value.as_deref(), Some(format!("{text:?}").as_str()));
        assert_eq!(error.faults().len(), 1, "{error}");
    }
    for (name, text) in [
        ("DB_MAX_ERROR_RATE", "1"),
        ("DB_SLOW_QUERY_THRESHOLD", "0"),
        ("DB_POOL_TIMEOUT", "1"),
        ("LARDER_POOL__VERIFY_AFTER", "0s"),
        ("LARDER_CACHE__WARM_PARALLELISM", "1000"),
        ("LARDER_CACHE__WARM_TIMEOUT", "1ms"),
        ("LARDER_CACHE__WARM_TIMEOUT", "24h"),
        ("LARDER_CACHE__WARM_KEYS", "0"),
        ("LARDER_CACHE__WARM_KEYS", "100000"),
    ] {
        assert!(with(&[(name, text)]).load().is_ok(), "{name}={text}");
    }
}

#[test]
fn a_file_that_is_not_toml_is_told_with_line_and_column_beside_the_rest() {
    let file = File::new("[default.pool]\nsize = = 5\n");
    let error = file.load(&[("DB_MAX_OVERFLOW", "-1")]).unwrap_err();
    let message = message(
        &error,
        &["larder.toml", "line 2, column 8", "pool.overflow"],
    );
    assert_eq!(error.kind(), ErrorKind::File);
    assert_eq!(error.faults().len(), 2, "{message}");
}

#[test]
fn a_fault_of_a_line_is_told_once_though_another_layer_overrides_it() {
    let file = File::new("[default.pool]\nsize = 0\n");
    let error = file.load(&[("DB_POOL_SIZE", "9")]).unwrap_err();
    assert_eq!(error.faults().len(), 1, "{error}");
    let error = file.load(&[]).unwrap_err();
    assert_eq!(error.faults().len(), 1, "{error}");
}

#[test]
fn a_broken_url_is_not_also_called_missing() {
    let error = with(&[("DATABASE_URL", SECRET)])
        .profile(Profile::Prod)
        .load()
        .unwrap_err();
    assert_eq!(error.faults().len(), 1, "{error}");
    let error = with(&[("LARDER_DATABASE__URL", SECRET)])
        .profile(Profile::Prod)
        .load()
        .unwrap_err();
    assert_eq!(error.faults().len(), 1, "{error}");
}

#[test]
fn tables_dates_and_values_in_the_wrong_place_are_told() {
    let file = File::new(
        "dev = 5\n[default]\npool = 3\n[default.cache]\nttl = 2020-01-01\nmax_bytes = { mib = 64 }\n",
    );
    let error = file.load(&[]).unwrap_err();
    message(
        &error,
        &[
            "4 faults",
            "is a date or a time, not a duration with a unit",
            "is a table, not a size with a unit",
            "is a section, not a value",
            "is not a section",
        ],
    );
}

#[test]
fn sentinels_and_a_cluster_contradict_each_other() {
    let error = with(&[
        ("REDIS_SENTINEL_HOSTS", "s:1"),
        ("REDIS_CLUSTER_HOSTS", "c:1"),
    ])
    .load()
    .unwrap_err();
    assert_eq!(
        fault(&error, "redis.cluster_hosts").kind,
        FaultKind::Conflict
    );
}

#[test]
fn polls_are_at_least_twice_as_often_as_the_promise() {
    let error = with(&[
        ("LARDER_CACHE__POLL_INTERVAL", "501ms"),
        ("LARDER_CACHE__MAX_STALENESS", "1s"),
    ])
    .load()
    .unwrap_err();
    message(
        &error,
        &[
            "cache.poll_interval = \"501ms\"",
            "environment variable LARDER_CACHE__POLL_INTERVAL",
            "is more than half of cache.max_staleness, which is 1s",
            "write at most \"500ms\", or set cache.max_staleness to at least \"1s 2ms\"",
        ],
    );
    // Also where the promise is what was set.
    let error = with(&[("LARDER_CACHE__MAX_STALENESS", "499ms")])
        .load()
        .unwrap_err();
    assert_eq!(
        fault(&error, "cache.poll_interval").kind,
        FaultKind::Conflict
    );
    with(&[("LARDER_CACHE__MAX_STALENESS", "500ms")])
        .load()
        .unwrap();
}

#[test]
fn words_and_lists_of_the_cache_are_told_with_what_would_be_right() {
    let file = File::new(
        "[default.cache]\nmode = \"share\"\nhints = false\nnever_in_redis = [\"users\", \"\"]\n",
    );
    let error = file.load(&[]).unwrap_err();
    message(
        &error,
        &[
            "one of shared, local; did you mean `shared`?",
            "one of redis, notify, off",
            "cache.never_in_redis",
            "is empty in entry 2",
        ],
    );
}

#[test]
fn code_is_held_to_the_same_rules() {
    let error = with(&[])
        .set("pool.sise", 5)
        .set("pool.size", 0)
        .load()
        .unwrap_err();
    assert!(
        fault(&error, "pool.sise")
            .cure
            .contains("did you mean `pool.size`?")
    );
    assert_eq!(fault(&error, "pool.size").source.to_string(), "code");
    assert!(with(&[]).set("database.url", u64::MAX).load().is_err());
}

#[test]
fn system_authorities_demand_verify_full() {
    let url = ("DATABASE_URL", "postgres://app@db.example.com/shop");
    let root = ("PGSSLROOTCERT", "system");
    let config = with(&[url, root]).load().unwrap();
    assert_eq!(shown(&config, "database.tls"), "verify-full");
    assert_eq!(
        source(&config, "database.tls"),
        "environment variable PGSSLROOTCERT"
    );
    let error = with(&[url, root, ("PGSSLMODE", "require")])
        .load()
        .unwrap_err();
    let fault = fault(&error, "database.tls");
    assert_eq!(fault.kind, FaultKind::Conflict);
    assert!(fault.problem.contains("PGSSLROOTCERT"), "{fault}");
}

#[test]
fn actions_outside_dev_and_test_need_a_token() {
    let variables = [
        ("DATABASE_URL", "postgres://app@db/shop"),
        ("LARDER_ADMIN__ACTIONS", "true"),
    ];
    let token = ("LARDER_ADMIN__TOKEN", "0123456789abcdef");
    for profile in [Profile::Staging, Profile::Prod] {
        let load = |variables: &[(&str, &str)]| with(variables).profile(profile).load();
        let error = load(&variables).unwrap_err();
        message(
            &error,
            &[
                "admin.actions = true",
                "LARDER_ADMIN__ACTIONS",
                "without admin.token",
                "openssl rand -hex 32",
            ],
        );
        assert_eq!(fault(&error, "admin.actions").kind, FaultKind::Conflict);
        load(&[variables[0], variables[1], token]).unwrap();
    }
    for profile in [Profile::Dev, Profile::Test] {
        with(&variables).profile(profile).load().unwrap();
    }
}

#[test]
fn pages_that_others_can_reach_need_a_token() {
    let url = ("DATABASE_URL", "postgres://app@db/shop");
    let on = ("LARDER_ADMIN__ENABLED", "true");
    let everywhere = ("LARDER_ADMIN__ADDRESS", "0.0.0.0:7432");
    let error = with(&[url, on, everywhere]).load().unwrap_err();
    message(
        &error,
        &[
            "admin.token",
            "LARDER_ADMIN__ADDRESS",
            "admin.address 0.0.0.0:7432 can be reached from other machines",
            "openssl rand -hex 32",
        ],
    );
    // Too short to be kept from being guessed, which is one fault and not two.
    let short = ("LARDER_ADMIN__TOKEN", SECRET);
    let error = with(&[url, on, everywhere, short]).load().unwrap_err();
    message(&error, &["1 fault", "shorter than 16 characters"]);

    let token = ("LARDER_ADMIN__TOKEN", "0123456789abcdef");
    let config = with(&[url, on, everywhere, token]).load().unwrap();
    assert_eq!(shown(&config, "admin.token"), "***");
    assert_eq!(
        source(&config, "admin.token"),
        "environment variable LARDER_ADMIN__TOKEN"
    );
    // On this machine alone, or not served at all.
    for (address, enabled) in [("[::1]:1", "true"), ("0.0.0.0:7432", "false")] {
        let loaded = with(&[
            url,
            ("LARDER_ADMIN__ENABLED", enabled),
            ("LARDER_ADMIN__ADDRESS", address),
        ]);
        loaded.load().unwrap();
    }
}
