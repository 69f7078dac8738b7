//! The rules of ops/ that name a setting have its value in prod as their threshold.

use std::path::Path;

use larder_config::{Config, Profile};

use crate::with;

/// Each setting that a rule names, and the threshold that follows.
fn named(rules: &str) -> Vec<(&str, f64)> {
    let thresholds = rules.split("# health.").skip(1);
    thresholds
        .map(|rule| {
            let end = rule.find(|c: char| !c.is_ascii_alphabetic() && c != '_');
            // Up to the next rule; what is compared with 0 only must not be nothing.
            let rule_itself = rule.split("- alert:").next().unwrap();
            let numbers = rule_itself.split(['<', '>']).skip(1).filter_map(|after| {
                let number = after.trim_start().split([' ', '\n', ')']).next()?;
                number.parse::<f64>().ok().filter(|number| *number > 0.0)
            });
            (&rule[..end.unwrap()], numbers.into_iter().next().unwrap())
        })
        .collect()
}

fn value(config: &Config, key: &str) -> f64 {
    let health = &config.health;
    match key {
        "max_error_rate" => health.max_error_rate,
        "max_slow_share" => health.max_slow_share,
        "pool_degraded" => health.pool_degraded,
        "min_hit_rate" => health.min_hit_rate,
        "max_acquire_wait" => health.max_acquire_wait.as_secs_f64(),
        "max_replica_lag" => health.max_replica_lag.as_secs_f64(),
        "max_failed_connections" => health.max_failed_connections.into(),
        key => panic!("health.{key} is named by a rule and not compared here"),
    }
}

#[test]
fn thresholds_of_rules_are_those_of_the_settings_that_they_name() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ops/prometheus/alerts.rules.yml");
    let rules = std::fs::read_to_string(path).unwrap();
    let url = ("DATABASE_URL", "postgres://app@db.example.com/shop");
    let prod = with(&[url]).profile(Profile::Prod).load().unwrap();
    let named = named(&rules);
    assert_eq!(named.len(), 8, "{named:?}");
    for (key, threshold) in named {
        assert_eq!(threshold, value(&prod, key), "health.{key}");
    }
}
