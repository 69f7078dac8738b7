//! A statement outside of a transaction and what travels around it: what has to take effect
//! together with a write, and settings that have to hold for whatever it is.
//!
//! BEGIN, the write, its companion and COMMIT are on their way before any of them is answered,
//! so it costs one round trip as the write alone would. And its caller may leave at any moment:
//! no transaction stays open, because in one that failed COMMIT is a ROLLBACK.
//!
//! A write under settings waits for the answer to BEGIN: were a request to cancel to hit that, the
//! write would run without them. What a query returns then is thrown away.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use futures::FutureExt;
use tokio_postgres::error::SqlState as Code;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use super::answer::{Answer, Around, Begun, Reply, Source, last_value, read_to_its_end};
use super::commit::Sent;
use super::named::{Unanswered, is_outdated};
use super::snapshot::SNAPSHOT;
use super::ticket::Pending;
use super::{Link, Ticket};
use crate::TransactionSettings;
use crate::connection::binds::Bind;
use crate::connection::observation::Observation;
use crate::connection::rows::Rows;
use crate::observer::Companion;

/// A write, ready to be sent.
#[derive(Clone, Copy)]
pub(super) enum Request<'a> {
    Statement(&'a tokio_postgres::Statement, &'a [Bind]),
    /// A statement that has no name, its values and their types.
    Unnamed(&'a str, &'a [Bind], &'a [Type]),
    /// One statement or several, whose rows nobody wants.
    Batch(&'a str),
}

/// What is sent around a write.
#[derive(Clone, Copy)]
struct Company<'a> {
    in_transaction: bool,
    /// The snapshot is asked for before the statement, in the message that begins.
    with_snapshot: bool,
    companion: Option<&'a Companion>,
    /// Under what the transaction runs.
    settings: Option<&'a TransactionSettings>,
    /// It must not be sent before they hold.
    may_write: bool,
    /// Set as soon as the statement is on its way.
    is_sent: &'a AtomicBool,
}

/// A transaction that has begun, and that nobody would end who leaves before anything else is sent.
struct Unfinished<'a>(Option<&'a Client>);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(client) = self.0 {
            // Queued at once, ahead of whatever is sent next. Its answer is nobody's.
            drop(send(client, "ROLLBACK"));
        }
    }
}

