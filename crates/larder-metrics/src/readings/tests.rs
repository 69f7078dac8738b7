//! Tests of what readings expose.

use std::time::Duration;

use super::*;
use crate::Exporter;

fn page(read: impl Fn(&mut Scrape) + Send + Sync + 'static) -> String {
    let (recorder, exporter) = Exporter::detached();
    metrics::with_local_recorder(&recorder, || {
        let _source = exporter.register(read);
        exporter.render().unwrap()
    })
}

fn assert_lines(page: &str, expected: &[&str]) {
    for line in expected {
        assert!(page.lines().any(|found| found == *line), "{line}\n{page}");
    }
}

#[test]
fn a_pool_shows_its_state() {
    let reading = PoolReading {
        idle: 4,
        used: 3,
        max: 15,
        idle_min: 1,
        idle_max: 5,
        overflow: 2,
        waiting: 6,
        invalidated: 7,
        limit: 12,
        suggested_limit: 18,
        overloaded: true,
        connecting: 2,
        longest_hold: Duration::from_millis(1_500),
        shed: 21,
        turned_away: 22,
        held_long: 23,
        nested: 24,
    };
    let shown = page(move |scrape| reading.publish(scrape, "main", true));
    assert_lines(
        &shown,
        &[
            r#"db_client_connection_count{pool="main",state="idle"} 4"#,
            r#"db_client_connection_count{pool="main",state="used"} 3"#,
            r#"db_client_connection_max{pool="main"} 15"#,
            r#"db_client_connection_idle_min{pool="main"} 1"#,
            r#"db_client_connection_idle_max{pool="main"} 5"#,
            r#"db_client_connection_pending_requests{pool="main"} 6"#,
            r#"larder_connections_overflow{pool="main"} 2"#,
            r#"larder_connections_invalidated_total{pool="main"} 7"#,
            r#"larder_pool_limit{pool="main"} 12"#,
            r#"larder_pool_suggested_limit{pool="main"} 18"#,
            r#"larder_pool_overloaded{pool="main"} 1"#,
            r#"larder_pool_connecting{pool="main"} 2"#,
            r#"larder_pool_longest_hold_seconds{pool="main"} 1.5"#,
            r#"larder_pool_shed_total{pool="main",reason="delay"} 21"#,
            r#"larder_pool_shed_total{pool="main",reason="queue_full"} 22"#,
            r#"larder_pool_held_long_total{pool="main"} 23"#,
            r#"larder_pool_nested_checkouts_total{pool="main"} 24"#,
            "db_connection_pool_size 7",
            "db_active_connections 3",
        ],
    );
    let without = page(move |scrape| reading.publish(scrape, "main", false));
    assert!(!without.contains("db_connection_pool_size"));
    assert!(!without.contains("db_active_connections"));
}

#[test]
fn lanes_show_what_they_carry_and_what_goes_past_them() {
    let reading = LaneReading {
        open: 2,
        in_flight: 5,
        reads: 1_000,
        bypassed: vec![("slow".to_owned(), 3), ("large".to_owned(), 0)],
    };
    let shown = page(move |scrape| reading.publish(scrape, "main"));
    assert_lines(
        &shown,
        &[
            r#"larder_lanes{pool="main"} 2"#,
            r#"larder_lane_reads_in_flight{pool="main"} 5"#,
            r#"larder_lane_reads_total{pool="main"} 1000"#,
            r#"larder_lane_bypasses_total{pool="main",reason="slow"} 3"#,
            r#"larder_lane_bypasses_total{pool="main",reason="large"} 0"#,
        ],
    );
}

#[test]
fn a_cache_shows_its_counts() {
    let reading = CacheReading {
        hits: 10,
        stale_hits: 2,
        misses: 3,
        joined: 4,
        bypassed: 5,
        refused: 6,
        loads: 11,
        fetched: 2,
        load_errors: 1,
        sets: 8,
        evictions: 11,
        expired: 12,
        invalidations: vec![("commit".to_owned(), 13)],
        entries: 14,
        bytes: 15,
        hot_tables: 16,
        switched_off: 17,
    };
    let legacy = reading.clone();
    let shown = page(move |scrape| legacy.publish(scrape, "main", "l1", true));
    let requests = r#"larder_cache_requests_total{database="main",tier="l1",outcome="#;
    for (outcome, total) in [
        ("hit", 10),
        ("stale", 2),
        ("miss", 3),
        ("joined", 4),
        ("bypassed", 5),
        ("refused", 6),
        ("error", 1),
    ] {
        assert_lines(&shown, &[&format!("{requests}\"{outcome}\"}} {total}")]);
    }
    assert_lines(
        &shown,
        &[
            r#"larder_cache_loads_total{database="main",outcome="success"} 8"#,
            r#"larder_cache_loads_total{database="main",outcome="error"} 1"#,
            r#"larder_cache_loads_total{database="main",outcome="fetched"} 2"#,
            r#"larder_cache_sets_total{database="main",tier="l1"} 8"#,
            r#"larder_cache_evictions_total{database="main",tier="l1",cause="capacity"} 11"#,
            r#"larder_cache_evictions_total{database="main",tier="l1",cause="expired"} 12"#,
            r#"larder_cache_invalidations_total{database="main",cause="commit"} 13"#,
            r#"larder_cache_entries{database="main",tier="l1"} 14"#,
            r#"larder_cache_bytes{database="main",tier="l1"} 15"#,
            r#"larder_cache_hot_tables{database="main"} 16"#,
            r#"larder_cache_switched_off{database="main"} 17"#,
            r#"db_cache_hits_total{cache_type="query"} 12"#,
            r#"db_cache_misses_total{cache_type="query"} 7"#,
        ],
    );
    let without = page(move |scrape| reading.publish(scrape, "main", "l1", false));
    assert!(!without.contains("db_cache_hits_total"));
}

