//! The pool: a queue with a deadline in front of bb8.
//!
//! bb8 keeps the connections: their number, their age, who comes next from the idle
//! ones. Who waits, for how long and with which error is decided here, because bb8's
//! queue can be neither seen nor closed.

use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::admission::{ControlledDelay, Queue};
use crate::advisor::{Advisor, PoolAdvice};
use crate::checkout::{Counters, ErrorSink, Limits, Manager, Pooled};
use crate::connect_options::ConnectOptions;
use crate::connection::Watch;
use crate::connector::Connector;
use crate::error::Error;
use crate::holders::CancelRequest;
use crate::lanes::Lanes;
use crate::pool_options::{PoolOptions, PoolStart, PoolStatus};
use crate::retry::Bucket;
use crate::session::Session;
use crate::shelf::Shelf;
use crate::transaction::{TransactionBuilder, TransactionError};
use crate::upkeep::look_after;
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
    pub(crate) lanes: Lanes,
    pub(crate) queue: Arc<Queue>,
    pub(crate) shelf: Shelf,
    pub(crate) advisor: Mutex<Advisor>,
    /// Somebody opens what is missing.
    pub(crate) refilling: AtomicBool,
    /// How often the pool has been looked after.
    pub(crate) turns: AtomicU64,
}

impl Pool {
    /// Opens a pool and makes its first connection, so that wrong settings show here. Those that
    /// it is to keep open follow in the background.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] if the options cannot be used, [`Error::Connect`] if no
    /// connection can be made and [`PoolOptions::start`] does not say to go on, or trying again
    /// cannot help.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it closes what it opened.
    pub async fn open(connect: ConnectOptions, options: PoolOptions) -> Result<Self, Error> {
        let pool = Self::open_lazily(connect, options)?;
        let Inner {
            counters,
            connector,
            options,
            ..
        } = &*pool.0;
        match counters.supply.connect(connector).await {
            Ok(first) => {
                let first = Box::new(Pooled::new(first, counters, options.max_lifetime));
                if let Some(shelf) = pool.0.shelf.get() {
                    // An empty pool has room for it.
                    drop(shelf.add(first));
                }
            }
            Err(Error::Connect(error))
                if options.start == PoolStart::KeepTrying && !error.cause().is_permanent() =>
            {
                counters.connect_failed(&Error::Connect(error));
            }
            Err(error) => return Err(error),
        }
        pool.0.refill();
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
        let runtime = Handle::current();
        let connector = Connector::new(connect.clone(), watch)?;
        let lanes = Lanes::new(&options, &connect, &connector, &runtime);
        let counters = Counters::new(&options);
        let queue = Queue::new(
            options.first_limit(),
            options.max_waiting,
            ControlledDelay::new(options.overload_target, options.overload_interval),
        );
        let manager = Manager {
            connector: connector.clone(),
            counters: Arc::clone(&counters),
            queue: Arc::clone(&queue),
            limits: Limits::new(&options),
        };
        let maximum = options.hard_maximum();
        let shelf = bb8::Pool::builder()
            .max_size(u32::try_from(maximum).unwrap_or(u32::MAX))
            .test_on_check_out(false)
            // The upkeep of the pool sees to both.
            .max_lifetime(None)
            .idle_timeout(None)
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
        let limit = options.first_limit();
        let lowest = if options.adaptive { limit } else { maximum };
        let held_warning = options.held_warning;
        let inner = Arc::new(Inner {
            advisor: Mutex::new(Advisor::new(lowest, maximum, limit)),
            queue: Arc::clone(&queue),
            shelf: Shelf::new(shelf),
            lanes,
            retry_budget: Bucket::new(options.retry_budget),
            counters: Arc::clone(&counters),
            runtime: runtime.clone(),
            refilling: AtomicBool::new(false),
            turns: AtomicU64::new(0),
            options,
            connector,
        });
        let weak = Arc::downgrade(&inner);
        runtime.spawn(look_after(weak, counters, queue, held_warning));
        Ok(Self(inner))
    }

