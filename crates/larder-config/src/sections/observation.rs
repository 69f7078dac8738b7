//! The sections `[query]`, `[metrics]`, `[health]` and `[logging]`: watching what happens.

use std::time::Duration;

use crate::definition::Default::{ByProfile, Everywhere};
use crate::definition::{Range, Variable, section};
use crate::parse::{LogFilter, LogFormat};

section! {
    /// What is written down about single queries.
    "query" => QueryConfig {
        /// Whether every statement is logged. Costs a log line per query, so it is for development.
        log: bool {
            default: ByProfile { dev: "true", staging: "false", prod: "false", test: "false" },
            variables: &[Variable::plain("DB_ECHO")],
        }
        /// From which duration on a query is counted and logged as slow. 0s counts every query.
        slow_threshold: Duration {
            default: ByProfile { dev: "500ms", staging: "1s", prod: "2s", test: "1s" },
            variables: &[Variable::seconds("DB_SLOW_QUERY_THRESHOLD")],
        }
    }
}

section! {
    /// What is counted.
    "metrics" => MetricsConfig {
        /// Whether metrics are collected and exported. Off leaves the dashboard and alerts without data.
        enabled: bool {
            default: ByProfile { dev: "true", staging: "true", prod: "true", test: "false" },
            variables: &[Variable::plain("DB_ENABLE_METRICS")],
        }
        /// Whether each distinct statement gets series of its own. Finds the expensive query; a service with thousands of distinct statements floods its Prometheus.
        per_fingerprint: bool {
            default: ByProfile { dev: "true", staging: "false", prod: "false", test: "false" },
        }
        /// Whether the metrics of Larder's predecessor (db_queries_total and its like) are filled too, so that its dashboards go on working. They say nothing that Larder's own names do not.
        legacy_names: bool {
            default: Everywhere("false"),
        }
    }
}

section! {
    /// When the data layer counts as healthy.
    "health" => HealthConfig {
        /// How often health is checked in the background. Also how late an outage without traffic is noticed.
        check_interval: Duration {
            default: ByProfile { dev: "30s", staging: "30s", prod: "30s", test: "1s" },
            range: Range::of(0.1, f64::INFINITY),
            variables: &[Variable::seconds("DB_HEALTH_CHECK_INTERVAL")],
        }
        /// From which duration of a check on the database counts as degraded.
        max_response_time: Duration {
            default: Everywhere("1000ms"),
            variables: &[Variable::milliseconds("DB_MAX_RESPONSE_TIME_MS")],
        }
        /// Which share of failed queries, from 0 to 1, counts as degraded.
        max_error_rate: f64 {
            default: Everywhere("0.05"),
            range: Range::of(0.0, 1.0),
            variables: &[Variable::plain("DB_MAX_ERROR_RATE")],
        }
        /// How many failed connections are tolerated before the database counts as degraded.
        max_failed_connections: u32 {
            default: Everywhere("5"),
            range: Range::of(0.0, 1_000_000.0),
            variables: &[Variable::plain("DB_MAX_FAILED_CONNECTIONS")],
        }
    }
}

section! {
    /// How the service writes its log.
    "logging" => LoggingConfig {
        /// How lines are written: pretty for people, json for collectors.
        format: LogFormat {
            default: ByProfile { dev: "pretty", staging: "json", prod: "json", test: "pretty" },
        }
        /// What is written: off, error, warn, info, debug or trace, also by target as in "info,larder_pool=debug".
        level: LogFilter {
            default: ByProfile { dev: "debug", staging: "info", prod: "info", test: "info" },
        }
    }
}