#[test]
fn health_shows_each_check() {
    let reading = HealthReading {
        overall: Some(1),
        checks: vec![("database".to_owned(), 0), ("pool".to_owned(), 1)],
        made: vec![("healthy".to_owned(), 20), ("degraded".to_owned(), 2)],
        replica_lag: Some(Duration::from_millis(1_500)),
    };
    let shown = page(move |scrape| reading.publish(scrape, "main"));
    assert_lines(
        &shown,
        &[
            r#"larder_health_overall_status{database="main"} 1"#,
            r#"larder_replica_lag_seconds{database="main"} 1.5"#,
            r#"larder_health_status{database="main",check="database"} 0"#,
            r#"larder_health_status{database="main",check="pool"} 1"#,
            r#"larder_health_checks_total{database="main",status="healthy"} 20"#,
            r#"larder_health_checks_total{database="main",status="degraded"} 2"#,
        ],
    );
}

#[test]
fn alerts_show_what_became_of_them_and_sinks_of_one_name_add_up() {
    let reading = AlertReading {
        sinks: [("log", 1), ("pager", 10), ("pager", 20)]
            .map(|(name, count)| {
                let sink = SinkReading {
                    sent: count,
                    failed_attempts: count + 1,
                    replaced: count + 2,
                    dropped: count + 3,
                    waiting: count + 4,
                };
                (name.to_owned(), sink)
            })
            .into(),
    };
    let shown = page(move |scrape| reading.publish(scrape, "main"));
    assert_lines(
        &shown,
        &[
            r#"larder_alerts_total{database="main",sink="log",outcome="sent"} 1"#,
            r#"larder_alerts_total{database="main",sink="pager",outcome="sent"} 30"#,
            r#"larder_alerts_total{database="main",sink="pager",outcome="failed"} 32"#,
            r#"larder_alerts_total{database="main",sink="pager",outcome="replaced"} 34"#,
            r#"larder_alerts_total{database="main",sink="pager",outcome="dropped"} 36"#,
            r#"larder_alerts_waiting{database="main",sink="pager"} 38"#,
        ],
    );
}

#[test]
fn a_follower_shows_its_looks_and_its_lease() {
    let reading = FollowerReading {
        polls: 20,
        failures: 1,
        hinted: 2,
        rows: 3,
        histories: 4,
        gaps: 5,
        lease_left: Duration::from_millis(750),
        last_poll: Duration::from_millis(2),
        delay: Some(Duration::from_millis(250)),
    };
    let lapsed = FollowerReading {
        lease_left: Duration::ZERO,
        ..reading
    };
    let shown = page(move |scrape| reading.publish(scrape, "main"));
    assert_lines(
        &shown,
        &[
            r#"larder_follower_delay_seconds{database="main"} 0.25"#,
            r#"larder_follower_polls_total{database="main",outcome="success"} 20"#,
            r#"larder_follower_polls_total{database="main",outcome="error"} 1"#,
            r#"larder_follower_hinted_polls_total{database="main"} 2"#,
            r#"larder_follower_rows_total{database="main"} 3"#,
            r#"larder_follower_histories_total{database="main"} 4"#,
            r#"larder_follower_gaps_total{database="main"} 5"#,
            r#"larder_follower_has_lease{database="main"} 1"#,
            r#"larder_follower_lease_left_seconds{database="main"} 0.75"#,
            r#"larder_follower_last_poll_seconds{database="main"} 0.002"#,
        ],
    );
    let without = page(move |scrape| lapsed.publish(scrape, "main"));
    assert_lines(
        &without,
        &[
            r#"larder_follower_has_lease{database="main"} 0"#,
            r#"larder_follower_lease_left_seconds{database="main"} 0"#,
        ],
    );
}

