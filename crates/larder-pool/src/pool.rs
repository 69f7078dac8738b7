//! The pool: a queue with a deadline in front of bb8.
//!
//! bb8 keeps the connections: their number, their age, who comes next from the idle
//! ones. Who waits, for how long and with which error is decided here, because bb8's
//! queue can be neither seen nor closed.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout};

use crate::checkout::{ConnectErrors, Counters, ErrorSink, Gauge, Manager, Pooled, Shelf};
use crate::connect_options::ConnectOptions;
use crate::connection::Watch;
use crate::connector::Connector;
use crate::error::{AcquireError, ConnectError, Error};
use crate::observer::Observer;
use crate::pool_options::{PoolOptions, PoolStatus};
use crate::retry::Bucket;
use crate::session::{Lease, Session};
use crate::transaction::{TransactionBuilder, TransactionError};
use crate::{AsyncClosure, Connection};

/// A pool of connections to one server. Clones share the same pool.
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> Result<(), larder_pool::Error> {
/// use diesel_async::SimpleAsyncConnection;
/// use larder_pool::{ConnectOptions, Pool, PoolOptions};
///
/// let options = ConnectOptions::parse("postgres://app:secret@localhost/shop")?;
/// let pool = Pool::open(options, PoolOptions::named("main")).await?;
/// let mut session = pool.session().await?;
/// session.batch_execute("ANALYZE").await.ok();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Pool(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) options: PoolOptions,
    pub(crate) connector: Connector,
    pub(crate) counters: Arc<Counters>,
    pub(crate) runtime: Handle,
    pub(crate) retry_budget: Bucket,
    queue: Arc<Semaphore>,
    shelf: Shelf,
}

impl Pool {
    /// How long to wait after a failed attempt to connect; twice as long after each further one.
    const FIRST_PAUSE: Duration = Duration::from_millis(50);
    const LONGEST_PAUSE: Duration = Duration::from_secs(1);

    /// Opens a pool and makes its first connection, so that wrong settings show here.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] if the options cannot be used, [`Error::Connect`] if no
    /// connection can be made.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it closes what it opened.
    pub async fn open(connect: ConnectOptions, options: PoolOptions) -> Result<Self, Error> {
        let pool = Self::open_lazily(connect, options)?;
        let first = Pooled::new(pool.0.connector.connect().await?, &pool.0.counters);
        if let Some(shelf) = pool.0.shelf.get() {
            // An empty pool has room for it.
            drop(shelf.add(first));
        }
        Ok(pool)
    }

