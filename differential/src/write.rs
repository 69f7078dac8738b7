//! Writes, alone and in transactions, as they are made through Larder and by the judge.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use futures::future::BoxFuture;
use larder::database::{Database, Error as LarderError};
use larder::prelude::Connection;
use tokio::sync::oneshot;

use crate::calls::{put_row, write_behind};
use crate::error::{Error, Result};
use crate::judge::Judge;
use crate::outcome::Outcome;
use crate::row::RawRow;
use crate::statement::{Bound, Statement};
use crate::subject::Subject;
use crate::typed::TypedWrite;

/// One statement that writes.
#[derive(Debug, Clone)]
pub(crate) enum Write {
    Raw(Statement),
    Typed(TypedWrite),
}

/// A part of a transaction.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Write(Write),
    /// A transaction within the transaction.
    Savepoint {
        steps: Vec<Step>,
        is_kept: bool,
    },
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Commit,
    RollBack,
    /// Its future is dropped before it could commit.
    Dropped,
}

/// What is written at once.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    Alone(Write),
    Transaction {
        steps: Vec<Step>,
        end: End,
    },
    /// By a decorated function that keeps what it has written for the function that reads it.
    Put {
        read: Statement,
        write: Statement,
    },
    /// To `numbers`, past Larder, by a decorated function that says so.
    Behind(Statement),
}

impl Write {
    fn bound(&self) -> Result<Bound> {
        match self {
            Self::Raw(statement) => Ok(statement.bound()),
            Self::Typed(write) => write.bound(),
        }
    }

    async fn run(&self, connection: &mut Connection) -> Result<Outcome> {
        let statement = match self {
            Self::Typed(write) => return write.run(connection).await,
            Self::Raw(statement) => statement,
        };
        let sql = statement.to_sql();
        let done = if statement.returns_rows() {
            let rows = sql.fetch_on::<RawRow>(connection).await;
            rows.map(|rows| Outcome::rows(rows.into_iter().map(|row| row.0).collect()))
        } else {
            sql.execute_on(connection).await.map(Outcome::affected)
        };
        Outcome::of(done, self)
    }
}

/// What became of the statements, one after the other.
#[derive(Debug, Default)]
struct Outcomes(Mutex<Vec<Outcome>>);

impl Outcomes {
    fn add(&self, outcome: Outcome) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(outcome);
    }

    fn into_inner(self) -> Vec<Outcome> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a transaction ends without a commit.
enum Stop {
    /// The server refused a statement.
    Refused,
    OnPurpose,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<LarderError> for Stop {
    fn from(error: LarderError) -> Self {
        Self::Failed(Error::step("run a transaction", error))
    }
}

impl From<diesel::result::Error> for Stop {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(Error::step("run a transaction", error))
    }
}

impl Deed {
    /// Through Larder.
    pub(crate) async fn through(&self, subject: &Subject) -> Result<Vec<Outcome>> {
        let outcomes = Outcomes::default();
        let database = &subject.writer;
        match self {
            Self::Put { read, write } => outcomes.add(put_row(database, read, write).await?),
            Self::Behind(write) => {
                outcomes.add(write_behind(database, &subject.plain, write).await?);
            }
            Self::Alone(write) => {
                let session = database.session().await;
                let mut session = session.map_err(|error| Error::step("get a session", error))?;
                outcomes.add(write.run(&mut session).await?);
            }
            Self::Transaction { steps, end } => {
                transaction(database, steps, *end, &outcomes).await?;
            }
        }
        Ok(outcomes.into_inner())
    }

