//! All metrics of Larder: each stands here once, with its kind, unit, help text and labels.
//!
//! Names beginning with `db_client_` are those of OpenTelemetry's conventions for database
//! clients, written the Prometheus way. Names beginning with `db_` only are the predecessor's;
//! they are filled where `legacy_names` is on.
//!
//! Series of a pool carry the label `pool`, all other series of an instance the label
//! `database`: the name from [`InstanceName`](crate::InstanceName), so that two instances in one
//! process keep series of their own. The predecessor's names have neither; instances add up.
//!
//! [`LABELS`] says of each label what its values are and how many there may be, and
//! [`reference_page`] writes all of it down for people.

use metrics::Unit;

use crate::definition::{Definition, Kind};

mod labels;
mod reference;

pub use labels::{LABELS, LabelDefinition};
pub use reference::reference_page;

#[cfg(test)]
mod tests;

/// Bounds in seconds: OpenTelemetry's, and finer ones below a millisecond.
const DURATION: Kind = Kind::Histogram(&[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0,
]);

/// Bounds in seconds of the predecessor.
const LEGACY_DURATION: Kind = Kind::Histogram(&[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0]);

/// Bounds in rows.
const ROWS: Kind = Kind::Histogram(&[
    0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0,
]);

const COUNTER: Kind = Kind::Counter;
const GAUGE: Kind = Kind::Gauge;

/// Makes a constant of each row, and [`ALL`] of all. The help text is the documentation.
macro_rules! table {
    ($(
        #[doc = $help:literal]
        $constant:ident = $name:literal, $kind:expr, $unit:ident, [$($label:literal),*];
    )*) => {
        $(
            #[doc = $help]
            pub const $constant: Definition =
                Definition::new($name, $kind, Unit::$unit, $help.trim_ascii(), &[$($label),*]);
        )*

        /// All metrics there are.
        pub const ALL: &[Definition] = &[$($constant),*];
    };
}

