//! The sections `[query]`, `[metrics]` and `[logging]`: watching what happens.

use std::time::Duration;

use crate::definition::Default::ByProfile;
use crate::definition::{Variable, section};
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