#[test]
fn the_second_tier_shows_what_became_of_reads() {
    let reading = SecondTierReading {
        hits: 1,
        misses: 2,
        invalidated: 3,
        beyond_horizon: 4,
        undecodable: 5,
        unavailable: 6,
        stored: 7,
    };
    let shown = page(move |scrape| reading.publish(scrape, "main"));
    let requests = r#"larder_cache_requests_total{database="main",tier="l2",outcome="#;
    for (outcome, total) in [
        ("hit", 1),
        ("miss", 2),
        ("refused", 7),
        ("error", 5),
        ("unavailable", 6),
    ] {
        assert_lines(&shown, &[&format!("{requests}\"{outcome}\"}} {total}")]);
    }
    assert_lines(
        &shown,
        &[
            r#"larder_cache_disbelieved_total{database="main",tier="l2",reason="invalidated"} 3"#,
            r#"larder_cache_disbelieved_total{database="main",tier="l2",reason="beyond_horizon"} 4"#,
            r#"larder_cache_sets_total{database="main",tier="l2"} 7"#,
        ],
    );
}

#[test]
fn redis_shows_its_calls_and_whether_it_is_there() {
    let reading = RedisReading {
        available: true,
        found: 1,
        missing: 2,
        unavailable: 3,
        timeouts: 4,
        errors: 5,
        puts: 6,
        puts_dropped: 7,
        breaker_opened: 8,
        reconnects: 9,
        hints_sent: 10,
        hints_received: 11,
    };
    let gone = RedisReading {
        available: false,
        ..reading
    };
    let shown = page(move |scrape| reading.publish(scrape, "main"));
    assert_lines(
        &shown,
        &[
            r#"larder_redis_available{database="main"} 1"#,
            r#"larder_redis_gets_total{database="main",outcome="found"} 1"#,
            r#"larder_redis_gets_total{database="main",outcome="missing"} 2"#,
            r#"larder_redis_gets_total{database="main",outcome="unavailable"} 3"#,
            r#"larder_redis_failures_total{database="main",cause="timeout"} 4"#,
            r#"larder_redis_failures_total{database="main",cause="error"} 5"#,
            r#"larder_redis_puts_total{database="main",outcome="written"} 6"#,
            r#"larder_redis_puts_total{database="main",outcome="dropped"} 7"#,
            r#"larder_redis_breaker_opened_total{database="main"} 8"#,
            r#"larder_redis_reconnects_total{database="main"} 9"#,
            r#"larder_hints_total{database="main",direction="sent"} 10"#,
            r#"larder_hints_total{database="main",direction="received"} 11"#,
        ],
    );
    let without = page(move |scrape| gone.publish(scrape, "main"));
    assert_lines(&without, &[r#"larder_redis_available{database="main"} 0"#]);
}

#[test]
fn the_shadow_shows_what_it_compared() {
    let reading = ShadowReading {
        equal: 9,
        changed_meanwhile: 2,
        violations: 1,
        skipped: 4,
        failed: 5,
    };
    let shown = page(move |scrape| reading.publish(scrape, "main"));
    let reads = r#"larder_cache_shadow_reads_total{database="main",outcome="#;
    for (outcome, total) in [
        ("equal", 9),
        ("changed_meanwhile", 2),
        ("violation", 1),
        ("skipped", 4),
        ("failed", 5),
    ] {
        assert_lines(&shown, &[&format!("{reads}\"{outcome}\"}} {total}")]);
    }
}

#[test]
fn sessions_and_transactions_show_how_they_ended() {
    let reading = SessionReading {
        lent: 20,
        timeouts: 1,
        shed: 2,
        turned_away: 3,
        nested: 4,
        committed: 5,
        rolled_back: 6,
        in_doubt: 7,
    };
    let shown = page(move |scrape| reading.publish(scrape, "main"));
    assert_lines(
        &shown,
        &[
            r#"larder_sessions_total{pool="main",outcome="lent"} 20"#,
            r#"larder_sessions_total{pool="main",outcome="timeout"} 1"#,
            r#"larder_sessions_total{pool="main",outcome="shed"} 2"#,
            r#"larder_sessions_total{pool="main",outcome="queue_full"} 3"#,
            r#"larder_sessions_total{pool="main",outcome="nested"} 4"#,
            r#"larder_transactions_total{pool="main",outcome="committed"} 5"#,
            r#"larder_transactions_total{pool="main",outcome="rolled_back"} 6"#,
            r#"larder_transactions_total{pool="main",outcome="in_doubt"} 7"#,
        ],
    );
}

#[test]
fn checks_beyond_the_bound_show_the_worst_of_them() {
    let bounds: &'static Bounds = Box::leak(Box::new(Bounds::new()));
    let mut checks: Vec<(String, u8)> = (0..150).map(|n| (format!("check_{n}"), 1)).collect();
    checks[120].1 = 3;
    let reading = HealthReading {
        checks,
        ..HealthReading::default()
    };
    let shown = page(move |scrape| reading.publish_within(bounds, scrape, "main"));
    assert_lines(
        &shown,
        &[
            r#"larder_health_status{database="main",check="check_99"} 1"#,
            r#"larder_health_status{database="main",check="other"} 3"#,
        ],
    );
    assert!(!shown.contains("check_100"), "{shown}");
}