table! {
    /// Duration of statements, from sending to the last row.
    OPERATION_DURATION = "db_client_operation_duration_seconds", DURATION, Seconds,
        ["db_system_name", "db_operation_name", "db_collection_name", "pool", "error_type", "db_response_status_code"];

    /// Rows returned by statements that succeeded.
    RETURNED_ROWS = "db_client_response_returned_rows", ROWS, Count,
        ["db_operation_name", "db_collection_name"];

    /// Duration of single statements by fingerprint, where per-fingerprint series are on.
    STATEMENT_DURATION = "larder_statement_duration_seconds", DURATION, Seconds,
        ["pool", "fingerprint"];

    /// Statements that took as long as the threshold for slow ones or longer.
    SLOW_STATEMENTS = "larder_slow_statements_total", COUNTER, Count,
        ["pool", "db_operation_name", "db_collection_name"];

    /// Slow statements by fingerprint: which kind of statement is slow.
    SLOW_BY_FINGERPRINT = "larder_slow_statements_by_fingerprint_total", COUNTER, Count,
        ["pool", "fingerprint"];

    /// Connections by what they are doing.
    CONNECTION_COUNT = "db_client_connection_count", GAUGE, Count, ["pool", "state"];

    /// Most connections that may be open.
    CONNECTION_MAX = "db_client_connection_max", GAUGE, Count, ["pool"];

    /// Fewest idle connections that are kept.
    CONNECTION_IDLE_MIN = "db_client_connection_idle_min", GAUGE, Count, ["pool"];

    /// Most idle connections that are kept.
    CONNECTION_IDLE_MAX = "db_client_connection_idle_max", GAUGE, Count, ["pool"];

    /// Callers waiting for a connection.
    CONNECTION_PENDING_REQUESTS = "db_client_connection_pending_requests", GAUGE, Count, ["pool"];

    /// Callers that waited for a connection until their time was up.
    CONNECTION_TIMEOUTS = "db_client_connection_timeouts_total", COUNTER, Count, ["pool"];

    /// Duration of opening a connection.
    CONNECTION_CREATE_TIME = "db_client_connection_create_time_seconds", DURATION, Seconds, ["pool"];

    /// Duration of waiting for a connection.
    CONNECTION_WAIT_TIME = "db_client_connection_wait_time_seconds", DURATION, Seconds, ["pool"];

    /// Duration for which a connection was borrowed.
    CONNECTION_USE_TIME = "db_client_connection_use_time_seconds", DURATION, Seconds, ["pool"];

    /// Connections that could not be opened, by cause.
    CONNECT_FAILURES = "larder_connect_failures_total", COUNTER, Count, ["pool", "cause"];

    /// Callers who asked for a connection, by outcome: lent, timeout, shed, queue_full or nested.
    SESSIONS = "larder_sessions_total", COUNTER, Count, ["pool", "outcome"];

    /// Transactions that ended, by outcome: committed, rolled_back, or in_doubt where the answer to COMMIT never came.
    TRANSACTIONS = "larder_transactions_total", COUNTER, Count, ["pool", "outcome"];

    /// Work that failed and was run again, by its name, the reason, and the SQLSTATE where the server gave one.
    RETRIES = "larder_retries_total", COUNTER, Count,
        ["pool", "name", "reason", "db_response_status_code"];

    /// Work that failed, was run again and succeeded, by its name.
    RETRY_RECOVERIES = "larder_retry_recoveries_total", COUNTER, Count, ["pool", "name"];

    /// Work that failed and might have been run again but was not, by its name and why not: attempts, time, budget or nested.
    RETRY_REFUSALS = "larder_retry_refusals_total", COUNTER, Count, ["pool", "name", "refusal"];

    /// Connections thrown away because they could not be used again.
    CONNECTIONS_INVALIDATED = "larder_connections_invalidated_total", COUNTER, Count, ["pool"];

    /// Open connections beyond the size of the pool.
    CONNECTIONS_OVERFLOW = "larder_connections_overflow", GAUGE, Count, ["pool"];

    /// Connections that many reads share.
    LANES = "larder_lanes", GAUGE, Count, ["pool"];

    /// Reads that are on their way on lanes.
    LANE_READS_IN_FLIGHT = "larder_lane_reads_in_flight", GAUGE, Count, ["pool"];

    /// Reads that a lane has answered.
    LANE_READS = "larder_lane_reads_total", COUNTER, Count, ["pool"];

    /// Reads that took a connection of their own and not a lane, by reason.
    LANE_BYPASSES = "larder_lane_bypasses_total", COUNTER, Count, ["pool", "reason"];

    /// Most connections that may be in use at the same time now, as the pool moved it.
    POOL_LIMIT = "larder_pool_limit", GAUGE, Count, ["pool"];

    /// Connections that the pool would lend at the same time if nothing bounded it.
    POOL_SUGGESTED_LIMIT = "larder_pool_suggested_limit", GAUGE, Count, ["pool"];

    /// Whether callers who wait too long are being sent away: 1 or 0.
    POOL_OVERLOADED = "larder_pool_overloaded", GAUGE, Count, ["pool"];

    /// Attempts to connect that are under way or wait for their turn.
    POOL_CONNECTING = "larder_pool_connecting", GAUGE, Count, ["pool"];

    /// How long the connection has been held that has been held for longest.
    POOL_LONGEST_HOLD = "larder_pool_longest_hold_seconds", GAUGE, Seconds, ["pool"];

    /// Callers sent away because too much is asked of the pool, by reason: delay or queue_full.
    POOL_SHED = "larder_pool_shed_total", COUNTER, Count, ["pool", "reason"];

    /// Connections that were held longer than the threshold for a warning.
    POOL_HELD_LONG = "larder_pool_held_long_total", COUNTER, Count, ["pool"];

    /// Callers who asked for a connection and had all of the pool already.
    POOL_NESTED_CHECKOUTS = "larder_pool_nested_checkouts_total", COUNTER, Count, ["pool"];

    /// Reads through the cache, by tier and outcome.
    CACHE_REQUESTS = "larder_cache_requests_total", COUNTER, Count, ["database", "tier", "outcome"];

    /// Loads for the cache, by outcome: success or error from the database, fetched from the second tier.
    CACHE_LOADS = "larder_cache_loads_total", COUNTER, Count, ["database", "outcome"];

    /// Duration of loads of the cache from the database.
    CACHE_LOAD_DURATION = "larder_cache_load_duration_seconds", DURATION, Seconds, ["database"];

    /// Entries stored in the cache since the start.
    CACHE_SETS = "larder_cache_sets_total", COUNTER, Count, ["database", "tier"];

    /// Entries in the cache.
    CACHE_ENTRIES = "larder_cache_entries", GAUGE, Count, ["database", "tier"];

    /// Estimated bytes of the entries in the cache.
    CACHE_BYTES = "larder_cache_bytes", GAUGE, Bytes, ["database", "tier"];

    /// Entries removed from the cache, by cause: capacity or expired.
    CACHE_EVICTIONS = "larder_cache_evictions_total", COUNTER, Count, ["database", "tier", "cause"];

    /// Invalidations of cached results, by cause.
    CACHE_INVALIDATIONS = "larder_cache_invalidations_total", COUNTER, Count, ["database", "cause"];

    /// Results of the second tier that were not believed, by reason: invalidated or beyond_horizon.
    CACHE_DISBELIEVED = "larder_cache_disbelieved_total", COUNTER, Count, ["database", "tier", "reason"];

    /// Hits that were read from the database again and compared, by outcome: equal, changed_meanwhile, violation, skipped or failed.
    CACHE_SHADOW_READS = "larder_cache_shadow_reads_total", COUNTER, Count, ["database", "outcome"];

    /// Tables that are written too often for what is read from them to be kept.
    CACHE_HOT_TABLES = "larder_cache_hot_tables", GAUGE, Count, ["database"];

    /// Targets for which caching is switched off: everything, services, tables, tags.
    CACHE_SWITCHED_OFF = "larder_cache_switched_off", GAUGE, Count, ["database"];

    /// Looks into the log of invalidations, by outcome: success or error.
    FOLLOWER_POLLS = "larder_follower_polls_total", COUNTER, Count, ["database", "outcome"];

    /// Looks into the log of invalidations that were begun because of a hint.
    FOLLOWER_HINTED = "larder_follower_hinted_polls_total", COUNTER, Count, ["database"];

    /// Rows of other processes that were read in the log of invalidations and applied.
    FOLLOWER_ROWS = "larder_follower_rows_total", COUNTER, Count, ["database"];

    /// Duration of the last look into the log of invalidations.
    FOLLOWER_LAST_POLL = "larder_follower_last_poll_seconds", GAUGE, Seconds, ["database"];

    /// How long ago the last look into the log of invalidations began that was answered.
    FOLLOWER_DELAY = "larder_follower_delay_seconds", GAUGE, Seconds, ["database"];

    /// Whether kept results may be served now: 1 with the lease, 0 without.
    FOLLOWER_HAS_LEASE = "larder_follower_has_lease", GAUGE, Count, ["database"];

    /// How long kept results may be served without another look into the log.
    FOLLOWER_LEASE_LEFT = "larder_follower_lease_left_seconds", GAUGE, Seconds, ["database"];

    /// How often the database turned out to have another history than before.
    FOLLOWER_HISTORIES = "larder_follower_histories_total", COUNTER, Count, ["database"];

    /// How often more was pruned from the log of invalidations than had been read.
    FOLLOWER_GAPS = "larder_follower_gaps_total", COUNTER, Count, ["database"];

    /// Keys asked of Redis, by outcome: found, missing or unavailable.
    REDIS_GETS = "larder_redis_gets_total", COUNTER, Count, ["database", "outcome"];

    /// Values for Redis, by outcome: written or dropped.
    REDIS_PUTS = "larder_redis_puts_total", COUNTER, Count, ["database", "outcome"];

    /// Calls to Redis that failed, by cause: timeout or error.
    REDIS_FAILURES = "larder_redis_failures_total", COUNTER, Count, ["database", "cause"];

    /// How often Redis was given up for a while.
    REDIS_BREAKER_OPENED = "larder_redis_breaker_opened_total", COUNTER, Count, ["database"];

    /// How often the connection to Redis was made again.
    REDIS_RECONNECTS = "larder_redis_reconnects_total", COUNTER, Count, ["database"];

    /// Whether Redis is asked at all: 1 if it is connected and answers, 0 if not.
    REDIS_AVAILABLE = "larder_redis_available", GAUGE, Count, ["database"];

    /// Hints between processes that there is news in the log, by direction: sent or received.
    HINTS = "larder_hints_total", COUNTER, Count, ["database", "direction"];

    /// Duration of operations of services, by outcome: success, error or cancelled.
    SERVICE_OPERATION_DURATION = "larder_service_operation_duration_seconds", DURATION, Seconds,
        ["database", "service", "operation", "outcome"];

    /// Statements sent by operations of a service.
    SERVICE_QUERIES = "larder_service_queries_total", COUNTER, Count, ["database", "service"];

    /// Cached reads by operations of a service, by outcome: hit or miss.
    SERVICE_CACHE_REQUESTS = "larder_service_cache_requests_total", COUNTER, Count,
        ["database", "service", "outcome"];

    /// Health of a check: 0 healthy, 1 degraded, 2 unhealthy, 3 critical.
    HEALTH_STATUS = "larder_health_status", GAUGE, Count, ["database", "check"];

    /// Health of the instance, the worst of the checks that count: 0 healthy, 1 degraded, 2 unhealthy, 3 critical.
    HEALTH_OVERALL = "larder_health_overall_status", GAUGE, Count, ["database"];

    /// Health checks made, by the status they found.
    HEALTH_CHECKS = "larder_health_checks_total", COUNTER, Count, ["database", "status"];

    /// What became of alerts, by sink and outcome: sent, failed for each attempt that failed, replaced by newer word of the same incident, or dropped.
    ALERTS = "larder_alerts_total", COUNTER, Count, ["database", "sink", "outcome"];

    /// Alerts that a sink has not taken yet.
    ALERTS_WAITING = "larder_alerts_waiting", GAUGE, Count, ["database", "sink"];

    /// How far behind the furthest replica was when health looked last.
    REPLICA_LAG = "larder_replica_lag_seconds", GAUGE, Seconds, ["database"];

    /// Seconds since the instance was started.
    UPTIME = "larder_uptime_seconds", GAUGE, Seconds, ["database"];

    /// Always 1; its label tells the version of Larder.
    BUILD_INFO = "larder_build_info", GAUGE, Count, ["version"];

    /// Statements by type and status (the predecessor's name).
    LEGACY_QUERIES = "db_queries_total", COUNTER, Count, ["query_type", "status"];

    /// Duration of statements by type (the predecessor's name).
    LEGACY_QUERY_DURATION = "db_query_duration_seconds", LEGACY_DURATION, Seconds, ["query_type"];

    /// Open connections (the predecessor's name).
    LEGACY_POOL_SIZE = "db_connection_pool_size", GAUGE, Count, [];

    /// Connections in use (the predecessor's name).
    LEGACY_ACTIVE_CONNECTIONS = "db_active_connections", GAUGE, Count, [];

    /// Reads answered by the cache (the predecessor's name).
    LEGACY_CACHE_HITS = "db_cache_hits_total", COUNTER, Count, ["cache_type"];

    /// Reads not answered by the cache (the predecessor's name).
    LEGACY_CACHE_MISSES = "db_cache_misses_total", COUNTER, Count, ["cache_type"];

    /// Slow statements by type (the predecessor's name).
    LEGACY_SLOW_QUERIES = "db_slow_queries_total", COUNTER, Count, ["query_type"];
}

/// Tells the current recorder the unit and the help text of every metric.
///
/// [`Exporter::install`](crate::Exporter::install) does it.
pub fn describe() {
    for definition in ALL {
        definition.describe();
    }
}