/// Why a write failed. Everything that was sent with it is over, if the server said so.
struct Failed {
    error: Error,
    /// Nothing of it has taken effect.
    undone: bool,
    /// It may have begun to run.
    has_run: bool,
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
    /// Sends a statement with its companion and under its settings, in a transaction of their own.
    /// What cannot run inside one is sent again by itself, with the companion before it and after
    /// it; under settings it is refused.
    pub(super) async fn accompany<'conn>(
        self: &Arc<Self>,
        request: Request<'_>,
        observation: Observation,
        companion: Option<Companion>,
    ) -> QueryResult<Rows<'conn>> {
        let sent = self.accompany_once(request, observation, companion, false);
        sent.await.map_err(|unanswered| match unanswered {
            Unanswered::Failed(error) => error,
            // Only what may be repeated is taken back.
            Unanswered::Outdated(_) => DieselError::BrokenTransactionManager,
        })
    }

    /// The same; one that may be repeated is taken back where it has to be prepared anew.
    pub(super) async fn accompany_once<'conn>(
        self: &Arc<Self>,
        request: Request<'_>,
        observation: Observation,
        companion: Option<Companion>,
        may_repeat: bool,
    ) -> Result<Rows<'conn>, Unanswered> {
        let mut ticket = Ticket::new(self);
        let settings = observation.settings().cloned();
        let may_write = observation.may_write();
        let with_snapshot = observation.is_with_snapshot();
        ticket.watch(Some(observation.accompanied()));
        let is_sent = AtomicBool::new(false);
        let company = Company {
            in_transaction: true,
            with_snapshot,
            companion: companion.as_ref(),
            settings: settings.as_ref(),
            may_write,
            is_sent: &is_sent,
        };
        let answer = self.answer(Box::pin(self.exchange(request, company))).await;
        // What was to begin its transaction may be what was not answered.
        let late = |error| match is_sent.load(Ordering::Relaxed) {
            true => ticket.late(error),
            false => error,
        };
        match answer.map_err(late)? {
            Ok(answer) => Ok(Rows::new(answer, ticket)),
            Err(failed) if failed.wants_no_transaction() => {
                if settings.is_some() {
                    return Err(needs_no_scope(ticket.failed(&failed.error)).into());
                }
                let observation = ticket.withdrawn().map(Observation::apart);
                drop(ticket);
                let sent = self.send_apart(request, observation, companion.as_ref());
                Ok(sent.await?)
            }
            Err(failed) if may_repeat && !failed.has_run && is_outdated(&failed.error) => {
                Err(self.outdated(ticket, &failed.error))
            }
            Err(failed) => {
                ticket.told_transaction(failed.transaction);
                Err(ticket.failed(&failed.error).into())
            }
        }
    }

    /// Sends a write outside of any transaction. Its companion goes before it, so that nothing
    /// can take effect that was never announced, and after it, for what was read meanwhile.
    async fn send_apart<'conn>(
        self: &Arc<Self>,
        request: Request<'_>,
        observation: Option<Observation>,
        mut companion: Option<&Companion>,
    ) -> QueryResult<Rows<'conn>> {
        let mut guard = None;
        let mut waiting = Pending::new(self, observation);
        if let Some(announcing) = companion {
            guard = waiting.unaccompanied();
            let announced = self.send_companion(announcing).await;
            let announced = announced.map_err(|error| waiting.failed(error))?;
            // Where the one before could not be written, neither can the write.
            companion = companion.filter(|_| matches!(announced, Sent::Done(_)));
        }
        let mut ticket = Ticket::new(self);
        ticket.resume(waiting.take(), guard);
        let company = Company {
            in_transaction: false,
            with_snapshot: false,
            companion,
            settings: None,
            may_write: true,
            is_sent: &AtomicBool::new(false),
        };
        let answer = self.answer(Box::pin(self.exchange(request, company))).await;
        match answer.map_err(|error| ticket.late(error))? {
            Ok(answer) => Ok(Rows::new(answer, ticket)),
            Err(failed) => Err(ticket.failed(&failed.error)),
        }
    }

    /// Sends a write with its company, and waits until the first row of it can be given out.
    async fn exchange(&self, request: Request<'_>, company: Company<'_>) -> Result<Answer, Failed> {
        let client = &self.client;
        let lost = |error| Failed {
            error,
            undone: false,
            has_run: true,
            transaction: None,
        };
        let mut text = self.beginning("BEGIN", company.settings);
        if company.with_snapshot {
            text.push_str("; ");
            text.push_str(SNAPSHOT);
        }
        let begin = company.in_transaction.then(|| send(client, &text));
        let mut begin = begin.transpose().map_err(lost)?;
        let has_begun = company.settings.is_some() && company.may_write;
        let mut snapshot = None;
        if let Some(begin) = begin.take_if(|_| has_begun) {
            let mut unfinished = Unfinished(Some(client));
            let begun = self.wait_for_settings(begin).await;
            unfinished.0 = None;
            snapshot = begun?;
        }
        // Up to the line below nothing is waited for. Were it, a caller who leaves would leave
        // a transaction open, or a write without its companion.
        let mut asking = pin!(start(client, request));
        let asked = futures::poll!(asking.as_mut());
        company.is_sent.store(true, Ordering::Relaxed);
        let is_sent = !matches!(asked, Poll::Ready(Err(_)));
        let companion = company.companion.filter(|_| is_sent);
        let companion = companion.map(|companion| {
            let (sql, _) = self.by_session_role(companion, company.settings);
            send(client, &sql)
        });
        let commit = company.in_transaction.then(|| send(client, "COMMIT"));
        // ------------------------------------------------------------------
        let mut around = Around::new(
            begin,
            companion.transpose().map_err(lost)?,
            commit.transpose().map_err(lost)?,
            company
                .companion
                .is_some_and(|companion| companion.may_be_refused),
        );
        let begun = around.begun().await.map_err(lost)?;
        let asked = match asked {
            Poll::Ready(asked) => asked,
            Poll::Pending => asking.await,
        };
        let mut undone = has_begun;
        match begun {
            Begun::Done(value) => {
                undone = true;
                snapshot = value;
            }
            Begun::Refused(error) if company.settings.is_some() => {
                // It ran without its settings, or not at all.
                match asked {
                    Ok(source) => Answer::accompanied(source, around).throw_away().await,
                    Err(_) => drop(around.ended().await),
                }
                return Err(lost(error));
            }
            Begun::Refused(_) | Begun::NotSent => {}
        }
        // Where a request to cancel has hit BEGIN, what follows takes effect statement by
        // statement, the companion after the write.
        match asked {
            Ok(source) => {
                let mut answer = Answer::accompanied(source, around).with_snapshot(snapshot);
                match answer.begin().await {
                    Ok(()) => Ok(answer),
                    Err(error) => Err(Failed {
                        error,
                        undone,
                        has_run: true,
                        transaction: answer.transaction(),
                    }),
                }
            }
            Err(error) => {
                if error.as_db_error().is_some() {
                    // The write's own error is the one that counts.
                    let _ = around.ended().await;
                }
                Err(Failed {
                    has_run: error.as_db_error().is_none(),
                    error,
                    undone,
                    transaction: None,
                })
            }
        }
    }
}

