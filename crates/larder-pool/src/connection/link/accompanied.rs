//! A write outside of a transaction and what has to take effect together with it.
//!
//! BEGIN, the write, its companion and COMMIT are on their way before any of them is answered,
//! so it costs one round trip as the write alone would. And its caller may leave at any moment:
//! no transaction stays open, because in one that failed COMMIT is a ROLLBACK.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use diesel::QueryResult;
use futures::FutureExt;
use tokio_postgres::error::SqlState as Code;
use tokio_postgres::{Client, Error};

use super::answer::{Answer, Around, Reply, Source};
use super::commit::Sent;
use super::ticket::Pending;
use super::{Link, Ticket};
use crate::connection::binds::Bind;
use crate::connection::observation::Observation;
use crate::connection::rows::Rows;
use crate::observer::Companion;

/// A write, ready to be sent.
#[derive(Clone, Copy)]
pub(super) enum Request<'a> {
    Statement(&'a tokio_postgres::Statement, &'a [Bind]),
    /// One statement or several, whose rows nobody wants.
    Batch(&'a str),
}

/// What is sent around a write.
#[derive(Clone, Copy)]
struct Company<'a> {
    in_transaction: bool,
    companion: Option<&'a Companion>,
}

/// Why a write failed. Everything that was sent with it is over, if the server said so.
struct Failed {
    error: Error,
    /// Nothing of it has taken effect.
    undone: bool,
    /// The transaction that the companion told.
    transaction: Option<u64>,
}

impl Failed {
    /// Whether the write has done nothing because it cannot run inside a transaction.
    fn wants_no_transaction(&self) -> bool {
        // The second one is of a procedure that commits. What it did before is rolled back.
        let codes = [
            Code::ACTIVE_SQL_TRANSACTION,
            Code::INVALID_TRANSACTION_TERMINATION,
        ];
        self.undone && self.error.code().is_some_and(|code| codes.contains(code))
    }
}

impl Link {
    /// Sends a write with its companion, in a transaction of their own. What cannot run inside
    /// one is sent again by itself, with the companion before it and after it.
    pub(super) async fn accompany<'conn>(
        self: &Arc<Self>,
        request: Request<'_>,
        observation: Observation,
        companion: Companion,
    ) -> QueryResult<Rows<'conn>> {
        let mut ticket = Ticket::new(self);
        ticket.watch(Some(observation.accompanied()));
        let company = Company {
            in_transaction: true,
            companion: Some(&companion),
        };
        match self.answer(self.exchange(request, company)).await? {
            Ok(answer) => Ok(Rows::new(answer, ticket)),
            Err(failed) if failed.wants_no_transaction() => {
                let observation = ticket.withdrawn().map(Observation::apart);
                drop(ticket);
                self.send_apart(request, observation, &companion).await
            }
            Err(failed) => {
                ticket.told_transaction(failed.transaction);
                Err(ticket.failed(&failed.error))
            }
        }
    }

    /// Sends a write outside of any transaction. Its companion goes before it, so that nothing
    /// can take effect that was never announced, and after it, for what was read meanwhile.
    async fn send_apart<'conn>(
        self: &Arc<Self>,
        request: Request<'_>,
        observation: Option<Observation>,
        companion: &Companion,
    ) -> QueryResult<Rows<'conn>> {
        let guard = observation.as_ref().and_then(Observation::unaccompanied);
        let mut waiting = Pending::new(self, observation);
        let announced = self.send_companion(companion).await;
        let announced = announced.map_err(|error| waiting.failed(error))?;
        let mut ticket = Ticket::new(self);
        ticket.resume(waiting.take(), guard);
        let company = Company {
            in_transaction: false,
            // Where the one before could not be written, neither can the write.
            companion: Some(companion).filter(|_| matches!(announced, Sent::Done(_))),
        };
        match self.answer(self.exchange(request, company)).await? {
            Ok(answer) => Ok(Rows::new(answer, ticket)),
            Err(failed) => Err(ticket.failed(&failed.error)),
        }
    }

    /// Sends a write with its company, and waits until the first row of it can be given out.
    async fn exchange(&self, request: Request<'_>, company: Company<'_>) -> Result<Answer, Failed> {
        // Up to the line below nothing is waited for. Were it, a caller who leaves would leave
        // a transaction open, or a write without its companion.
        let client = &self.client;
        let begin = company.in_transaction.then(|| send(client, "BEGIN"));
        let mut asking = pin!(start(client, request));
        let asked = futures::poll!(asking.as_mut());
        let is_sent = !matches!(asked, Poll::Ready(Err(_)));
        let companion = company.companion.filter(|_| is_sent);
        let companion = companion.map(|companion| send(client, &companion.sql));
        let commit = company.in_transaction.then(|| send(client, "COMMIT"));
        // ------------------------------------------------------------------
        let lost = |error| Failed {
            error,
            undone: false,
            transaction: None,
        };
        let mut around = Around::new(
            begin.transpose().map_err(lost)?,
            companion.transpose().map_err(lost)?,
            commit.transpose().map_err(lost)?,
            company
                .companion
                .is_some_and(|companion| companion.may_be_refused),
        );
        let undone = around.begun().await.map_err(lost)?;
        let failed = |error, transaction| Failed {
            error,
            undone,
            transaction,
        };
        let asked = match asked {
            Poll::Ready(asked) => asked,
            Poll::Pending => asking.await,
        };
        match asked {
            Ok(source) => {
                let mut answer = Answer::accompanied(source, around);
                match answer.begin().await {
                    Ok(()) => Ok(answer),
                    Err(error) => Err(failed(error, answer.transaction())),
                }
            }
            Err(error) => {
                if error.as_db_error().is_some() {
                    // The write's own error is the one that counts.
                    let _ = around.ended().await;
                }
                Err(failed(error, None))
            }
        }
    }
}

/// Puts a text on its way, at once.
fn send(client: &Client, sql: &str) -> Result<Reply, Error> {
    #[expect(
        clippy::expect_used,
        reason = "the client queues a text and gives the place where its answer comes"
    )]
    let sent = client
        .simple_query_raw(sql)
        .now_or_never()
        .expect("sending does not wait");
    sent.map(Box::pin)
}

/// Puts a write on its way when it is first polled, and waits for the beginning of its answer.
async fn start(client: &Client, request: Request<'_>) -> Result<Source, Error> {
    match request {
        Request::Statement(prepared, values) => {
            let rows = client.query_raw(prepared, values).await?;
            Ok(Source::Rows(Box::pin(rows)))
        }
        Request::Batch(sql) => Ok(Source::Batch(Box::pin(client.simple_query_raw(sql).await?))),
    }
}
