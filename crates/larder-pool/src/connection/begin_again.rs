//! A connection that is lost before anything depends on it is replaced by another one, unseen.
//!
//! A transaction in which nothing has run yet is begun again on the new connection, and the
//! statement that met the loss is sent there: nothing of it can have taken effect, since COMMIT
//! was never sent. Anything later is for a retry, which runs the whole closure again.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::result::Error as DieselError;
use tokio::time::timeout;

use super::Connection;
use crate::error_class::ErrorClass;
use crate::holders::Slot;
use crate::pool::Inner;
use crate::{Error, deadline};

/// Where a connection goes back to.
pub(super) struct Home {
    pool: Arc<Inner>,
    /// Who has it.
    slot: Arc<Slot>,
}

impl Home {
    /// Another connection, when it is its turn and within the time that the request has.
    async fn connect(&self) -> Result<Connection, Error> {
        let Inner {
            counters,
            connector,
            options,
            shelf,
            ..
        } = &*self.pool;
        if shelf.is_shut() {
            return Err(Error::ShutDown {
                pool: options.name.clone(),
            });
        }
        let connecting = timeout(options.acquire_timeout, counters.supply.connect(connector));
        let connected = deadline::in_time("a connection in place of one that was lost", connecting);
        match connected.await {
            Some(Ok(connected)) => connected,
            Some(Err(_)) => Err(Error::Lost {
                cause: format!(
                    "no other connection could be made within {:?}",
                    options.acquire_timeout
                ),
                server: None,
            }),
            None => Err(Error::DeadlineExceeded {
                limit: deadline::limit().unwrap_or_default(),
                waited_for: Some("a connection in place of one that was lost"),
            }),
        }
    }
}

impl Connection {
    /// The pool that lends it, and where that notes who has it.
    pub(crate) fn belong_to(&mut self, pool: Arc<Inner>, slot: Arc<Slot>) {
        self.home = Some(Home { pool, slot });
    }

    /// Whether the connection was lost, as far as this side knows.
    pub(crate) fn is_lost(&self) -> bool {
        self.link.is_closed() || self.link.has_failed_for_good()
    }

    /// Whether a transaction is open in which nothing has run, and whose session nobody has
    /// changed: another connection would do as well.
    pub(super) fn may_begin_again(&self) -> bool {
        self.home.is_some()
            && self.transaction.is_untouched(&self.link)
            && !self.has_changed_session()
    }

    /// Begins the transaction again on another connection if this error says that the one it
    /// was begun on is lost. Says whether it has.
    pub(super) async fn begins_again(&mut self, error: &DieselError) -> bool {
        if !self.was_lost_with(error) {
            return false;
        }
        let Some(begin) = self.transaction.begin() else {
            return false;
        };
        let begun = Box::pin(async {
            self.replace().await?;
            self.link.batch(&begin).await
        });
        match begun.await {
            Ok(()) => {
                tracing::debug!("a transaction was begun again on another connection");
                self.transaction.touch_from(&self.link);
                true
            }
            Err(error) => {
                tracing::debug!(%error, "failed to begin a transaction again");
                false
            }
        }
    }

    /// Whether the connection was lost with this error, or before it.
    pub(super) fn was_lost_with(&self, error: &DieselError) -> bool {
        let reply = self.last_server_error();
        let reply = reply.filter(|reply| reply.is_reported_by(error));
        match reply {
            Some(reply) => reply.ends_connection() && reply.class() == ErrorClass::Connection,
            None => self.is_lost(),
        }
    }

    /// Puts another connection of the same pool in the place of this one, which is lost.
    pub(super) async fn replace(&mut self) -> QueryResult<()> {
        let Some(home) = &self.home else {
            return Err(DieselError::BrokenTransactionManager);
        };
        let fresh = home.connect().await;
        let fresh = fresh.map_err(|error| DieselError::QueryBuilderError(Box::new(error)))?;
        home.slot.is_now(&fresh.link);
        let lost = std::mem::replace(&mut self.link, fresh.link);
        self.opened = fresh.opened;
        self.link.go_on_from(&lost);
        // Nobody else asks it any more.
        lost.doubt_unread();
        lost.sever();
        Ok(())
    }
}
