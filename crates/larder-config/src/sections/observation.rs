//! The sections `[query]`, `[metrics]` and `[logging]`: watching what happens.

use std::time::Duration;

use crate::definition::Default::{ByProfile, Everywhere};
use crate::definition::{Range, Variable, section};
use crate::parse::{LogFilter, LogFormat, OperationThreshold};

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
        /// The same for the queries of some operations, as in "restaurants.search=200ms", or of a whole service, as in "analytics=10s".
        slow_thresholds: Vec<OperationThreshold> {}
        /// How many distinct queries are told apart in the statistics; the rest counts as one. Each takes about 10 KiB.
        statements: u32 {
            default: Everywhere("500"),
            range: Range::of(10.0, 100_000.0),
        }
        /// How many plans of slow queries are asked of the server in a minute, in the background and only where a connection is free; 0 for none. Never where the pool has one connection.
        explain_per_minute: u32 {
            default: ByProfile { dev: "30", staging: "6", prod: "6", test: "30" },
            range: Range::of(0.0, 6_000.0),
        }
        /// How long the server may take for one of these plans.
        explain_timeout: Duration {
            default: Everywhere("1s"),
            range: Range::of(0.01, 60.0),
        }
        /// Whether a slow query that does nothing but read is run once more for its plan, which then has times and row counts as they were. What may write is never run again.
        explain_analyze: bool {
            default: Everywhere("false"),
        }
        /// Whether examples and plans of slow queries show the values that were bound. They may be anybody's, so it is for development.
        show_values: bool {
            default: Everywhere("false"),
        }
        /// How often one session or request may run the same query before that is noticed as a repetition (N+1); 0 for never.
        repetitions: u32 {
            default: Everywhere("10"),
            range: Range::of(0.0, 1_000_000.0),
        }
        /// Whether queries of traces that are recorded carry the trace's identity to the server, as a comment (`traceparent`). Such a query is sent without a name, so the server plans it anew.
        trace_context: bool {
            default: Everywhere("false"),
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