    /// A connection for several statements that each commit by themselves.
    ///
    /// # Errors
    ///
    /// [`Error::Acquire`] if none becomes free within `acquire_timeout`,
    /// [`Error::Overloaded`] if the pool has more to do than it can and this caller has waited
    /// for too long or too many wait, [`Error::NestedCheckout`] if the caller has all connections
    /// himself, [`Error::Connect`] if a new one is refused for good (wrong password, no such
    /// database, TLS), [`Error::ShutDown`] after [`Pool::shutdown`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves the queue and takes nothing with it.
    #[track_caller]
    pub fn session(&self) -> impl Future<Output = Result<Session, Error>> + Send + use<'_> {
        // On the heap: whoever waits for a session holds this, and so does everybody around.
        Box::pin(self.acquire(Location::caller()))
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

    /// Asks the server to end the statement that a holder runs now: one of
    /// [`PoolStatus::holders`], by his [`id`](crate::Holder::id). He gets an error of the class
    /// timeout with SQLSTATE 57014, and his transaction can only be rolled back. The connection is
    /// closed when he gives it back, so that a request that comes late hits nobody else.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached for it.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the request may or may not have been sent.
    pub async fn cancel_statement(&self, holder: u64) -> std::io::Result<CancelRequest> {
        let connector = &self.0.connector;
        if !connector.sends_cancel_requests() {
            return Ok(CancelRequest::Unsupported);
        }
        let link = match self.0.counters.holders.cancel(holder) {
            Ok(link) => link,
            Err(outcome) => return Ok(outcome),
        };
        let asked = connector.cancel(link.cancel_token(), link.route());
        // Not held while the server is asked.
        drop(link);
        asked.await?;
        Ok(CancelRequest::Sent)
    }

    /// The state of the pool now.
    pub fn status(&self) -> PoolStatus {
        let Inner {
            options,
            counters,
            queue,
            shelf,
            ..
        } = &*self.0;
        let awaiting = queue.awaiting();
        let (last_connect_error, connect_failures) = {
            let errors = counters.connect_errors.borrow();
            (
                errors.current.clone(),
                errors.recent.iter().cloned().collect(),
            )
        };
        PoolStatus {
            name: options.name.clone(),
            size: options.size,
            overflow: options.overflow,
            kept_open: options.kept_open(),
            limit: queue.limit(),
            idle: shelf.idle(),
            in_use: self.0.in_use(),
            waiting: queue.waiting() + awaiting,
            lanes: self.0.lanes.status(),
            connecting: counters.supply.connecting(),
            is_overloaded: queue.is_overloaded(),
            shed: counters.shed.load(Ordering::Relaxed),
            turned_away: counters.turned_away.load(Ordering::Relaxed),
            invalidated: counters.invalidated.load(Ordering::Relaxed),
            held_long: counters.held_long.load(Ordering::Relaxed),
            nested: counters.nested.load(Ordering::Relaxed),
            holders: counters.holders.all(),
            last_connect_error,
            connect_failures,
            advice: self.advice(),
        }
    }

    /// How many connections the pool should have, and why. Where [`PoolOptions::adaptive`] is
    /// on, it follows the advice within its bounds.
    pub fn advice(&self) -> PoolAdvice {
        let advisor = self
            .0
            .advisor
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        advisor.advice().clone()
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
        self.0.lanes.shut_down();
        queue.close();
        counters
            .connect_errors
            .send_modify(|errors| errors.is_shut_down = true);
        let in_time = timeout(deadline, queue.emptied()).await.is_ok();
        let in_use = queue.in_use();
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

    /// Lends none of the connections any more that there are now: they may lead to a server that is
    /// no longer the right one. Those in use are closed when they come back.
    pub fn retire_connections(&self) {
        self.0.counters.retire_before(std::time::Instant::now());
        self.0.lanes.retire();
    }

    pub(crate) fn is_gone(&self) -> Error {
        Error::ShutDown {
            pool: self.0.options.name.clone(),
        }
    }
}

impl Inner {
    /// Connections that are lent out, or being cleaned up after use.
    pub(crate) fn in_use(&self) -> usize {
        self.queue.in_use().saturating_sub(self.queue.awaiting())
    }
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
