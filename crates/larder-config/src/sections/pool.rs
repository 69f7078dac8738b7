//! The section `[pool]`: how many connections, for how long, and how they are checked.

use std::time::Duration;

use bytesize::ByteSize;

use crate::definition::Default::{ByProfile, Everywhere};
use crate::definition::{Range, Variable, section};
use crate::parse::PoolStart;

/// More connections than any PostgreSQL server accepts without a pooler.
const MOST_CONNECTIONS: f64 = 10_000.0;

section! {
    /// How connections are shared and how long they live.
    "pool" => PoolConfig {
        /// Connections that stay open. Size + overflow, times the number of processes, must stay below the server's max_connections. prod raises it to at least 15.
        size: u32 {
            default: ByProfile { dev: "5", staging: "10", prod: "20", test: "2" },
            range: Range::of(1.0, MOST_CONNECTIONS),
            variables: &[Variable::plain("DB_POOL_SIZE")],
        }
        /// Connections beyond size that a burst may open; each is closed when it comes back. prod raises it to at least 25.
        overflow: u32 {
            default: ByProfile { dev: "10", staging: "20", prod: "30", test: "5" },
            range: Range::of(0.0, MOST_CONNECTIONS),
            variables: &[Variable::plain("DB_MAX_OVERFLOW")],
        }
        /// Whether the pool moves the number of connections that may be in use by itself: it begins at size, grows up to size + overflow as soon as somebody has waited for overload_target, and shrinks after it was hardly used for half a minute. false lends up to size + overflow at any time.
        adaptive: bool {
            default: Everywhere("true"),
        }
        /// Connections that are opened at the start and again whenever they are missing, without anybody asking, and that stay open when nobody uses them; at most size.
        keep_open: u32 {
            default: ByProfile { dev: "1", staging: "5", prod: "10", test: "0" },
            range: Range::of(0.0, MOST_CONNECTIONS),
        }
        /// Connections that are being opened at the same time, at most. After a restart of the server the others wait for their turn.
        connect_parallelism: u32 {
            default: Everywhere("4"),
            range: Range::of(1.0, MOST_CONNECTIONS),
        }
        /// What happens if no connection can be made at the start: fail-fast ends with the error, keep-trying starts all the same and connects as soon as it can. A wrong password ends it in any case.
        start: PoolStart {
            default: Everywhere("fail-fast"),
        }
        /// How long a caller waits for a connection before it gets an error that says how many are in use and how many wait. Keep it below the deadline of your own callers.
        acquire_timeout: Duration {
            default: Everywhere("30s"),
            range: Range::of(1.0, f64::INFINITY),
            variables: &[Variable::seconds("DB_POOL_TIMEOUT")],
        }
        /// Callers that may wait for a connection at the same time. Further ones get an error at once, which is better than to wait for what will not come in time.
        max_waiting: u32 {
            default: Everywhere("1000"),
            range: Range::of(1.0, 1_000_000.0),
        }
        /// A wait that is too long if it does not pass. Where all wait for longer during overload_interval, the pool is overloaded: those who have waited for longer are sent away at once, but for as many as may have a connection. 0s never sends anybody away.
        overload_target: Duration {
            default: Everywhere("50ms"),
        }
        /// For how long waits have to stay above overload_target. 0s never sends anybody away.
        overload_interval: Duration {
            default: Everywhere("500ms"),
        }
        /// A connection that is held for longer is warned of in the log, once, with the place in the code that holds it. 0s never warns.
        held_warning: Duration {
            default: Everywhere("30s"),
        }
        /// The age at which a connection is replaced, less up to a tenth so that not all are replaced at once. Spreads connections over servers again after a failover and frees the memory that old backends gather.
        recycle: Duration {
            default: ByProfile { dev: "3600s", staging: "3600s", prod: "3600s", test: "300s" },
            range: Range::of(1.0, f64::INFINITY),
            variables: &[Variable::seconds("DB_POOL_RECYCLE")],
        }
        /// How long a connection may go unused before it is closed. Keep it below the idle limit of firewalls and poolers on the way.
        idle_timeout: Duration {
            default: ByProfile { dev: "10m", staging: "10m", prod: "10m", test: "10s" },
            range: Range::of(1.0, f64::INFINITY),
        }
        /// Whether a connection that sat idle is checked before it is handed out. false saves one round trip and lets a caller meet a connection that died meanwhile.
        verify_idle: bool {
            default: Everywhere("true"),
            variables: &[Variable::plain("DB_POOL_PRE_PING")],
        }
        /// How long a connection must have sat idle to be checked. 0s checks at every checkout, which doubles the cost of a short query.
        verify_after: Duration {
            default: Everywhere("30s"),
        }
        /// How long that check may take; a connection that does not answer is dropped.
        verify_timeout: Duration {
            default: Everywhere("1s"),
            range: Range::of(0.01, f64::INFINITY),
        }
        /// Connections that carry single reads of many callers at the same time, beside size and overflow. They are opened with the first such read. 0 sends every read to a connection of its own; so does a pooler in transaction mode, and the embedded database.
        lanes: u32 {
            default: Everywhere("2"),
            range: Range::of(0.0, 64.0),
        }
        /// How many of them there may be while many reads are on their way.
        lanes_max: u32 {
            default: Everywhere("4"),
            range: Range::of(0.0, 64.0),
        }
        /// How large a result may be to come by one of them. A read with a larger one runs on a connection of its own from then on.
        lane_result_cap: ByteSize {
            default: Everywhere("1MiB"),
        }
        /// A read that usually takes longer than this runs on a connection of its own, and so does whoever waits behind one that does.
        lane_slow_after: Duration {
            default: Everywhere("100ms"),
            range: Range::of(0.001, f64::INFINITY),
        }
        /// After this the server ends a read on one of them, and it runs again on a connection of its own, under database.statement_timeout.
        lane_timeout: Duration {
            default: Everywhere("1s"),
            range: Range::of(0.01, 60.0),
        }
        /// How long shutdown waits for work in progress before it closes connections under it. Keep it below the time that the orchestrator grants before it kills.
        shutdown_timeout: Duration {
            default: Everywhere("30s"),
            range: Range::of(1.0, f64::INFINITY),
        }
    }
}
