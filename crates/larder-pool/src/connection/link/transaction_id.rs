//! The id of the transaction that is open, and which server gave it: known before COMMIT is
//! sent, so that its outcome can be asked for where the answer to COMMIT is lost.
//!
//! The question for the id is on its way right behind the first statement that writes, in no
//! round trip of its own, and its answer is read before anything else is sent. Only a
//! transaction that has written has an id; asking gives it none.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use diesel::QueryResult;
use futures::{FutureExt, TryStreamExt};
use tokio_postgres::{Client, SimpleQueryMessage};

use super::answer::{Reply, id_in};
use super::{Link, Ticket};
use crate::server_error::ServerError;
use crate::trouble::{Doubt, ServerIdentity};

const ID: &str = "SELECT pg_catalog.pg_current_xact_id_if_assigned()";

/// What is known of the id of the transaction that is open.
#[derive(Default)]
pub(super) enum TransactionId {
    /// Nothing was written.
    #[default]
    None,
    /// A statement that writes is about to be sent, and the question goes behind it.
    Wanted,
    /// The question is on its way.
    Asked(Reply),
    Known(u64),
}

impl Link {
    /// A statement of the transaction that is open is about to be sent, and writes.
    pub(crate) fn want_transaction_id(&self) {
        let id = &mut self.journal().transaction_id;
        if matches!(id, TransactionId::None) {
            *id = TransactionId::Wanted;
            self.is_id_open.store(true, Ordering::Relaxed);
        }
    }

    /// Sends a statement and, where somebody wants the id, the question for it right behind.
    pub(super) async fn asking_behind<T>(&self, statement: impl Future<Output = T>) -> T {
        let mut statement = std::pin::pin!(statement);
        // It is on its way once it was polled.
        let answered = futures::poll!(statement.as_mut());
        self.ask_transaction_id();
        match answered {
            Poll::Ready(answer) => answer,
            Poll::Pending => statement.await,
        }
    }

    /// Puts the question on its way if somebody wants the id.
    fn ask_transaction_id(&self) {
        if !self.is_id_open.load(Ordering::Relaxed) {
            return;
        }
        let mut journal = self.journal();
        if matches!(journal.transaction_id, TransactionId::Wanted) {
            let asked = self.client.simple_query_raw(ID).now_or_never();
            journal.transaction_id = match asked {
                Some(Ok(reply)) => TransactionId::Asked(Box::pin(reply)),
                _ => TransactionId::None,
            };
        }
    }

    /// Sends a statement, and reads meanwhile what was asked before it: its answer comes first, and
    /// left unread it would hold up the others.
    pub(super) async fn in_turn<T>(&self, statement: impl Future<Output = T> + Unpin) -> T {
        // Not the one that this statement is going to ask: that may come after all its rows.
        match self.take_asked() {
            Some(asked) => {
                let reading = self.read_transaction_id(asked);
                let both = futures::future::join(statement, reading);
                // On the heap, since it is rare.
                let (answer, ()) = Box::pin(both).await;
                answer
            }
            None => statement.await,
        }
    }

    /// Waits until the id is known, if it was asked for: COMMIT comes after it. Gives up where the
    /// request has no time for that.
    pub(crate) async fn settle_transaction_id(&self) {
        let settled = self.answer(std::future::ready(())).await;
        if settled.is_err() {
            self.journal().given_up = true;
        }
    }

    fn take_asked(&self) -> Option<Reply> {
        if !self.is_id_open.load(Ordering::Relaxed) {
            return None;
        }
        let id = &mut self.journal().transaction_id;
        let is_wanted = matches!(id, TransactionId::Wanted);
        self.is_id_open.store(is_wanted, Ordering::Relaxed);
        match std::mem::take(id) {
            TransactionId::Asked(reply) => Some(reply),
            other => {
                *id = other;
                None
            }
        }
    }

    async fn read_transaction_id(&self, asked: Reply) {
        let read = first_id(asked).await;
        let mut journal = self.journal();
        match read {
            Ok(Some(id)) => journal.transaction_id = TransactionId::Known(id),
            // The statement has written nothing; the next one may.
            Ok(None) => {}
            // It comes after a failure, or is one: a request to cancel hit it. COMMIT has to ask.
            Err(error) => {
                journal.given_up = true;
                // Nobody else hears it: it was said in answer to this.
                journal.farewell = ServerError::of(&error).filter(ServerError::ends_connection);
            }
        }
    }

    /// What is known of the transaction that is open, whose COMMIT stays without an answer.
    pub(crate) fn doubt(&self) -> Doubt {
        let known = match self.journal().transaction_id {
            TransactionId::Known(id) => Some(id),
            _ => None,
        };
        self.doubt_of(known)
    }

    /// The same of a write outside of it, which has no id but that of a transaction of its own.
    pub(super) fn doubt_of(&self, transaction_id: Option<u64>) -> Doubt {
        Doubt {
            transaction_id,
            server: self.identity.get().cloned().flatten(),
        }
    }

    /// Asks something for Larder's own use; gives the first row. Nobody is told of it.
    pub(crate) async fn question(self: &Arc<Self>, sql: &str) -> QueryResult<Vec<Option<String>>> {
        let mut ticket = Ticket::new(self);
        let messages = self.answer(Box::pin(self.client.simple_query(sql))).await?;
        let messages = ticket.settle(messages)?;
        let row = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        Ok(row.map_or_else(Vec::new, |row| {
            let cells = (0..row.len()).map(|index| row.get(index).map(str::to_owned));
            cells.collect()
        }))
    }
}

async fn first_id(mut reply: Reply) -> Result<Option<u64>, tokio_postgres::Error> {
    let mut id = None;
    while let Some(message) = reply.try_next().await? {
        if let SimpleQueryMessage::Row(row) = message {
            id = id_in(&row);
        }
    }
    Ok(id)
}

/// Asks a new connection which server it leads to. Nobody waits for the answer: it is read in a
/// task of its own, and there before anybody could need it.
pub(super) fn ask_identity(client: &Client) -> Arc<OnceLock<Option<ServerIdentity>>> {
    // The second one is refused where nobody may read the control file; the first one stands.
    const IDENTITY: &str = "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL \
        ELSE pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8) END, \
        (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint; \
        SELECT system_identifier FROM pg_catalog.pg_control_system()";
    let identity = Arc::new(OnceLock::new());
    if let Some(Ok(reply)) = client.simple_query_raw(IDENTITY).now_or_never() {
        let found = Arc::clone(&identity);
        tokio::spawn(async move {
            let _ = found.set(read_identity(Box::pin(reply)).await);
        });
    }
    identity
}

async fn read_identity(mut reply: Reply) -> Option<ServerIdentity> {
    let mut rows = Vec::new();
    // An error ends it, and what came before counts.
    while let Ok(Some(message)) = reply.try_next().await {
        if let SimpleQueryMessage::Row(row) = message {
            rows.push(row);
        }
    }
    let first = rows.first()?;
    Some(ServerIdentity {
        timeline: first.get(0)?.to_owned(),
        since: first.get(1)?.parse().ok()?,
        system: rows
            .get(1)
            .and_then(|row| row.get(0))
            .unwrap_or_default()
            .to_owned(),
    })
}
