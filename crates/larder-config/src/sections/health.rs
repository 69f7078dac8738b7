//! The section `[health]`: what is well, how quickly that changes, and who is told.

use std::time::Duration;

use bytesize::ByteSize;

use crate::definition::Default::{ByProfile, Everywhere};
use crate::definition::{Range, Variable, section};
use crate::parse::AlertLevel;
use crate::webhook::{SecretText, WebhookUrl};

section! {
    /// When the data layer counts as healthy.
    "health" => HealthConfig {
        /// How often health is checked in the background. Also how late an outage without traffic is noticed.
        check_interval: Duration {
            default: ByProfile { dev: "30s", staging: "30s", prod: "30s", test: "1s" },
            range: Range::of(0.1, f64::INFINITY),
            variables: &[Variable::seconds("DB_HEALTH_CHECK_INTERVAL")],
        }
        /// How long a check may take. A server that has not answered by then counts as silent.
        check_timeout: Duration {
            default: ByProfile { dev: "5s", staging: "5s", prod: "5s", test: "2s" },
            range: Range::of(0.1, 300.0),
        }
        /// How far checks look back that judge what happened: errors, slow statements, failed connections, waits, replicas that went. Longer is calmer and later.
        window: Duration {
            default: Everywhere("5m"),
            range: Range::of(1.0, 900.0),
        }
        /// How many checks in a row have to find something worse before it counts as that. 1 counts a single blip.
        worse_after: u32 {
            default: ByProfile { dev: "1", staging: "2", prod: "2", test: "1" },
            range: Range::of(1.0, 100.0),
        }
        /// How many checks in a row have to find something better before it counts as that.
        better_after: u32 {
            default: ByProfile { dev: "1", staging: "2", prod: "3", test: "1" },
            range: Range::of(1.0, 100.0),
        }
        /// How long something counts as bad at least, so that nothing flaps.
        minimum_time: Duration {
            default: ByProfile { dev: "0s", staging: "30s", prod: "1m", test: "0s" },
            range: Range::of(0.0, 86_400.0),
        }
        /// Names of checks that inform and do not count for the status, such as cache or process.
        inform_only: Vec<String> {
            default: Everywhere("cache,process,disk"),
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
        /// Which share of slow queries (query.slow_threshold), from 0 to 1, counts as degraded.
        max_slow_share: f64 {
            default: ByProfile { dev: "0.5", staging: "0.2", prod: "0.1", test: "0.5" },
            range: Range::of(0.0, 1.0),
        }
        /// From which share of the pool in use on, from 0 to 1, there is a warning.
        pool_warning: f64 {
            default: Everywhere("0.8"),
            range: Range::of(0.0, 1.0),
        }
        /// From which share of the pool in use on, from 0 to 1, the pool counts as degraded.
        pool_degraded: f64 {
            default: Everywhere("0.9"),
            range: Range::of(0.0, 1.0),
        }
        /// How long callers may wait for a connection on average before that counts as degraded.
        max_acquire_wait: Duration {
            default: ByProfile { dev: "1s", staging: "500ms", prod: "250ms", test: "1s" },
            range: Range::of(0.001, 3_600.0),
        }
        /// Which share of cached reads the cache should answer, from 0 to 1. Less is worth a look.
        min_hit_rate: f64 {
            default: Everywhere("0.7"),
            range: Range::of(0.0, 1.0),
        }
        /// How long Redis may take to answer before that counts as degraded.
        max_redis_time: Duration {
            default: Everywhere("100ms"),
            range: Range::of(0.001, 60.0),
        }
        /// How far a replica may be behind before that counts as degraded.
        max_replica_lag: Duration {
            default: ByProfile { dev: "60s", staging: "30s", prod: "10s", test: "60s" },
            range: Range::of(0.001, 86_400.0),
        }
        /// How large the log of invalidations may become before that counts as degraded.
        max_log_size: ByteSize {
            default: Everywhere("1GiB"),
            range: Range::of(1.0, 1_099_511_627_776.0),
        }
        /// Which share of the server's connections may be in use, from 0 to 1, before that counts as degraded.
        max_server_connections: f64 {
            default: Everywhere("0.9"),
            range: Range::of(0.0, 1.0),
        }
        /// Which share of the disk of the server may be in use, from 0 to 1, where it can be seen.
        max_disk_use: f64 {
            default: Everywhere("0.9"),
            range: Range::of(0.0, 1.0),
        }
        /// Which share of the memory that it may have this process may use, from 0 to 1.
        max_memory_use: f64 {
            default: Everywhere("0.9"),
            range: Range::of(0.0, 1.0),
        }
        /// Which share of the processors this process may use, from 0 to 1.
        max_cpu_use: f64 {
            default: Everywhere("0.9"),
            range: Range::of(0.0, 1.0),
        }
        /// The name of this instance in alerts, which no other one should have. By default that of the machine, which in Kubernetes is the pod.
        instance: Option<String> {}
        /// From which status on somebody is told: in the log, by the webhook, and by what code adds.
        alert_from: AlertLevel {
            default: Everywhere("degraded"),
        }
        /// How often an alert is repeated while it lasts. 0s tells it once.
        alert_repeat: Duration {
            default: Everywhere("1h"),
            range: Range::of(0.0, f64::INFINITY),
        }
        /// Where alerts are posted as JSON. Without it they are in the log alone.
        alert_webhook: Option<WebhookUrl> {
            secret: true,
        }
        /// What the posted alerts are signed with (HMAC-SHA256), so that the receiver knows from whom they are.
        alert_secret: Option<SecretText> {
            secret: true,
        }
    }
}
