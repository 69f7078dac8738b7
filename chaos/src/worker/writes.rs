//! Writes: each has a token, which it leaves in the register and in the ledger.

use std::time::Duration;

use larder::database::Error;
use larder::prelude::*;

use super::Worker;
use super::outcome::{statement_may_have_committed, transaction_may_have_committed};
use crate::history::Operation;
use crate::register::{Register, Token};

/// A kind of write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A transaction that writes to one register.
    Transaction,
    /// A single statement, outside of a transaction.
    Statement,
    /// A transaction within a transaction; one before it is rolled back.
    Nested,
    /// A transaction that is rolled back.
    RolledBack,
    /// A transaction that writes to a register of each table.
    Pair,
    /// A transaction that takes one to three seconds to commit.
    Late,
}

/// Why the closure of a transaction ends without a commit.
#[derive(Debug)]
enum Stop {
    OnPurpose,
    Database(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<diesel::result::Error> for Stop {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

type Versions = Vec<(Register, i64)>;

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Transaction => "transaction",
            Self::Statement => "statement",
            Self::Nested => "nested",
            Self::RolledBack => "rolled_back",
            Self::Pair => "pair",
            Self::Late => "late",
        }
    }

    /// A kind at random; of a hundred, so many are late.
    pub(super) fn choose(random: &mut fastrand::Rng, late: u32) -> Self {
        if random.u32(..100) < late {
            return Self::Late;
        }
        match random.u32(..10) {
            0..4 => Self::Transaction,
            4..6 => Self::Statement,
            6..7 => Self::Nested,
            7..8 => Self::RolledBack,
            _ => Self::Pair,
        }
    }
}

impl Worker {
    /// Writes once, and writes it down. Says whether the write was acknowledged.
    pub(super) async fn write(
        &self,
        task: u32,
        kind: Kind,
        register: Register,
        random: &mut fastrand::Rng,
    ) -> bool {
        let token = self.token();
        // Now and then the moment between announcement and COMMIT is longer.
        let hesitation = match random.u32(..10) {
            0..3 => Some(Duration::from_micros(random.u64(200..3_000))),
            _ => None,
        };
        let seconds = 1.0 + 2.0 * random.f64();
        let operation = self.journal.write_begins(task, kind.as_str(), token);
        let attempt = Attempt {
            worker: self,
            operation,
            token,
            hesitation,
            late: kind == Kind::Late,
        };
        let result = match kind {
            Kind::Transaction => attempt.transaction(vec![register], None).await,
            Kind::Pair => attempt.transaction(register.pair().to_vec(), None).await,
            Kind::Late => attempt.transaction(vec![register], Some(seconds)).await,
            Kind::Nested => attempt.nested(register).await,
            Kind::RolledBack => attempt.rolled_back(register).await,
            Kind::Statement => attempt.statement(register).await,
        };
        let may_have_committed = match kind {
            Kind::Statement => statement_may_have_committed,
            _ => transaction_may_have_committed,
        };
        match &result {
            Ok(versions) => self.journal.write_acknowledged(operation, versions),
            Err(Stop::OnPurpose) => self.journal.write_rolled_back(operation),
            Err(Stop::Database(error)) if may_have_committed(error) => {
                self.journal.unknown(operation, &error.to_string());
            }
            Err(Stop::Database(error)) => self.journal.failed(operation, &error.to_string()),
        }
        result.is_ok()
    }
}

/// One write under way.
struct Attempt<'a> {
    worker: &'a Worker,
    operation: Operation,
    token: Token,
    hesitation: Option<Duration>,
    late: bool,
}

impl Attempt<'_> {
    /// Tells that COMMIT is next: the parent may strike from here on.
    async fn announce(&self) {
        self.worker.journal.commit_begins(self.operation);
        self.worker
            .tell(if self.late { "commit late" } else { "commit" });
        if let Some(hesitation) = self.hesitation {
            tokio::time::sleep(hesitation).await;
        }
    }

    async fn transaction(
        &self,
        registers: Vec<Register>,
        late: Option<f64>,
    ) -> Result<Versions, Stop> {
        let database = &self.worker.database;
        database
            .transaction(async |connection| {
                let mut versions = Vec::new();
                for register in registers {
                    let version = self.bump(connection, register, self.token).await?;
                    versions.push((register, version));
                }
                if let Some(seconds) = late {
                    sql("INSERT INTO late (token, seconds) VALUES (:token, :seconds)")
                        .bind("token", self.token.0)
                        .bind("seconds", seconds)
                        .execute_on(connection)
                        .await?;
                }
                self.announce().await;
                Ok::<_, Stop>(versions)
            })
            .await
    }

    async fn nested(&self, register: Register) -> Result<Versions, Stop> {
        let database = &self.worker.database;
        database
            .transaction(async |connection| {
                let [first, second] = register.pair();
                let never = self.worker.token();
                let undone = connection
                    .transaction(async |inner| {
                        self.bump(inner, first, never).await?;
                        Err::<(), _>(Stop::OnPurpose)
                    })
                    .await;
                if let Err(Stop::Database(error)) = undone {
                    return Err(Stop::Database(error));
                }
                let version = connection
                    .transaction(async |inner| {
                        let version = self.bump(inner, second, self.token).await?;
                        Ok::<_, Stop>(version)
                    })
                    .await?;
                self.announce().await;
                Ok::<_, Stop>(vec![(second, version)])
            })
            .await
    }

    async fn rolled_back(&self, register: Register) -> Result<Versions, Stop> {
        let database = &self.worker.database;
        database
            .transaction(async |connection| {
                self.bump(connection, register, self.token).await?;
                // What the transaction alone can see must not be kept.
                let table = register.table();
                let own: i64 = sql(format!("SELECT token FROM {table} WHERE id = :row"))
                    .bind("row", register.row())
                    .fetch_scalar_on(connection)
                    .await?;
                debug_assert_eq!(own, self.token.0);
                self.announce().await;
                Err::<Versions, _>(Stop::OnPurpose)
            })
            .await
    }

    async fn statement(&self, register: Register) -> Result<Versions, Stop> {
        let text = format!(
            "WITH written AS (\
                 UPDATE {} SET version = version + 1, token = :token WHERE id = :row RETURNING version\
             ), noted AS (\
                 INSERT INTO ledger (token, register, version, process) \
                 SELECT :token, :register, version, :process FROM written\
             ) SELECT version FROM written",
            register.table()
        );
        let statement = self
            .worker
            .database
            .sql(text)
            .bind("token", self.token.0)
            .bind("row", register.row())
            .bind("register", number(register.0))
            .bind("process", number(self.worker.plan.process));
        self.announce().await;
        let version: i64 = statement.fetch_scalar().await?;
        Ok(vec![(register, version)])
    }

    async fn bump(
        &self,
        connection: &mut Connection,
        register: Register,
        token: Token,
    ) -> Result<i64, Error> {
        let table = register.table();
        let version: i64 = sql(format!(
            "UPDATE {table} SET version = version + 1, token = :token WHERE id = :row RETURNING version"
        ))
        .bind("token", token.0)
        .bind("row", register.row())
        .fetch_scalar_on(connection)
        .await?;
        sql("INSERT INTO ledger (token, register, version, process) VALUES (:token, :register, :version, :process)")
            .bind("token", token.0)
            .bind("register", number(register.0))
            .bind("version", version)
            .bind("process", number(self.worker.plan.process))
            .execute_on(connection)
            .await?;
        Ok(version)
    }
}

fn number(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