impl Link {
    /// Waits until a transaction has begun with its settings; ends it if they were refused.
    /// Gives what it was asked at its end, if it was.
    async fn wait_for_settings(&self, begin: Reply) -> Result<Option<String>, Failed> {
        let error = match last_value(begin).await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if error.as_db_error().is_some()
            && let Ok(rolled_back) = send(&self.client, "ROLLBACK")
        {
            // It fails only where the connection is lost, which shows by itself.
            let _ = read_to_its_end(rolled_back).await;
        }
        Err(Failed {
            error,
            undone: true,
            has_run: false,
            transaction: None,
        })
    }

    /// Does something for a statement in a transaction that begins with this, in one round trip.
    pub(super) async fn under<T>(
        &self,
        beginning: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        // As in `exchange`: nothing is waited for before all of it is on its way.
        let begin = send(&self.client, beginning)?;
        let mut work = pin!(work);
        let done = futures::poll!(work.as_mut());
        let commit = send(&self.client, "COMMIT")?;
        let begun = read_to_its_end(begin).await;
        let done = match done {
            Poll::Ready(done) => done,
            Poll::Pending => work.await,
        };
        let ended = read_to_its_end(commit).await;
        begun?;
        let done = done?;
        ended?;
        Ok(done)
    }
}

/// The error of a statement that cannot run inside a transaction, told to whoever did not ask for
/// one.
fn needs_no_scope(error: DieselError) -> DieselError {
    DieselError::DatabaseError(
        DatabaseErrorKind::Unknown,
        Box::new(format!(
            "{error}: under a scope each statement runs in a transaction, so run this one on a database without a scope"
        )),
    )
}

/// Puts a text on its way, at once.
pub(super) fn send(client: &Client, sql: &str) -> Result<Reply, Error> {
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
        Request::Unnamed(sql, values, types) => {
            let values = values.iter().zip(types.iter().cloned());
            let rows = client.query_typed_raw(sql, values).await?;
            Ok(Source::Rows(Box::pin(rows)))
        }
        Request::Batch(sql) => Ok(Source::Batch(Box::pin(client.simple_query_raw(sql).await?))),
    }
}
