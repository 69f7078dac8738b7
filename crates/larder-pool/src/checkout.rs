//! What bb8 needs to know of our connections, and what the pool counts about them.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::Error;
use crate::connect_error::ConnectError;
use crate::connection::Connection;
use crate::connector::Connector;

/// A connection as bb8 keeps it.
pub(crate) struct Pooled {
    pub(crate) connection: Connection,
    pub(crate) last_used: Instant,
    open: OpenGuard,
}

impl Pooled {
    pub(crate) fn new(connection: Connection, counters: &Arc<Counters>) -> Self {
        Self {
            connection,
            last_used: Instant::now(),
            open: OpenGuard::new(counters),
        }
    }
}

/// Makes and judges connections for bb8.
pub(crate) struct Manager {
    pub(crate) connector: Connector,
    pub(crate) counters: Arc<Counters>,
    /// How many connections stay open when nobody waits.
    pub(crate) size: usize,
}

impl bb8::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = Error;

    async fn connect(&self) -> Result<Pooled, Error> {
        let connection = self.connector.connect().await?;
        self.counters
            .connect_errors
            .send_modify(|errors| errors.current = None);
        Ok(Pooled::new(connection, &self.counters))
    }

    async fn is_valid(&self, _: &mut Pooled) -> Result<(), Error> {
        // The pool verifies by itself, and only what sat idle.
        Ok(())
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        let unusable = pooled.connection.is_broken()
            || !pooled.connection.is_clean()
            || self.counters.is_retired(&pooled.connection);
        if unusable {
            self.counters.invalidated.fetch_add(1, Ordering::Relaxed);
            tracing::debug!("invalidate");
        }
        unusable || self.is_surplus(pooled)
    }
}

impl Manager {
    /// Whether this connection is one more than `size` and nobody waits for it.
    fn is_surplus(&self, pooled: &mut Pooled) -> bool {
        self.counters.waiting.load(Ordering::Relaxed) == 0
            && pooled.open.release_if_above(self.size)
    }
}

/// What the pool knows about itself.
pub(crate) struct Counters {
    pub(crate) open: AtomicUsize,
    pub(crate) in_use: AtomicUsize,
    pub(crate) waiting: AtomicUsize,
    pub(crate) invalidated: AtomicU64,
    /// Connections from before this moment are not lent any more.
    pub(crate) retired: Mutex<Option<std::time::Instant>>,
    pub(crate) connect_errors: watch::Sender<ConnectErrors>,
    /// Told whenever a session has come back.
    pub(crate) returned: Notify,
}

impl Counters {
    /// Whether a connection is from before the moment in which all were retired.
    pub(crate) fn is_retired(&self, connection: &Connection) -> bool {
        let retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.is_some_and(|moment| connection.opened_at() < moment)
    }

    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            open: AtomicUsize::new(0),
            in_use: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            invalidated: AtomicU64::new(0),
            retired: Mutex::default(),
            connect_errors: watch::Sender::new(ConnectErrors::default()),
            returned: Notify::new(),
        })
    }
}

/// The errors of connecting.
#[derive(Default)]
pub(crate) struct ConnectErrors {
    /// How many there were. Who waits for a connection wakes up when it grows.
    pub(crate) count: u64,
    /// The last of them.
    pub(crate) last: Option<Arc<ConnectError>>,
    /// The same, until a connection succeeds.
    pub(crate) current: Option<Arc<ConnectError>>,
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
        tracing::warn!("failed to {error}");
        if let Error::Connect(error) = error {
            self.0.connect_errors.send_modify(|errors| {
                errors.count += 1;
                errors.last = Some(Arc::clone(&error));
                errors.current = Some(error);
            });
        }
    }

    fn boxed_clone(&self) -> Box<dyn bb8::ErrorSink<Error>> {
        Box::new(self.clone())
    }
}

/// Counts something for as long as it lives, even if its future is dropped.
pub(crate) struct Gauge {
    counters: Arc<Counters>,
    field: fn(&Counters) -> &AtomicUsize,
}

impl Gauge {
    pub(crate) fn waiting(counters: &Arc<Counters>) -> Self {
        Self::new(counters, |counters| &counters.waiting)
    }

    pub(crate) fn in_use(counters: &Arc<Counters>) -> Self {
        Self::new(counters, |counters| &counters.in_use)
    }

    fn new(counters: &Arc<Counters>, field: fn(&Counters) -> &AtomicUsize) -> Self {
        field(counters).fetch_add(1, Ordering::Relaxed);
        Self {
            counters: Arc::clone(counters),
            field,
        }
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        (self.field)(&self.counters).fetch_sub(1, Ordering::Relaxed);
        self.counters.returned.notify_waiters();
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

/// The pool of bb8, until it is shut down.
pub(crate) struct Shelf {
    pool: Mutex<Option<bb8::Pool<Manager>>>,
    shut: AtomicBool,
}

impl Shelf {
    pub(crate) fn new(pool: bb8::Pool<Manager>) -> Self {
        Self {
            pool: Mutex::new(Some(pool)),
            shut: AtomicBool::new(false),
        }
    }

    pub(crate) fn get(&self) -> Option<bb8::Pool<Manager>> {
        self.lock().clone()
    }

    pub(crate) fn is_shut(&self) -> bool {
        self.shut.load(Ordering::Acquire)
    }

    pub(crate) fn shut(&self) {
        self.shut.store(true, Ordering::Release);
    }

    /// Closes what is idle, by forgetting the pool.
    pub(crate) fn clear(&self) {
        self.lock().take();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<bb8::Pool<Manager>>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
