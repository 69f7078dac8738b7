//! The way from a caller to a connection: a place, a connection for it, and the proof that it
//! still works.

use std::future::poll_fn;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use futures::poll;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::admission::{AcquireError, Entry, Outcome, OverloadCause, OverloadedError, Place};
use crate::checkout::{ConnectErrors, Manager, Pooled};
use crate::connect_error::ConnectError;
use crate::deadline;
use crate::error::Error;
use crate::holders::{Caller, NestedCheckoutError, Standstill};
use crate::observer::Observer;
use crate::pool::Pool;
use crate::session::{Lease, Session};

impl Pool {
    /// For how long nothing may happen on all connections of a pool before the one who has them
    /// all, and asks for another, is told that he waits for himself. Inside of a transaction of a
    /// pool of one it is known at once; of a session nobody but its owner knows where it is.
    const STANDSTILL: Duration = Duration::from_secs(1);

    pub(crate) async fn acquire(
        &self,
        location: &'static Location<'static>,
    ) -> Result<Session, Error> {
        let started = Instant::now();
        let until = deadline::in_future(started, self.patience());
        let observer = &self.0.options.observer;
        let in_vain = InVain(Some(observer));
        let caller =
            poll_fn(|context| Poll::Ready(Caller::new(location, context.waker(), observer))).await;
        let _wait = deadline::Wait::begin("a connection");
        let (place, at_once) = match self.0.queue.try_enter() {
            Some(place) => (place, true),
            None => (Box::pin(self.place(&caller, started, until)).await?, false),
        };
        let (mut lease, now) = {
            let mut connection = pin!(self.connection(started));
            match poll!(connection.as_mut()) {
                // Mostly one is there, and then neither a timer nor another look at the clock is
                // needed.
                Poll::Ready(lease) if at_once => (lease?, started),
                Poll::Ready(lease) => (lease?, Instant::now()),
                Poll::Pending => match timeout_at(until, connection).await {
                    Ok(lease) => (lease?, Instant::now()),
                    Err(_) => {
                        drop(place);
                        return Err(self.timed_out(started));
                    }
                },
            }
        };
        lease.hold(place, caller, now);
        let waited = now.duration_since(started);
        in_vain.got_one();
        observer.tell(|observer| observer.acquired(waited));
        tracing::trace!(pool = self.0.options.name, ?waited, "checkout");
        Ok(Session::new(lease))
    }

    /// A connection that is open and that nobody has use for now; `None` if there is none, if it
    /// is the last one that the next caller could have, and where the pool has but one at all.
    pub(crate) async fn spare_session(
        &self,
        location: &'static Location<'static>,
    ) -> Option<Session> {
        let most = self.0.options.hard_maximum();
        if !self.0.shelf.has_spare(most) {
            return None;
        }
        // Nor the last place, where fewer may be in use than may be open.
        let queue = &self.0.queue;
        if queue.in_use().saturating_add(1) >= queue.limit() {
            return None;
        }
        let observer = &self.0.options.observer;
        let caller =
            poll_fn(|context| Poll::Ready(Caller::new(location, context.waker(), observer))).await;
        let place = self.0.queue.try_enter()?;
        let pool = self.0.shelf.get()?;
        let arriving = std::pin::pin!(pool.get_owned());
        let Poll::Ready(Ok(pooled)) = futures::poll!(arriving) else {
            return None;
        };
        let now = Instant::now();
        let mut lease = Lease::new(pooled, Arc::clone(&self.0));
        if !self.is_alive(lease.pooled(), now).await {
            lease.pooled().connection.condemn();
            return None;
        }
        lease.hold(place, caller, now);
        Some(Session::new(lease))
    }

    /// How long a caller may wait: no longer than his request may take.
    fn patience(&self) -> Duration {
        let limit = self.0.options.acquire_timeout;
        deadline::remaining().map_or(limit, |left| left.min(limit))
    }

    /// A place, after waiting for it.
    async fn place(
        &self,
        caller: &Caller,
        started: Instant,
        until: Instant,
    ) -> Result<Place, Error> {
        let mut waiting = match self.0.queue.enter(started) {
            Entry::Admitted(place) => return Ok(place),
            Entry::Waiting(waiting) => waiting,
            Entry::Closed => return Err(self.is_gone()),
            Entry::Full => {
                self.0.counters.turned_away.fetch_add(1, Ordering::Relaxed);
                let max_waiting = self.0.options.max_waiting;
                let cause = OverloadCause::QueueFull { max_waiting };
                return Err(self.overloaded(cause, Duration::ZERO));
            }
        };
        let outcome = tokio::select! {
            biased;
            outcome = waiting.outcome(until) => outcome,
            held = self.waits_for_itself(caller) => {
                drop(waiting);
                return Err(self.nested(caller, held));
            }
        };
        drop(waiting);
        match outcome {
            Outcome::Admitted(place) => Ok(place),
            Outcome::Closed => Err(self.is_gone()),
            Outcome::TimedOut => Err(self.timed_out(started)),
            Outcome::Shed { waited } => {
                self.0.counters.shed.fetch_add(1, Ordering::Relaxed);
                let (target, interval) = self.0.queue.bounds();
                let cause = OverloadCause::Delay { target, interval };
                Err(self.overloaded(cause, waited))
            }
        }
    }

