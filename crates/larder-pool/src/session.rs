//! A connection on loan, and what happens when it comes back.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_postgres::CancelToken;

use crate::admission::Place;
use crate::checkout::{Manager, Pooled};
use crate::connector::{Connector, Route};
use crate::holders::{Caller, Runner};
use crate::pool::Inner;
use crate::{AsyncClosure, Connection};

/// A connection for several statements that each commit by themselves.
///
/// Diesel's queries run on it as on any connection: `query.load(&mut session)`.
/// Dropped, it goes back to the pool. What its user left open, a transaction or a
/// statement that is still running, is ended on the server first.
///
/// So are settings that were changed (SET), temporary tables, LISTEN and session-level locks
/// undone, at the cost of a round trip where any of them may have been used.
pub struct Session {
    lease: Option<Lease>,
}

impl Session {
    pub(crate) fn new(lease: Lease) -> Self {
        Self { lease: Some(lease) }
    }

    /// Closes the connection instead of giving it back: for one whose state is not
    /// worth restoring. A statement that still runs on it is ended on the server before, which
    /// takes [`rollback_timeout`](crate::PoolOptions::rollback_timeout) at most.
    pub fn discard(mut self) {
        self.condemn();
    }

    /// As [`Connection::transaction`].
    ///
    /// # Errors
    ///
    /// As [`Connection::transaction`].
    ///
    /// # Cancel safety
    ///
    /// As [`Connection::transaction`].
    pub async fn transaction<R, E, F>(&mut self, closure: F) -> Result<R, E>
    where
        for<'c> F: AsyncFnOnce(&'c mut Connection) -> Result<R, E>
            + AsyncClosure<&'c mut Connection, Result<R, E>, Future: Send>
            + Send,
        R: Send,
        E: From<diesel::result::Error> + Send,
    {
        Connection::transaction(&mut *self, closure).await
    }

    fn lease(&self) -> &Lease {
        #[expect(
            clippy::expect_used,
            reason = "the lease is taken by drop and nowhere else"
        )]
        self.lease
            .as_ref()
            .expect("a session holds its lease until it is dropped")
    }
}

impl Deref for Session {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.lease().pooled.connection
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Connection {
        #[expect(
            clippy::expect_used,
            reason = "the lease is taken by drop and nowhere else"
        )]
        let lease = self
            .lease
            .as_mut()
            .expect("a session holds its lease until it is dropped");
        if let Some(asked) = lease.asked {
            lease.pooled.slot.used_by(asked);
        }
        &mut lease.pooled.connection
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Session")
            .field("connection", &**self)
            .finish_non_exhaustive()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(mut lease) = self.lease.take() else {
            return;
        };
        let connection = &mut lease.pooled.connection;
        if connection.is_broken() {
            lease.pool.counters.notice_loss(connection);
            connection.condemn();
            if connection.is_still_served() && lease.pool.connector.may_sever() {
                let runtime = lease.pool.runtime.clone();
                runtime.spawn(lease.cut_off());
            } else {
                lease.close();
            }
            return;
        }
        if !connection.is_clean() {
            let runtime = lease.pool.runtime.clone();
            runtime.spawn(lease.recover());
        }
    }
}

/// A connection, the place in the queue that it stands for, and the way back.
pub(crate) struct Lease {
    // In this order: the connection is back before its place is given to the next.
    pooled: bb8::PooledConnection<'static, Manager>,
    place: Option<Place>,
    pool: Arc<Inner>,
    /// Who asked for it.
    asked: Option<Runner>,
}

impl Lease {
    /// How long a statement may go on after its caller has left before the server is
    /// asked to end it. Most are done by then, and their connection can be kept.
    const PATIENCE: Duration = Duration::from_millis(100);

    pub(crate) fn new(pooled: bb8::PooledConnection<'static, Manager>, pool: Arc<Inner>) -> Self {
        Self {
            pooled,
            place: None,
            pool,
            asked: None,
        }
    }

    pub(crate) fn pooled(&mut self) -> &mut Pooled {
        &mut self.pooled
    }

    pub(crate) fn hold(&mut self, place: Place, caller: Caller, now: Instant) {
        self.place = Some(place);
        let (pool, slot) = (Arc::clone(&self.pool), Arc::clone(&self.pooled.slot));
        self.pooled.connection.belong_to(pool, slot);
        self.pooled.connection.begin_span();
        self.asked = Some(caller.runner());
        self.pooled.slot.hold(caller, now);
    }

    /// Ends on the server what the user left open, and undoes what was changed of the session.
    /// The connection goes back to the pool if the server confirmed that, and is closed otherwise.
    async fn recover(mut self) {
        self.recover_in_time().await;
        if self.pooled.connection.is_broken() {
            self.lose();
        }
    }

