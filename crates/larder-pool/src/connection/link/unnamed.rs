//! Statements behind a pooler in transaction mode: without names, each in a transaction.
//!
//! tokio-postgres describes a result by types, and looks up those of users by named statements
//! of its own. Outside a transaction these would reach another server each. So before a statement
//! is sent for the first time it is described inside a transaction, and whatever has to be looked
//! up is looked up there. That costs what preparing costs on a direct connection, once for each
//! statement and pool.

use std::pin::pin;
use std::sync::Arc;

use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use super::accompanied::{Request, send};
use super::answer::{Answer, read_to_its_end};
use super::ticket::Pending;
use super::{Link, Ticket, refuse_transaction_control};
use crate::connection::observation::Observation;
use crate::connection::pooled::{Pooled, ResultTypes};
use crate::connection::rows::Rows;
use crate::connection::statement::Statement;

/// A statement without a name, and the text that is sent for it.
#[derive(Clone, Copy)]
pub(super) struct Unnamed<'a> {
    pub(super) statement: &'a Statement,
    /// Its own, or that with a comment.
    pub(super) text: &'a str,
}

impl Link {
    /// Sends a statement that has no name, its types resolved.
    pub(super) async fn query_unnamed<'conn>(
        self: &Arc<Self>,
        pooled: &Pooled,
        Unnamed { statement, text }: Unnamed<'_>,
        beginning: Option<String>,
        mut observation: Pending<'_>,
    ) -> QueryResult<Rows<'conn>> {
        let types = statement.binds.types();
        let key = ResultTypes::key(&statement.sql, &types);
        if !pooled.knows(key) {
            refuse_transaction_control(&statement.sql)?;
            refuse_session_use(&statement.sql)?;
            let described = self.describe(pooled, &statement.sql, &types, beginning);
            let columns = described.await.map_err(|error| observation.failed(error))?;
            pooled.learn(key, &columns);
        }
        let request = Request::Unnamed(text, &statement.binds.values, &types);
        let observation = observation.take();
        let companion = observation.as_ref().and_then(Observation::companion);
        match observation {
            Some(observation) if observation.is_alone() => {
                self.accompany(request, observation, companion).await
            }
            observation => {
                let mut ticket = Ticket::new(self);
                ticket.watch(observation);
                let values = statement.binds.values.iter().zip(types);
                let sent = self.client.query_typed_raw(text, values);
                let sent = self.asking_behind(sent);
                let answer = self.answer(Box::pin(sent)).await;
                match answer.map_err(|error| ticket.late(error))? {
                    Ok(rows) => Ok(Rows::new(Answer::of(rows), ticket)),
                    Err(error) => Err(ticket.failed(&error)),
                }
            }
        }
    }

    /// Lets the server describe a statement, and tokio-postgres look up what it does not know, all
    /// in one transaction: the one that is open, or one that begins with this text. Gives the
    /// types of users in the result.
    async fn describe(
        self: &Arc<Self>,
        pooled: &Pooled,
        sql: &str,
        types: &[Type],
        beginning: Option<String>,
    ) -> QueryResult<Vec<u32>> {
        let mut ticket = Ticket::new(self);
        // Whoever leaves here must leave no transaction open, and no names.
        let mut unfinished = Unfinished(beginning.is_some().then_some(&self.client));
        let describing = self.describe_within(pooled, sql, types, beginning.as_deref());
        let mut result = self.answer(Box::pin(describing)).await?;
        unfinished.0 = None;
        if beginning.is_some() && result.is_err() {
            result = match send(&self.client, Unfinished::END) {
                Ok(reply) => read_to_its_end(reply).await.and(result),
                Err(error) => Err(error),
            };
        }
        ticket.settle(result)
    }

    async fn describe_within(
        &self,
        pooled: &Pooled,
        sql: &str,
        types: &[Type],
        beginning: Option<&str>,
    ) -> Result<Vec<u32>, Error> {
        let again = pooled.lookups_again();
        let (begin, end) = match beginning {
            Some(beginning) => (format!("{beginning}; {again}"), "; COMMIT"),
            None => (again, ""),
        };
        let begun = send(&self.client, &begin)?;
        let mut preparing = pin!(self.client.prepare_typed(sql, types));
        // On its way before the answer to what begins is waited for.
        let prepared = futures::poll!(preparing.as_mut());
        read_to_its_end(begun).await?;
        let prepared = match prepared {
            std::task::Poll::Ready(prepared) => prepared?,
            std::task::Poll::Pending => preparing.await?,
        };
        let of_users = prepared
            .columns()
            .iter()
            .map(|column| column.type_().oid())
            .filter(|oid| Type::from_oid(*oid).is_none())
            .collect();
        // Closed inside the transaction, where its name means something.
        drop(prepared);
        let lookups = Pooled::LOOKUPS;
        let end = format!("{lookups}; DEALLOCATE ALL{end}");
        let answer = self.client.simple_query(&end).await?;
        pooled.note_lookups(answer.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((row.get(0)?.to_owned(), row.get(1)?.to_owned())),
            _ => None,
        }));
        Ok(of_users)
    }
}

/// A transaction in which something is described, and that nobody else would end.
struct Unfinished<'a>(Option<&'a Client>);

impl Unfinished<'_> {
    /// Names are no part of a transaction.
    const END: &'static str = "ROLLBACK; DEALLOCATE ALL";
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(client) = self.0 {
            // Queued at once, ahead of whatever is sent next. Its answer is nobody's.
            drop(send(client, Self::END));
        }
    }
}

/// Nothing of a session lasts behind such a pooler: what is set there stays with another's.
///
/// # Errors
///
/// If the text contains a statement that needs a session of its own.
pub(super) fn refuse_session_use(sql: &str) -> QueryResult<()> {
    match larder_sql::session_use(sql) {
        None => Ok(()),
        Some(words) => Err(DieselError::DatabaseError(
            DatabaseErrorKind::Unknown,
            Box::new(format!(
                "{words} needs a session of its own, and a pooler in transaction mode \
                 (database.pooler = transaction) lends one for a transaction only: use what ends \
                 with the transaction (SET LOCAL, set_config(.., true), pg_advisory_xact_lock, \
                 ON COMMIT DROP), or the direct URL of the server"
            )),
        )),
    }
}