    /// Waits until it is clear that this caller waits for connections that he has himself.
    async fn waits_for_itself(&self, caller: &Caller) -> usize {
        let most = self.0.options.hard_maximum();
        if most == 1 && self.is_in_transaction() {
            return most;
        }
        // Most wait for less than this, and looking at all holders has its price.
        sleep(Self::STANDSTILL / 10).await;
        let mut before = self.standstill(caller, most);
        loop {
            sleep(Self::STANDSTILL).await;
            let now = self.standstill(caller, most);
            if now.is_some() && now == before {
                return most;
            }
            before = now;
        }
    }

    fn standstill(&self, caller: &Caller, most: usize) -> Option<Standstill> {
        (self.0.queue.in_use() == most)
            .then(|| self.0.counters.holders.standstill(caller, most))
            .flatten()
    }

    fn nested(&self, caller: &Caller, held: usize) -> Error {
        self.0.counters.nested.fetch_add(1, Ordering::Relaxed);
        let mut holders = self.0.counters.holders.all();
        holders.truncate(held);
        let error = NestedCheckoutError {
            pool: self.0.options.name.clone(),
            caller: caller.as_holder(),
            held: holders,
        };
        let observer = &self.0.options.observer;
        observer.tell(|observer| observer.nested_checkout(&error));
        Error::NestedCheckout(Box::new(error))
    }

    fn overloaded(&self, cause: OverloadCause, waited: Duration) -> Error {
        let error = OverloadedError {
            cause,
            waited,
            status: self.status(),
        };
        let observer = &self.0.options.observer;
        observer.tell(|observer| observer.shed(&error));
        Error::Overloaded(Box::new(error))
    }

    fn timed_out(&self, started: Instant) -> Error {
        let observer = &self.0.options.observer;
        observer.tell(|observer| observer.acquire_timed_out());
        Error::Acquire(Box::new(AcquireError {
            waited: started.elapsed(),
            status: self.status(),
        }))
    }

    /// A connection that works, for one who has a place since then at most.
    async fn connection(&self, started: Instant) -> Result<Lease, Error> {
        loop {
            let pooled = self.pooled(started).await?;
            let mut lease = Lease::new(pooled, Arc::clone(&self.0));
            if self.is_alive(lease.pooled(), started).await {
                return Ok(lease);
            }
            lease.pooled().connection.condemn();
        }
    }

    /// A connection from bb8. An error of connecting ends the waiting only if trying again
    /// cannot help; otherwise the next attempt follows, when the supply lets it, and whatever
    /// comes back to the pool meanwhile is taken.
    async fn pooled(
        &self,
        started: Instant,
    ) -> Result<bb8::PooledConnection<'static, Manager>, Error> {
        let pool = self.0.shelf.get().ok_or_else(|| self.is_gone())?;
        let seen = self.0.counters.connect_errors.borrow().count;
        let at_once = {
            let arriving = pin!(pool.get_owned());
            poll!(arriving)
        };
        match at_once {
            Poll::Ready(Ok(pooled)) => Ok(pooled),
            _ => Box::pin(self.next_pooled(&pool, seen, started)).await,
        }
    }

    /// The next connection that comes back or is made.
    async fn next_pooled(
        &self,
        pool: &bb8::Pool<Manager>,
        mut seen: u64,
        started: Instant,
    ) -> Result<bb8::PooledConnection<'static, Manager>, Error> {
        let _awaiting = self.0.queue.await_connection();
        let mut errors = self.0.counters.connect_errors.subscribe();
        loop {
            tokio::select! {
                biased;
                Ok(pooled) = pool.get_owned() => return Ok(pooled),
                error = next_error(&mut errors, &mut seen) => {
                    let error = error.ok_or_else(|| self.is_gone())?;
                    // What was tried before may be right by now: a password was changed.
                    if error.cause().is_permanent() && error.began >= started {
                        return Err(Error::Connect(error));
                    }
                }
                else => {}
            }
        }
    }

    async fn is_alive(&self, pooled: &mut Pooled, started: Instant) -> bool {
        let Pool(inner) = self;
        if pooled.connection.is_broken() {
            inner.counters.notice_loss(&pooled.connection);
            return false;
        }
        if inner.counters.is_retired(&pooled.connection) {
            return false;
        }
        match inner.options.verify_after {
            Some(idle) if started.saturating_duration_since(pooled.last_used) >= idle => {
                // What is rare is on the heap: everybody who waits for a session holds it.
                let question = Box::pin(pooled.connection.link().batch("SELECT 1"));
                let answer = timeout(inner.options.verify_timeout, question).await;
                let is_alive = matches!(answer, Ok(Ok(())));
                if !is_alive {
                    // What was there before it was made has seen no less.
                    inner.counters.retire_before(pooled.connection.opened_at());
                }
                is_alive
            }
            _ => true,
        }
    }
}

/// The next error of connecting, whoever caused the attempt. `None` once the pool is shut down.
async fn next_error(
    errors: &mut watch::Receiver<ConnectErrors>,
    seen: &mut u64,
) -> Option<Arc<ConnectError>> {
    let is_news = |errors: &ConnectErrors| errors.count > *seen || errors.is_shut_down;
    let errors = errors.wait_for(is_news).await.ok()?;
    if errors.is_shut_down {
        return None;
    }
    *seen = errors.count;
    let last = errors.recent.back()?;
    Some(Arc::clone(&last.error))
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