    async fn recover_in_time(&mut self) {
        if !self.pool.connector.may_sever() {
            // Its only connection cannot be cut off, so its end is waited for.
            self.restore().await;
            return;
        }
        let limit = self.pool.options.rollback_timeout;
        if timeout(limit, self.restore()).await.is_err() {
            tracing::warn!(
                pool = self.pool.options.name,
                "failed to end an abandoned transaction within {limit:?}: closing its connection"
            );
            self.pooled.connection.condemn();
            self.pooled.connection.link().sever();
        }
    }

    /// Closes a connection that nobody is to use again, and has the server end what it still runs
    /// on it: it would notice a closed connection only when it has an answer to write.
    async fn cut_off(mut self) {
        let link = Arc::clone(self.pooled.connection.link());
        // As long as it takes: the deadline of a statement is not meant for this.
        link.set_answer_timeout(None);
        match timeout(Self::PATIENCE, link.batch("ROLLBACK")).await {
            Ok(Ok(())) => {
                let observer = &link.watch().observer;
                self.pooled.connection.transaction.reset(observer);
            }
            _ if link.is_closed() => {}
            _ => {
                let token = self.pooled.connection.cancel_token();
                let cancelling = cancel(&self.pool.connector, token, link.route());
                // It is closed in any case, and somebody may wait for its place.
                let _ = timeout(self.pool.options.rollback_timeout, cancelling).await;
            }
        }
        self.close();
    }

    /// Closes the connection at once, where nothing else hangs on that.
    fn close(&mut self) {
        if self.pool.connector.may_sever() {
            self.pooled.connection.link().sever();
        }
        self.lose();
    }

    /// What was sent and never answered may have taken effect, and may yet.
    fn lose(&mut self) {
        let connection = &mut self.pooled.connection;
        let link = Arc::clone(connection.link());
        link.doubt_unread();
        connection.transaction.lose(&link.watch().observer);
    }

    async fn restore(&mut self) {
        let connection = &self.pooled.connection;
        if !connection.transaction.is_idle() || connection.link().is_busy() {
            self.roll_back().await;
        }
        if self.pooled.connection.has_changed_session() && !self.pooled.connection.is_broken() {
            self.restore_session().await;
        }
    }

    /// Makes the session as it was when it began. This is what `DISCARD ALL` does, but for the
    /// prepared statements: they are ours, and tokio-postgres has some of its own.
    async fn restore_session(&mut self) {
        const DISCARD: &str = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; \
            UNLISTEN *; SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD PLANS; \
            DISCARD TEMP; DISCARD SEQUENCES;";
        let link = Arc::clone(self.pooled.connection.link());
        if link.is_pooled() {
            // What was the session's went with the server's connection, or ended with it.
            self.pooled.connection.session_restored();
            return;
        }
        let setup = self.pool.connector.setup();
        match link.batch(&format!("{DISCARD}{setup}")).await {
            Ok(()) => self.pooled.connection.session_restored(),
            Err(error) => {
                tracing::debug!(%error, "failed to restore a session");
                self.pooled.connection.condemn();
            }
        }
    }

    async fn roll_back(&mut self) {
        let link = Arc::clone(self.pooled.connection.link());
        // As long as it takes: the deadline of a statement is not meant for this.
        let limit = link.set_answer_timeout(None);
        let mut rolled_back = std::pin::pin!(link.batch("ROLLBACK"));
        let (result, cancelled) = match timeout(Self::PATIENCE, &mut rolled_back).await {
            Ok(result) => (result, false),
            Err(_) => {
                let token = self.pooled.connection.cancel_token();
                let cancelled = cancel(&self.pool.connector, token, link.route()).await;
                (rolled_back.await, cancelled)
            }
        };
        link.set_answer_timeout(limit);
        // A request to cancel may still be under way and would hit the next user.
        if result.is_ok() {
            let observer = &link.watch().observer;
            self.pooled.connection.transaction.reset(observer);
        }
        if result.is_err() || cancelled {
            self.pooled.connection.condemn();
        }
    }
}

/// Asks the server to end the statement that is running; says whether it was asked.
async fn cancel(connector: &Connector, token: CancelToken, route: &Route) -> bool {
    if !connector.sends_cancel_requests() {
        return false;
    }
    if let Err(error) = connector.cancel(token, route).await {
        tracing::debug!(%error, "failed to cancel an abandoned statement");
    }
    true
}

impl Drop for Lease {
    fn drop(&mut self) {
        let now = Instant::now();
        self.pooled.last_used = now;
        self.pooled.returned = now;
        if let Some(used_for) = self.pooled.slot.release(now) {
            let observer = &self.pool.options.observer;
            observer.tell(|observer| observer.released(used_for));
        }
        self.pooled.connection.forget_user();
        if self.place.is_some() {
            tracing::trace!(pool = self.pool.options.name, "checkin");
        }
    }
}