    /// Opens a pool without connecting.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] if the options cannot be used.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn open_lazily(connect: ConnectOptions, options: PoolOptions) -> Result<Self, Error> {
        options.check()?;
        let watch = Watch::new(&options.name, options.observer.clone());
        let connector = Connector::new(connect, watch)?;
        let counters = Counters::new();
        let manager = Manager {
            connector: connector.clone(),
            counters: Arc::clone(&counters),
            size: options.size,
        };
        let maximum = options.hard_maximum();
        let shelf = bb8::Pool::builder()
            .max_size(u32::try_from(maximum).unwrap_or(u32::MAX))
            .test_on_check_out(false)
            .max_lifetime(options.max_lifetime)
            .idle_timeout(options.idle_timeout)
            // Our own deadline strikes first.
            .connection_timeout(
                options
                    .acquire_timeout
                    .saturating_add(Duration::from_secs(1)),
            )
            // Trying again is for those who wait: bb8 would go on behind their backs.
            .retry_connection(false)
            .error_sink(Box::new(ErrorSink(Arc::clone(&counters))))
            .build_unchecked(manager);
        Ok(Self(Arc::new(Inner {
            queue: Arc::new(Semaphore::new(maximum)),
            shelf: Shelf::new(shelf),
            runtime: Handle::current(),
            retry_budget: Bucket::new(options.retry_budget),
            options,
            connector,
            counters,
        })))
    }

    /// A connection for several statements that each commit by themselves.
    ///
    /// # Errors
    ///
    /// [`Error::Acquire`] if none becomes free within `acquire_timeout`,
    /// [`Error::Connect`] if a new one is refused for good (wrong password, no such
    /// database, TLS), [`Error::ShutDown`] after [`Pool::shutdown`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves the queue and takes nothing with it.
    pub async fn session(&self) -> Result<Session, Error> {
        let started = Instant::now();
        let waiting = Gauge::waiting(&self.0.counters);
        let in_vain = InVain(Some(&self.0.options.observer));
        let lease = match timeout(self.0.options.acquire_timeout, self.lease()).await {
            Ok(lease) => lease?,
            Err(_) => {
                drop(waiting);
                self.0
                    .options
                    .observer
                    .tell(|observer| observer.acquire_timed_out());
                return Err(Error::Acquire(Box::new(AcquireError {
                    waited: started.elapsed(),
                    status: self.status(),
                })));
            }
        };
        let waited = started.elapsed();
        in_vain.got_one();
        self.0
            .options
            .observer
            .tell(|observer| observer.acquired(waited));
        tracing::trace!(pool = self.0.options.name, ?waited, "checkout");
        Ok(Session::new(lease))
    }

    /// Runs a closure in a transaction: commits if it returns `Ok`, rolls back on
    /// `Err`, on a panic and when the future is dropped.
    ///
    /// # Errors
    ///
    /// [`TransactionError::Closure`] with the closure's own error,
    /// [`TransactionError::Pool`] if no connection could be had, the transaction could
    /// not begin or did not commit.
    ///
    /// # Cancel safety
    ///
    /// Dropped before COMMIT was sent, it rolls back on the server. Dropped while
    /// COMMIT travels, the transaction may or may not have taken effect.
    pub async fn transaction<R, E, F>(&self, closure: F) -> Result<R, TransactionError<E>>
    where
        for<'c> F: AsyncFnOnce(&'c mut Connection) -> Result<R, E>
            + AsyncClosure<&'c mut Connection, Result<R, E>, Future: Send>
            + Send,
        R: Send,
        E: Send,
    {
        self.build_transaction().run(closure).await
    }

    /// A transaction with options: read-only, isolation level, deferrable.
    pub fn build_transaction(&self) -> TransactionBuilder {
        TransactionBuilder::new(self.clone())
    }

    /// The state of the pool now.
    pub fn status(&self) -> PoolStatus {
        let Inner {
            options,
            counters,
            shelf,
            ..
        } = &*self.0;
        let idle = shelf.get().map_or(0, |pool| pool.state().idle_connections);
        PoolStatus {
            name: options.name.clone(),
            size: options.size,
            overflow: options.overflow,
            idle: usize::try_from(idle).unwrap_or(usize::MAX),
            in_use: counters.in_use.load(Ordering::Relaxed),
            waiting: counters.waiting.load(Ordering::Relaxed),
            invalidated: counters.invalidated.load(Ordering::Relaxed),
            last_connect_error: counters.connect_errors.borrow().current.clone(),
        }
    }

    /// Lets nobody in any more, waits for the sessions in use and closes all
    /// connections. Those still in use after `deadline` are closed under their users;
    /// the server rolls back what they had open.
    ///
    /// # Errors
    ///
    /// [`Error::Drain`] if sessions were still in use at the deadline.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the pool stays closed for newcomers; calling it again waits on.
    pub async fn shutdown(&self, deadline: Duration) -> Result<(), Error> {
        let Inner {
            options,
            counters,
            queue,
            shelf,
            connector,
            ..
        } = &*self.0;
        shelf.shut();
        queue.close();
        let drained = async {
            loop {
                let returned = counters.returned.notified();
                let mut returned = std::pin::pin!(returned);
                // Listening before looking, so that no return is missed in between.
                returned.as_mut().enable();
                if counters.in_use.load(Ordering::Acquire) == 0 {
                    return;
                }
                returned.await;
            }
        };
        let in_time = timeout(deadline, drained).await.is_ok();
        let in_use = counters.in_use.load(Ordering::Acquire);
        shelf.clear();
        // Nobody else ends these.
        connector.sever_apart();
        let closed_by_themselves = in_time
            && timeout(options.rollback_timeout, connector.closed())
                .await
                .is_ok();
        if !closed_by_themselves {
            connector.sever_all();
        }
        tracing::debug!(pool = options.name, in_time, "pool shut down");
        if in_time {
            return Ok(());
        }
        Err(Error::Drain {
            pool: options.name.clone(),
            deadline,
            in_use,
        })
    }

    /// Whether [`Pool::shutdown`] was called.
    pub fn is_shut_down(&self) -> bool {
        self.0.shelf.is_shut()
    }

    async fn lease(&self) -> Result<Lease, Error> {
        let permit = self.permit().await?;
        let in_use = Gauge::in_use(&self.0.counters);
        loop {
            let pooled = self.pooled().await?;
            let mut lease = Lease::new(pooled, self.0.clone());
            if self.is_alive(lease.pooled()).await {
                lease.hold(permit, in_use);
                return Ok(lease);
            }
            lease.pooled().connection.condemn();
        }
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, Error> {
        Arc::clone(&self.0.queue)
            .acquire_owned()
            .await
            .map_err(|_| self.is_gone())
    }

    /// A connection from bb8. An error of connecting ends the waiting only if trying again
    /// cannot help; otherwise the next attempt follows after a pause, and whatever comes
    /// back to the pool meanwhile is taken.
    async fn pooled(&self) -> Result<bb8::PooledConnection<'static, Manager>, Error> {
        let pool = self.0.shelf.get().ok_or_else(|| self.is_gone())?;
        let mut errors = self.0.counters.connect_errors.subscribe();
        let mut seen = errors.borrow().count;
        let mut pause = Self::FIRST_PAUSE;
        loop {
            let mut arriving = std::pin::pin!(pool.get_owned());
            tokio::select! {
                biased;
                Ok(pooled) = &mut arriving => return Ok(pooled),
                error = next_error(&mut errors, &mut seen) => {
                    if error.cause().is_permanent() {
                        return Err(Error::Connect(error));
                    }
                    if let Ok(Ok(pooled)) = timeout(pause, arriving).await {
                        return Ok(pooled);
                    }
                    pause = (pause * 2).min(Self::LONGEST_PAUSE);
                }
                else => {}
            }
        }
    }

    async fn is_alive(&self, pooled: &mut Pooled) -> bool {
        let Inner { options, .. } = &*self.0;
        if pooled.connection.is_broken() || self.0.counters.is_retired(&pooled.connection) {
            return false;
        }
        match options.verify_after {
            Some(idle) if pooled.last_used.elapsed() >= idle => {
                let question = pooled.connection.link().batch("SELECT 1");
                matches!(timeout(options.verify_timeout, question).await, Ok(Ok(())))
            }
            _ => true,
        }
    }

    /// Lends none of the connections any more that there are now: they may lead to a server that is
    /// no longer the right one. Those in use are closed when they come back.
    pub fn retire_connections(&self) {
        let mut retired = self
            .0
            .counters
            .retired
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *retired = Some(std::time::Instant::now());
    }

    pub(crate) fn is_gone(&self) -> Error {
        Error::ShutDown {
            pool: self.0.options.name.clone(),
        }
    }
}

/// The next error of connecting, whoever caused the attempt.
async fn next_error(
    errors: &mut watch::Receiver<ConnectErrors>,
    seen: &mut u64,
) -> Arc<ConnectError> {
    let Ok(errors) = errors.wait_for(|errors| errors.count > *seen).await else {
        // The sender lives as long as the pool, and so does whoever waits here.
        return std::future::pending().await;
    };
    *seen = errors.count;
    #[expect(clippy::expect_used, reason = "both are set together")]
    let last = errors
        .last
        .as_ref()
        .expect("an error that was counted is there");
    Arc::clone(last)
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Pool")
            .field("name", &self.0.options.name)
            .field("target", self.0.connector.target())
            .finish_non_exhaustive()
    }
}
/// A wait for a connection that tells when it ends without one, also where it is given up.
struct InVain<'o>(Option<&'o Observer>);

impl InVain<'_> {
    fn got_one(mut self) {
        self.0 = None;
    }
}

impl Drop for InVain<'_> {
    fn drop(&mut self) {
        if let Some(observer) = self.0 {
            observer.tell(|observer| observer.acquire_failed());
        }
    }
}
