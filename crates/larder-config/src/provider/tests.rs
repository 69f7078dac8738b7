//! Every row of the table, and hosts that only look like one.

use super::*;
use crate::{ConfigLoader, Profile};

fn detection(place: &str) -> Option<Detection> {
    detect(&DatabaseUrl::parse(&format!("postgres://app:s3cret@{place}/shop")).unwrap())
}

/// What is set, in short: the pooler, TLS, and the other keys.
fn effects(detection: &Detection) -> Vec<String> {
    let short = |effect: &ProviderEffect| format!("{}={}", effect.key, effect.value);
    detection.effects.iter().map(short).collect()
}

const TRANSACTION: &str = "database.pooler=transaction";
const SESSION: &str = "database.pooler=session";
const NONE: &str = "database.pooler=none";
const TLS: &str = "database.tls=require";

#[test]
fn every_provider_is_known_by_host_and_port() {
    let aurora = "database.target_session_attrs=read-write";
    let patient = "database.connect_timeout=20s";
    let (old, idle) = ("pool.recycle=600s", "pool.idle_timeout=300s");
    let rows: &[(&str, &str, &[&str])] = &[
        (
            "ep-cool-1-pooler.eu-central-1.aws.neon.tech",
            "Neon",
            &[TRANSACTION, TLS, patient],
        ),
        (
            "EP-COOL-1-POOLER.c-2.us-east-2.aws.Neon.Tech.:5432",
            "Neon",
            &[TRANSACTION, TLS, patient],
        ),
        (
            "ep-cool-1.eu-central-1.aws.neon.tech",
            "Neon",
            &[NONE, TLS, patient],
        ),
        ("db.abcdefgh.supabase.co:5432", "Supabase", &[NONE, TLS]),
        (
            "db.abcdefgh.supabase.co:6543",
            "Supabase",
            &[TRANSACTION, TLS],
        ),
        (
            "aws-0-eu-central-1.pooler.supabase.com:5432",
            "Supabase",
            &[SESSION, TLS],
        ),
        (
            "aws-0-eu-central-1.pooler.supabase.com:6543",
            "Supabase",
            &[TRANSACTION, TLS],
        ),
        (
            "shop.abc123.eu-west-1.rds.amazonaws.com",
            "AWS RDS",
            &[NONE, TLS],
        ),
        (
            "shop.proxy-abc123.eu-west-1.rds.amazonaws.com",
            "AWS RDS Proxy",
            &[SESSION, TLS],
        ),
        (
            "shop.cluster-abc123.eu-west-1.rds.amazonaws.com",
            "AWS Aurora (writer)",
            &[NONE, TLS, aurora],
        ),
        (
            "shop.cluster-ro-abc123.eu-west-1.rds.amazonaws.com",
            "AWS Aurora (readers)",
            &[NONE, TLS],
        ),
        (
            "shop.cluster-abc.cn-north-1.rds.amazonaws.com.cn",
            "AWS Aurora (writer)",
            &[NONE, TLS, aurora],
        ),
        (
            "shop.postgres.database.azure.com:5432",
            "Azure",
            &[NONE, TLS],
        ),
        (
            "shop.postgres.database.azure.com:6432",
            "Azure",
            &[TRANSACTION, TLS],
        ),
        (
            "ec2-1-2-3-4.compute-1.amazonaws.com",
            "Heroku",
            &[NONE, TLS],
        ),
        (
            "dpg-abc123-a.oregon-postgres.render.com",
            "Render",
            &[NONE, TLS],
        ),
        ("dpg-abc123-a", "Render (private network)", &[NONE]),
        (
            "postgres.railway.internal",
            "Railway (private network)",
            &[],
        ),
        ("monorail.proxy.rlwy.net:12345", "Railway", &[TLS]),
        ("pgbouncer.abc123.flympg.net", "Fly", &[SESSION, old, idle]),
        ("direct.abc123.flympg.net", "Fly", &[NONE, old, idle]),
        (
            "shop-do-user-1.b.db.ondigitalocean.com:25060",
            "DigitalOcean",
            &[NONE, TLS],
        ),
        (
            "shop-do-user-1.b.db.ondigitalocean.com:25061",
            "DigitalOcean",
            &[TRANSACTION, TLS],
        ),
        ("pg-1.shop.aivencloud.com:21699", "Aiven", &[TLS]),
        (
            "abc.def.tsdb.cloud.timescale.com:33344",
            "Timescale",
            &[TLS],
        ),
        (
            "shop-1.5xj.gcp-europe-west1.cockroachlabs.cloud:26257",
            "CockroachDB",
            &[NONE, TLS, "pool.recycle=15m"],
        ),
        ("yb.example.com:5433", "YugabyteDB", &[]),
        (
            "p.abc.db.postgresbridge.com:5432",
            "Crunchy Bridge",
            &[NONE, TLS],
        ),
        (
            "p.abc.db.postgresbridge.com:5431",
            "Crunchy Bridge",
            &[TRANSACTION, TLS],
        ),
        ("localhost", "local", &[]),
        ("localhost:5433", "local", &[]),
        ("127.0.0.1:6432", "local", &[]),
        ("[::1]:5432", "local", &[]),
        ("10.1.2.3", "local", &[]),
        ("postgres", "local", &[]),
        ("db.svc.cluster.local", "local", &[]),
    ];
    for (place, provider, expected) in rows {
        let found = detection(place);
        let name = found.as_ref().map(|found| found.provider);
        assert_eq!(name, Some(*provider), "{place}");
        let found = found.unwrap();
        assert_eq!(effects(&found), *expected, "{place}");
        assert!(!found.rule.is_empty(), "{place}");
        assert!(!format!("{found:?} {found}").contains("s3cret"), "{place}");
    }
    let named: Vec<&str> = rows.iter().map(|(_, provider, _)| *provider).collect();
    for rule in RULES
        .iter()
        .filter(|rule| rule.provider != "Google Cloud SQL")
    {
        assert!(
            named.contains(&rule.provider),
            "{} has no case",
            rule.provider
        );
    }
    let socket = DatabaseUrl::parse("postgres:///shop?host=/cloudsql/p:r:i").unwrap();
    assert_eq!(detect(&socket).unwrap().provider, "Google Cloud SQL");
    let socket = DatabaseUrl::parse("postgres:///shop?host=/run/postgresql").unwrap();
    assert_eq!(detect(&socket).unwrap().provider, "local");
}