    /// By the judge.
    pub(crate) async fn by(&self, judge: &Judge) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        match self {
            Self::Alone(write) => outcomes.push(judge.ask(&write.bound()?).await?),
            Self::Put { write, .. } | Self::Behind(write) => {
                outcomes.push(judge.ask(&write.bound()).await?);
            }
            Self::Transaction { steps, end } => {
                judge.run("BEGIN").await?;
                let runs_on = judged(judge, steps, &mut outcomes).await?;
                let is_committed = runs_on && *end == End::Commit;
                judge
                    .run(if is_committed { "COMMIT" } else { "ROLLBACK" })
                    .await?;
            }
        }
        Ok(outcomes)
    }
}

async fn transaction(
    database: &Database,
    steps: &[Step],
    end: End,
    outcomes: &Outcomes,
) -> Result<()> {
    let (reached, is_reached) = oneshot::channel();
    let work = database.transaction(async |connection| {
        run(connection, steps, outcomes).await?;
        match end {
            End::Commit => Ok(()),
            End::RollBack => Err(Stop::OnPurpose),
            End::Dropped => {
                reached.send(()).ok();
                std::future::pending().await
            }
        }
    });
    let done = tokio::select! {
        done = work => done,
        Ok(()) = is_reached => Ok(()),
    };
    match done {
        Err(Stop::Failed(error)) => Err(error),
        Ok(()) | Err(Stop::Refused | Stop::OnPurpose) => Ok(()),
    }
}

fn run<'a>(
    connection: &'a mut Connection,
    steps: &'a [Step],
    outcomes: &'a Outcomes,
) -> BoxFuture<'a, Result<(), Stop>> {
    Box::pin(async move {
        for step in steps {
            match step {
                Step::Write(write) => {
                    let outcome = write.run(connection).await?;
                    let is_refused = outcome.is_refused();
                    outcomes.add(outcome);
                    if is_refused {
                        return Err(Stop::Refused);
                    }
                }
                Step::Savepoint { steps, is_kept } => {
                    let nested = connection.transaction(async |inner| {
                        run(inner, steps, outcomes).await?;
                        if *is_kept {
                            Ok(())
                        } else {
                            Err(Stop::OnPurpose)
                        }
                    });
                    if let Err(Stop::Failed(error)) = nested.await {
                        return Err(Stop::Failed(error));
                    }
                }
            }
        }
        Ok(())
    })
}

/// Says whether the transaction goes on.
fn judged<'a>(
    judge: &'a Judge,
    steps: &'a [Step],
    outcomes: &'a mut Vec<Outcome>,
) -> BoxFuture<'a, Result<bool>> {
    Box::pin(async move {
        for step in steps {
            match step {
                Step::Write(write) => {
                    outcomes.push(judge.ask(&write.bound()?).await?);
                    if outcomes.last().is_some_and(Outcome::is_refused) {
                        return Ok(false);
                    }
                }
                Step::Savepoint { steps, is_kept } => {
                    judge.run("SAVEPOINT inner_one").await?;
                    let is_kept = judged(judge, steps, outcomes).await? && *is_kept;
                    let back = if is_kept {
                        ""
                    } else {
                        "ROLLBACK TO inner_one; "
                    };
                    judge.run(&format!("{back}RELEASE inner_one")).await?;
                }
            }
        }
        Ok(true)
    })
}

impl fmt::Display for Write {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw(statement) => statement.fmt(formatter),
            Self::Typed(write) => write.fmt(formatter),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(write) => write.fmt(formatter),
            Self::Savepoint { steps, is_kept } => {
                formatter.write_str("{ ")?;
                for step in steps {
                    write!(formatter, "{step}; ")?;
                }
                formatter.write_str(if *is_kept { "kept }" } else { "rolled back }" })
            }
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alone(write) => write.fmt(formatter),
            Self::Put { write, .. } => write!(formatter, "put by [{write}]"),
            Self::Behind(write) => write!(formatter, "past Larder [{write}]"),
            Self::Transaction { steps, end } => {
                formatter.write_str("transaction: ")?;
                for step in steps {
                    write!(formatter, "{step}; ")?;
                }
                write!(formatter, "{end:?}")
            }
        }
    }
}
