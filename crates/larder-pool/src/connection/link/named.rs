//! Statements by name: prepared once on a connection and kept.
//!
//! What is kept can become useless: the server forgets its statements (DEALLOCATE, DISCARD, a
//! pooler that nobody told of), or a table changes under a plan. The server says so before the
//! statement runs. So outside a transaction it is prepared anew and sent again, once; inside one
//! the error comes out, because nothing but the whole transaction can be tried again.

use std::pin::pin;
use std::sync::Arc;

use diesel::QueryResult;
use diesel::result::Error as DieselError;

use super::accompanied::Request;
use super::answer::Answer;
use super::journal::{is_lost_name, is_outdated_plan};
use super::ticket::Pending;
use super::{Link, Ticket, refuse_transaction_control};
use crate::TransactionSettings;
use crate::connection::observation::Observation;
use crate::connection::rows::Rows;
use crate::connection::statement::Statement;

/// Why a statement has no answer.
pub(super) enum Unanswered {
    Failed(DieselError),
    /// The server no longer knows it as it was prepared. Nothing of it has run, and nobody was
    /// told that it failed.
    Outdated(Observation),
}

impl From<DieselError> for Unanswered {
    fn from(error: DieselError) -> Self {
        Self::Failed(error)
    }
}

/// Whether an error says that a statement has to be prepared anew.
pub(super) fn is_outdated(error: &tokio_postgres::Error) -> bool {
    is_lost_name(error) || is_outdated_plan(error)
}

impl Link {
    /// Sends a statement, its types resolved, that is kept if it is worth that.
    pub(super) async fn query_named<'conn>(
        self: &Arc<Self>,
        statement: &Statement,
        settings: Option<TransactionSettings>,
        mut observation: Pending<'_>,
    ) -> QueryResult<Rows<'conn>> {
        let mut may_repeat = observation.is_alone();
        loop {
            let prepared = match self.kept(statement) {
                Some(kept) => kept,
                // Once for each statement of a connection: on the heap, or every statement would
                // be as large.
                None => Box::pin(self.prepared(statement, settings.as_ref(), &mut may_repeat))
                    .await
                    .map_err(|error| observation.failed(error))?,
            };
            let sent = self.send(&prepared, statement, observation.take(), may_repeat);
            match sent.await {
                Ok(rows) => return Ok(rows),
                Err(Unanswered::Failed(error)) => {
                    if self.last_error_makes_statements_useless()
                        && let Some(key) = statement.key()
                    {
                        self.statements().remove(&key);
                    }
                    return Err(error);
                }
                Err(Unanswered::Outdated(again)) => {
                    self.statements().forget_all();
                    may_repeat = false;
                    observation = Pending::new(self, Some(again));
                }
            }
        }
    }

    /// The statement as it was prepared before.
    fn kept(&self, statement: &Statement) -> Option<tokio_postgres::Statement> {
        self.statements().get(&statement.key()?)
    }

    /// Prepares a statement, and keeps it if it is worth that.
    async fn prepared(
        self: &Arc<Self>,
        statement: &Statement,
        settings: Option<&TransactionSettings>,
        may_repeat: &mut bool,
    ) -> QueryResult<tokio_postgres::Statement> {
        refuse_transaction_control(&statement.sql)?;
        let prepared = match self.prepare(statement, settings).await {
            // Somebody has taken its name. The next one is another.
            Err(_) if *may_repeat && self.last_error_is_of_names() => {
                *may_repeat = false;
                self.prepare(statement, settings).await
            }
            prepared => prepared,
        };
        let prepared = prepared?;
        if let Some(key) = statement.key() {
            self.statements().insert(key, prepared.clone());
        }
        Ok(prepared)
    }

    async fn prepare(
        self: &Arc<Self>,
        statement: &Statement,
        settings: Option<&TransactionSettings>,
    ) -> QueryResult<tokio_postgres::Statement> {
        let mut ticket = Ticket::new(self);
        let types = statement.binds.types();
        let preparing = self.client.prepare_typed(&statement.sql, &types);
        if let Some(settings) = settings.filter(|settings| settings.role().is_some()) {
            // Whoever may not look into a schema finds no table there.
            let beginning = self.beginning("BEGIN", Some(settings));
            let result = self
                .answer(Box::pin(self.under(&beginning, preparing)))
                .await?;
            return ticket.settle(result);
        }
        let result = self.answer(Box::pin(preparing)).await?;
        ticket.settle(result)
    }

    async fn send<'conn>(
        self: &Arc<Self>,
        prepared: &tokio_postgres::Statement,
        statement: &Statement,
        observation: Option<Observation>,
        may_repeat: bool,
    ) -> Result<Rows<'conn>, Unanswered> {
        let companion = observation.as_ref().and_then(Observation::companion);
        let observation = match observation {
            Some(observation) if companion.is_some() || observation.settings().is_some() => {
                let request = Request::Statement(prepared, &statement.binds.values);
                let sent = self.accompany_once(request, observation, companion, may_repeat);
                return Box::pin(sent).await;
            }
            observation => observation,
        };
        let mut ticket = Ticket::watching(self, observation);
        // On the heap, since it is large and everything around would be larger.
        let sent = Box::pin(self.client.query_raw(prepared, &statement.binds.values));
        let sent = pin!(self.asking_behind(sent));
        let answer = self.answer(sent).await;
        match answer.map_err(|error| ticket.late(error))? {
            Ok(rows) => Ok(Rows::new(Answer::of(rows), ticket)),
            // It comes in place of the first message of an answer, before anything has run.
            Err(error) if may_repeat && is_outdated(&error) => Err(self.outdated(ticket, &error)),
            Err(error) => Err(ticket.failed(&error).into()),
        }
    }

    /// Takes back a statement that the server no longer knows as it was prepared.
    pub(super) fn outdated(&self, mut ticket: Ticket, error: &tokio_postgres::Error) -> Unanswered {
        if is_outdated_plan(error) {
            // The other connections have such plans, too.
            self.watch.outdate(self.generation);
        } else {
            self.lose_names();
        }
        match ticket.withdrawn() {
            Some(observation) => Unanswered::Outdated(observation),
            None => ticket.failed(error).into(),
        }
    }
}