#[test]
fn what_only_looks_like_a_provider_is_none() {
    for place in [
        "evil-neon.tech",
        "evil-neon.tech.example.com",
        "ep-a-pooler.eu.neon.tech.example.com",
        "neon.tech",
        "db.abc.supabase.co.example.com",
        "abc.supabase.co",
        "shop.rds.amazonaws.com.evil.example",
        "evilrds.amazonaws.com",
        "compute-1.amazonaws.com",
        "dpg-abc123-a.render.com.example.com",
        "railway.internal.example.com",
        "pgbouncer.flympg.net",
        "postgresbridge.com",
        "db.example.com",
        "8.8.8.8",
        "172.32.0.1",
    ] {
        assert_eq!(detection(place), None, "{place}");
    }
    // A pooler's word has to stand before the provider's name.
    let direct = detection("ep-pooler-1.eu.aws.neon.tech").unwrap();
    assert!(effects(&direct).contains(&NONE.to_owned()));
}

#[test]
fn several_hosts_have_to_agree() {
    let both = detection("a.b.eu.rds.amazonaws.com,c.d.eu.rds.amazonaws.com").unwrap();
    assert_eq!(both.provider, "AWS RDS");
    assert_eq!(detection("a.b.eu.rds.amazonaws.com,db.example.com"), None);
    assert_eq!(
        detection("p.x.db.postgresbridge.com:5431,p.x.db.postgresbridge.com:5432"),
        None
    );
}

#[test]
fn what_a_row_sets_can_be_set() {
    for rule in RULES {
        for (key, value, why) in rule.effects {
            let loaded = ConfigLoader::new()
                .no_file()
                .environment([("DATABASE_URL", "postgres://app@db.example.com/shop")])
                .set(*key, *value)
                .load();
            assert!(loaded.is_ok(), "{}: {key} = {value}", rule.provider);
            assert!(!why.is_empty());
        }
    }
}

/// A neighbour of the table: what the layer makes of it, with sources.
fn config(profile: Profile, host: &str, variables: &[(&str, &str)]) -> crate::Config {
    let url = format!("postgres://app@{host}/shop");
    let variables = variables
        .iter()
        .copied()
        .chain([("DATABASE_URL", url.as_str())]);
    let loader = ConfigLoader::new().no_file().profile(profile);
    loader.environment(variables).load().unwrap()
}

fn shown(config: &crate::Config, key: &str) -> (String, String) {
    let setting = config.setting(key).unwrap();
    (setting.value.to_string(), setting.source.to_string())
}

const NEON: &str = "ep-a-pooler.eu.aws.neon.tech";

#[test]
fn a_provider_stands_above_the_profile_and_says_so() {
    let config = config(Profile::Dev, NEON, &[]);
    let source = "provider Neon, known by host *-pooler.*.neon.tech".to_owned();
    for (key, value) in [
        ("database.pooler", "transaction"),
        ("database.tls", "require"),
        ("database.connect_timeout", "20s"),
    ] {
        assert_eq!(
            shown(&config, key),
            (value.to_owned(), source.clone()),
            "{key}"
        );
    }
    let detection = config.provider().unwrap();
    assert!(
        detection
            .effects
            .iter()
            .all(|effect| effect.overruled_by.is_none())
    );
    let text = detection.to_string();
    assert!(text.contains("database.pooler = transaction"), "{text}");
}

#[test]
fn a_user_stands_above_a_provider() {
    let chosen = [
        ("LARDER_DATABASE__POOLER", "session"),
        ("PGSSLMODE", "disable"),
        ("DB_CONNECT_TIMEOUT", "3"),
    ];
    let config = config(Profile::Dev, NEON, &chosen);
    for (key, value) in [
        ("database.pooler", "session"),
        ("database.tls", "disable"),
        ("database.connect_timeout", "3s"),
    ] {
        assert_eq!(shown(&config, key).0, value, "{key}");
    }
    let detection = config.provider().unwrap();
    let overruled = |effect: &ProviderEffect| effect.overruled_by.is_some();
    assert!(detection.effects.iter().all(overruled), "{detection}");
    assert!(detection.to_string().contains("PGSSLMODE"), "{detection}");
}

#[test]
fn whoever_writes_auto_gets_the_provider() {
    let config = config(Profile::Dev, NEON, &[("LARDER_DATABASE__POOLER", "Auto")]);
    assert_eq!(shown(&config, "database.pooler").0, "transaction");
    assert_eq!(config.database.pooler, crate::PoolerMode::Transaction);
}

#[test]
fn a_provider_never_lowers_tls() {
    let config = config(Profile::Prod, "ec2-1-2-3-4.compute-1.amazonaws.com", &[]);
    assert_eq!(
        shown(&config, "database.tls"),
        ("verify-full".to_owned(), "built-in profile prod".to_owned())
    );
}

#[test]
fn an_unknown_host_sets_nothing() {
    let config = config(Profile::Dev, "db.example.com", &[]);
    assert_eq!(config.provider(), None);
    assert_eq!(shown(&config, "database.pooler").0, "auto");
}
