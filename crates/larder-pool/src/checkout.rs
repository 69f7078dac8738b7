//! What bb8 needs to know of our connections, and what the pool counts about them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::Error;
use crate::admission::Queue;
use crate::connect_error::ConnectError;
use crate::connection::Connection;
use crate::connector::Connector;
use crate::holders::{Holders, Slot};
use crate::pool_options::PoolOptions;
use crate::supply::Supply;

/// A connection as bb8 keeps it.
pub(crate) struct Pooled {
    pub(crate) connection: Connection,
    pub(crate) last_used: Instant,
    /// When it was given back. Whoever does that notes it: reading the clock is not for free.
    pub(crate) returned: Instant,
    /// Who has it.
    pub(crate) slot: Arc<Slot>,
    expires: Option<Instant>,
    open: OpenGuard,
}

impl Pooled {
    pub(crate) fn new(
        connection: Connection,
        counters: &Arc<Counters>,
        lifetime: Option<Duration>,
    ) -> Self {
        let now = Instant::now();
        Self {
            last_used: now,
            returned: now,
            slot: counters.holders.add(connection.link()),
            // Those that were opened together are not replaced together.
            expires: lifetime
                .and_then(|age| now.checked_add(age.mul_f64(1.0 - 0.1 * fastrand::f64()))),
            open: OpenGuard::new(counters),
            connection,
        }
    }

    fn is_expired(&self) -> bool {
        self.expires.is_some_and(|expires| self.returned >= expires)
    }

    /// Whether nobody has wanted it for so long.
    fn is_forgotten(&self, limit: Option<Duration>) -> bool {
        limit.is_some_and(|limit| self.returned.duration_since(self.last_used) >= limit)
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        self.open.counters.holders.remove(&self.slot);
        // Somebody may have to replace it.
        self.open.counters.closed.notify_one();
    }
}

/// Makes and judges connections for bb8.
pub(crate) struct Manager {
    pub(crate) connector: Connector,
    pub(crate) counters: Arc<Counters>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) limits: Limits,
}

/// How many connections stay open, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How many stay open when nobody waits.
    size: usize,
    /// How many stay open although nobody has used them for long.
    keep_open: usize,
    max_lifetime: Option<Duration>,
    idle_timeout: Option<Duration>,
}

impl Limits {
    pub(crate) fn new(options: &PoolOptions) -> Self {
        Self {
            size: options.size,
            keep_open: options.kept_open(),
            max_lifetime: options.max_lifetime,
            idle_timeout: options.idle_timeout,
        }
    }
}

impl bb8::ManageConnection for Manager {
    // On the heap: bb8 moves it at each checkout and at each return.
    type Connection = Box<Pooled>;
    type Error = Error;

    async fn connect(&self) -> Result<Box<Pooled>, Error> {
        let connection = self.counters.supply.connect(&self.connector).await?;
        self.counters.connected();
        let pooled = Pooled::new(connection, &self.counters, self.limits.max_lifetime);
        Ok(Box::new(pooled))
    }

    async fn is_valid(&self, _: &mut Box<Pooled>) -> Result<(), Error> {
        // The pool verifies by itself, and only what sat idle.
        Ok(())
    }

    fn has_broken(&self, pooled: &mut Box<Pooled>) -> bool {
        let is_broken = pooled.connection.is_broken();
        if is_broken {
            self.counters.notice_loss(&pooled.connection);
        }
        let unusable = is_broken
            || !pooled.connection.is_clean()
            || pooled.slot.was_cancelled()
            || self.counters.is_retired(&pooled.connection);
        if unusable {
            self.counters.invalidated.fetch_add(1, Ordering::Relaxed);
            tracing::debug!("invalidate");
        }
        unusable || pooled.is_expired() || self.is_surplus(pooled)
    }
}

impl Manager {
    /// Whether this connection is one more than `size` and nobody waits for it, or one that
    /// nobody has wanted for long.
    fn is_surplus(&self, pooled: &mut Pooled) -> bool {
        if self.queue.awaiting() > 0 || self.queue.waiting() > 0 {
            return false;
        }
        let limits = self.limits;
        let enough = if pooled.is_forgotten(limits.idle_timeout) {
            limits.keep_open
        } else {
            limits.size
        };
        pooled.open.release_if_above(enough)
    }
}

/// What the pool knows about itself.
pub(crate) struct Counters {
    pub(crate) open: AtomicUsize,
    pub(crate) invalidated: AtomicU64,
    pub(crate) shed: AtomicU64,
    pub(crate) turned_away: AtomicU64,
    pub(crate) held_long: AtomicU64,
    pub(crate) nested: AtomicU64,
    /// Connections from before this moment are not lent any more.
    retired: Mutex<Option<std::time::Instant>>,
    pub(crate) connect_errors: watch::Sender<ConnectErrors>,
    pub(crate) holders: Holders,
    pub(crate) supply: Supply,
    /// Told whenever a connection has been closed.
    pub(crate) closed: Notify,
}

