//! Doing something once a transaction has ended.

use std::sync::Arc;
use std::time::Instant;

use diesel::QueryResult;
use diesel::result::Error as DieselError;

use super::observation::Recording;
use super::{Connection, SessionSettings};

impl Connection {
    /// Does something after the transaction that is open has been committed, and before its
    /// caller hears of it: publishing an event, waking a worker. It must be quick and must not
    /// wait; spawn a task for what takes longer.
    ///
    /// Asked for in a savepoint that is rolled back, or in a transaction whose outcome is not
    /// known, it is not done. If it panics, the panic is logged and the commit stands.
    ///
    /// # Errors
    ///
    /// [`diesel::result::Error::NotInTransaction`] where no transaction is open.
    pub fn after_commit(&mut self, hook: impl FnOnce() + Send + 'static) -> QueryResult<()> {
        let effects = &mut self.transaction.effects;
        effects
            .after_commit(Box::new(hook))
            .map_err(|_| DieselError::NotInTransaction)
    }

    /// Does something after the transaction that is open, or its innermost savepoint, has been
    /// rolled back, for whatever reason. See [`after_commit`](Self::after_commit).
    ///
    /// # Errors
    ///
    /// [`diesel::result::Error::NotInTransaction`] where no transaction is open.
    pub fn after_rollback(&mut self, hook: impl FnOnce() + Send + 'static) -> QueryResult<()> {
        let effects = &mut self.transaction.effects;
        effects
            .after_rollback(Box::new(hook))
            .map_err(|_| DieselError::NotInTransaction)
    }

    /// Begins to record which statements run.
    pub fn start_recording(&mut self) {
        self.recording = true;
        self.link.record();
    }

    /// Ends the recording and gives what ran.
    pub fn finish_recording(&mut self) -> Recording {
        self.recording = false;
        self.link.recorded()
    }

    /// The settings with which the session began. What its user changes since is not seen here.
    pub fn session_settings(&self) -> &SessionSettings {
        self.link.settings()
    }

    /// Whether the server was a standby when the connection was made, as PostgreSQL 14 and newer
    /// say: what is read there may be older than what was committed on the primary.
    pub fn is_standby(&self) -> bool {
        self.link().is_standby()
    }

    /// When somebody began to make the connection.
    pub fn opened_at(&self) -> Instant {
        self.opened
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.link().is_closed()
    }

    /// Whether the connection belongs to this pool, or to a clone of it.
    pub fn is_of(&self, pool: &crate::Pool) -> bool {
        Arc::ptr_eq(self.link.watch(), &pool.0.connector.shared().watch)
    }
}
