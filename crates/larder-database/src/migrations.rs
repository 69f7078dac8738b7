//! Applying migrations: Diesel's, one process at a time.

use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_migrations::MigrationHarness;
use larder_pool::{Connection, PoolerMode, ServerError, Session};

use crate::sql::sql;
use crate::{Database, Error};

/// Waits for its turn and lets nothing but the lock be bounded in time: a migration
/// may build an index for an hour. The number is "larder" in ASCII.
const BEGIN: &str = "\
    SELECT pg_catalog.set_config('larder.statement_timeout', current_setting('statement_timeout'), false);
    SELECT pg_catalog.set_config('larder.lock_timeout', current_setting('lock_timeout'), false);
    SET statement_timeout = 0;
    SET lock_timeout = '10min';
    SELECT pg_catalog.pg_advisory_lock(118970758882674);
    SELECT pg_catalog.set_config('lock_timeout', current_setting('larder.lock_timeout'), false);";

const END: &str = "\
    SELECT pg_catalog.pg_advisory_unlock(118970758882674);
    SELECT pg_catalog.set_config('statement_timeout', current_setting('larder.statement_timeout'), false);";

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct MigrationReport {
    /// The migrations that were applied now, oldest first.
    pub applied: Vec<String>,
    /// How many had been applied before.
    pub already_applied: usize,
}

impl Database {
    /// Applies the migrations that the database does not have yet, each in a transaction
    /// of its own. Processes that start at the same time wait for each other, for ten
    /// minutes at most.
    ///
    /// # Errors
    ///
    /// If a migration cannot be read or the server refuses it; those before it stay applied. And
    /// behind a pooler in transaction mode, where nothing keeps processes apart.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the migrations go on to their end in the background.
    pub async fn migrate<S>(&self, migrations: S) -> Result<MigrationReport, Error>
    where
        S: MigrationSource<Pg> + Send + 'static,
    {
        refuse_pooler(self)?;
        let session = self.inner().pool.session().await?;
        // Diesel's harness is synchronous: it drives the session from a thread of its own.
        tokio::task::spawn_blocking(move || apply(session, &migrations))
            .await
            .map_err(|error| Failure::from(error).into_error(None))?
    }

    /// The migrations that [`migrate`](Self::migrate) would apply, oldest first. Writes nothing.
    ///
    /// # Errors
    ///
    /// If the migrations or the database cannot be read.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn pending_migrations<S>(&self, migrations: S) -> Result<Vec<String>, Error>
    where
        S: MigrationSource<Pg>,
    {
        let known = names(&migrations)?;
        let mut session = self.inner().pool.session().await?;
        pending(known, &mut session).await
    }

    /// The same on a connection of the caller's, such as one [beside the
    /// pool](Self::connect_apart).
    ///
    /// # Errors
    ///
    /// As [`pending_migrations`](Self::pending_migrations).
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn pending_migrations_on<S>(
        migrations: &S,
        connection: &mut Connection,
    ) -> Result<Vec<String>, Error>
    where
        S: MigrationSource<Pg> + Sync + ?Sized,
    {
        pending(names(migrations)?, connection).await
    }
}

/// The names of those that the database does not have, oldest first.
async fn pending(
    mut known: Vec<(String, String)>,
    connection: &mut Connection,
) -> Result<Vec<String>, Error> {
    let exists: bool = sql("SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL")
        .fetch_scalar_on(connection)
        .await?;
    if exists {
        let applied: Vec<String> =
            sql("SELECT coalesce(array_agg(version::text), '{}') FROM __diesel_schema_migrations")
                .fetch_scalar_on(connection)
                .await?;
        known.retain(|(version, _)| !applied.contains(version));
    }
    known.sort();
    Ok(known.into_iter().map(|(_, name)| name).collect())
}

/// One process at a time is the work of a lock that belongs to a session.
fn refuse_pooler(database: &Database) -> Result<(), Error> {
    if database.pooler() != PoolerMode::Transaction {
        return Ok(());
    }
    Err(Error::Migration {
        migration: None,
        reason: "behind a pooler in transaction mode (database.pooler = transaction) no lock \
            outlasts a transaction: apply them over the direct URL of the server"
            .to_owned(),
        server: None,
    })
}

/// Version and name of every migration.
fn names<S: MigrationSource<Pg> + ?Sized>(migrations: &S) -> Result<Vec<(String, String)>, Error> {
    Ok(migrations
        .migrations()
        .map_err(|error| Failure::from(error).into_error(None))?
        .iter()
        .map(|migration| {
            let name = migration.name();
            (name.version().to_string(), name.to_string())
        })
        .collect())
}

fn apply<S: MigrationSource<Pg>>(
    session: Session,
    migrations: &S,
) -> Result<MigrationReport, Error> {
    // A migration may take its time, also where statements have a deadline on this side.
    let answer_timeout = session.set_answer_timeout(None);
    let mut connection = AsyncConnectionWrapper::<Session>::from(session);
    let result = apply_on(&mut connection, migrations);
    let session = connection.into_inner();
    session.set_answer_timeout(answer_timeout);
    result.map_err(|failure| {
        let server = session.last_server_error();
        // It may still hold the lock, and closing it lets go of that.
        session.discard();
        failure.into_error(server)
    })
}

fn apply_on<S: MigrationSource<Pg>>(
    connection: &mut AsyncConnectionWrapper<Session>,
    migrations: &S,
) -> Result<MigrationReport, Failure> {
    connection.batch_execute(BEGIN)?;
    let mut report = MigrationReport {
        applied: Vec::new(),
        already_applied: connection.applied_migrations()?.len(),
    };
    let pending = MigrationHarness::<Pg>::pending_migrations(connection, Borrowed(migrations))?;
    for migration in pending {
        let name = migration.name().to_string();
        tracing::info!(migration = name, "migrate");
        if let Err(error) = connection.run_migration(&*migration) {
            return Err(Failure {
                migration: Some(name),
                error,
            });
        }
        report.applied.push(name);
    }
    connection.batch_execute(END)?;
    Ok(report)
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong, and with which migration.
struct Failure {
    migration: Option<String>,
    error: BoxError,
}

impl Failure {
    fn into_error(self, server: Option<ServerError>) -> Error {
        let reason = self.error.to_string();
        // The connection may remember an older error.
        let server = server.filter(|server| reason.contains(server.message()));
        Error::Migration {
            migration: self.migration,
            reason,
            server: server.map(Box::new),
        }
    }
}

impl<E: Into<BoxError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            migration: None,
            error: error.into(),
        }
    }
}

/// Diesel's harness wants a source of its own.
struct Borrowed<'a, S>(&'a S);

impl<S: MigrationSource<Pg>> MigrationSource<Pg> for Borrowed<'_, S> {
    fn migrations(
        &self,
    ) -> diesel::migration::Result<Vec<Box<dyn diesel::migration::Migration<Pg>>>> {
        self.0.migrations()
    }
}