impl Counters {
    pub(crate) fn new(options: &PoolOptions) -> Arc<Self> {
        Arc::new(Self {
            open: AtomicUsize::new(0),
            invalidated: AtomicU64::new(0),
            shed: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            held_long: AtomicU64::new(0),
            nested: AtomicU64::new(0),
            retired: Mutex::default(),
            connect_errors: watch::Sender::new(ConnectErrors::default()),
            holders: Holders::default(),
            supply: Supply::new(options.connect_parallelism),
            closed: Notify::new(),
        })
    }

    /// Whether a connection is from before the moment in which all were retired.
    pub(crate) fn is_retired(&self, connection: &Connection) -> bool {
        let retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.is_some_and(|moment| connection.opened_at() < moment)
    }

    /// Lends no connection any more that is from before this moment.
    pub(crate) fn retire_before(&self, moment: std::time::Instant) {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        *retired = (*retired).max(Some(moment));
    }

    /// What ended this connection, a restart of the server or something on the way, is likely to
    /// have ended those that are older.
    pub(crate) fn notice_loss(&self, connection: &Connection) {
        if connection.was_lost() {
            self.retire_before(connection.opened_at());
        }
    }

    /// The server can be reached.
    pub(crate) fn connected(&self) {
        self.connect_errors
            .send_if_modified(|errors| errors.current.take().is_some());
    }

    /// A connection that nobody in particular waits for could not be made. The error of an
    /// attempt that was made for several counts once, but wakes up those who wait for each.
    pub(crate) fn connect_failed(&self, error: &Error) {
        let Error::Connect(connect) = error else {
            tracing::warn!("failed to {error}");
            return;
        };
        let mut is_new = false;
        self.connect_errors.send_modify(|errors| {
            is_new = errors.add(connect);
        });
        if is_new {
            tracing::warn!("failed to {error}");
        }
    }
}

/// The errors of connecting.
#[derive(Default)]
pub(crate) struct ConnectErrors {
    /// How many there were. Who waits for a connection wakes up when it grows.
    pub(crate) count: u64,
    /// The last ones.
    pub(crate) recent: VecDeque<ConnectFailure>,
    /// The last one, until a connection succeeds.
    pub(crate) current: Option<Arc<ConnectError>>,
    /// Nobody is to wait any more.
    pub(crate) is_shut_down: bool,
}

/// An attempt to connect that failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConnectFailure {
    /// When it failed.
    pub at: SystemTime,
    /// Why.
    pub error: Arc<ConnectError>,
}

impl ConnectErrors {
    /// Enough to see what it began with and what it has become.
    const KEPT: usize = 16;

    /// Says whether it is the error of another attempt than the last.
    fn add(&mut self, error: &Arc<ConnectError>) -> bool {
        self.count += 1;
        let last = self.recent.back();
        if last.is_some_and(|last| Arc::ptr_eq(&last.error, error)) {
            return false;
        }
        if self.recent.len() == Self::KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back(ConnectFailure {
            at: SystemTime::now(),
            error: Arc::clone(error),
        });
        self.current = Some(Arc::clone(error));
        true
    }
}

/// Where bb8 puts the errors of connections that it makes in the background.
#[derive(Clone)]
pub(crate) struct ErrorSink(pub(crate) Arc<Counters>);

impl std::fmt::Debug for ErrorSink {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ErrorSink")
    }
}

impl bb8::ErrorSink<Error> for ErrorSink {
    fn sink(&self, error: Error) {
        self.0.connect_failed(&error);
    }

    fn boxed_clone(&self) -> Box<dyn bb8::ErrorSink<Error>> {
        Box::new(self.clone())
    }
}

/// Counts an open connection.
struct OpenGuard {
    counters: Arc<Counters>,
    released: bool,
}

impl OpenGuard {
    fn new(counters: &Arc<Counters>) -> Self {
        counters.open.fetch_add(1, Ordering::Relaxed);
        Self {
            counters: Arc::clone(counters),
            released: false,
        }
    }

    /// Gives up the place of this connection if more than `size` are open. Two that
    /// come back at once are counted one after the other, so no more go than should.
    fn release_if_above(&mut self, size: usize) -> bool {
        let released = self
            .counters
            .open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
                (open > size).then(|| open - 1)
            })
            .is_ok();
        self.released |= released;
        released
    }
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        if !self.released {
            self.counters.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect_options::Target;

    #[test]
    fn the_error_of_one_attempt_wakes_up_all_who_wait_and_is_told_of_once() {
        let counters = Counters::new(&PoolOptions::named("test"));
        let target = Target {
            hosts: "db:5432".to_owned(),
            user: "app".to_owned(),
            database: "shop".to_owned(),
        };
        let error = || {
            let error = ConnectError::new(target.clone(), Instant::now(), Vec::new());
            Error::Connect(Arc::new(error))
        };
        let first = error();
        counters.connect_failed(&first);
        counters.connect_failed(&first);
        let seen = |counters: &Counters| {
            let errors = counters.connect_errors.borrow();
            (errors.count, errors.recent.len())
        };
        assert_eq!(seen(&counters), (2, 1));
        counters.connect_failed(&error());
        assert_eq!(seen(&counters), (3, 2));
    }
}
