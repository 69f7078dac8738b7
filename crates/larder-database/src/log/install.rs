//! Making the log of invalidations, and granting the use of it.

use diesel_async::SimpleAsyncConnection;
use larder_pool::{Connection, IsolationLevel};

use super::status::{KNOWN_VERSION, RIGHTS, State, WARMING_RIGHTS, look, missing, version_on};
use crate::sql::sql;
use crate::{Database, Error};

const SCHEMA: &str = include_str!("schema.sql");

/// What a log that an earlier version made may lack.
const WARMING: &str = include_str!("warming.sql");

/// One process at a time: those that start together would make the same objects. "larder" in
/// ASCII, plus one; the lock of the migrations is another.
const LOCK: &str = "SELECT pg_catalog.pg_advisory_xact_lock(118970758882675)";

/// A schema that was restored without its data lacks the one row.
const FIRST_EPOCH: &str = "INSERT INTO larder.epoch (id, version, horizon) \
    VALUES (pg_catalog.gen_random_uuid(), 1, '0') ON CONFLICT DO NOTHING";

impl Database {
    /// Makes the log of invalidations, the schema `larder`, where it is not there yet, and what one
    /// that an earlier version made lacks. Says whether anything was made now. Processes that do this at the same time wait for each other.
    ///
    /// # Errors
    ///
    /// [`Error::LogRights`] if the role may not make it, [`Error::LogVersion`] if a newer Larder
    /// made it; or if the server does not answer. Nothing is left half done.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it rolls back, or has taken effect as a whole.
    pub async fn install_log(&self) -> Result<bool, Error> {
        self.build_transaction()
            // The version is to be read as it is when the lock was had, not before.
            .isolation_level(IsolationLevel::ReadCommitted)
            .run(async |connection| install(connection).await)
            .await
    }

    /// Grants a role what a service needs to use the log of invalidations. Granting it again
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::LogMissing`] if there is no log; or if there is no such role, or the role of this
    /// connection may not grant.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it rolls back, or has taken effect as a whole.
    pub async fn grant_log(&self, role: &str) -> Result<(), Error> {
        let role = format!("\"{}\"", role.replace('"', "\"\""));
        self.build_transaction()
            .run(async |connection| {
                let state = State::of(connection).await?;
                if !state.present {
                    return Err(state.log_is_missing());
                }
                let beside = WARMING_RIGHTS.iter().filter(|_| state.warming.is_some());
                for right in RIGHTS.iter().chain(beside) {
                    sql(right.grant_to(&role)).execute_on(connection).await?;
                }
                Ok(())
            })
            .await
    }
}

/// Makes sure that the log can be used on this connection, and makes it where it is missing and
/// may be made.
///
/// # Errors
///
/// As [`LogStatus::check`](super::LogStatus::check) and [`Database::install_log`].
pub(crate) async fn ensure(connection: &mut Connection, may_install: bool) -> Result<(), Error> {
    // Mostly it is there, and nobody waits for anybody.
    // All of it on the heap: whoever opens a database would hold it otherwise.
    match Box::pin(look(connection)).await?.0.check() {
        Err(Error::LogMissing { .. }) if may_install => {}
        checked => return checked,
    }
    Box::pin(connection.transaction(install)).await?;
    Box::pin(look(connection)).await?.0.check()
}

async fn install(connection: &mut Connection) -> Result<bool, Error> {
    sql(LOCK).execute_on(connection).await?;
    let state = State::of(connection).await?;
    if !state.present {
        if !state.may_install {
            return Err(Error::LogRights {
                action: "make",
                cure: state.cure_of_installing(),
                role: state.role,
            });
        }
        batch(connection, SCHEMA).await?;
        batch(connection, WARMING).await?;
        return Ok(true);
    }
    if !state.may_read_epoch() {
        return Err(missing(&state));
    }
    match version_on(connection).await? {
        Some(version) if version > KNOWN_VERSION => Err(Error::LogVersion {
            found: version,
            known: KNOWN_VERSION,
        }),
        Some(_) if state.warming.is_none() && state.may_install => {
            batch(connection, WARMING).await?;
            Ok(true)
        }
        Some(_) => Ok(false),
        None => {
            sql(FIRST_EPOCH).execute_on(connection).await?;
            Ok(true)
        }
    }
}

async fn batch(connection: &mut Connection, text: &str) -> Result<(), Error> {
    match connection.batch_execute(text).await {
        Ok(()) => Ok(()),
        Err(error) => Err(Error::of_statement(error, connection.last_server_error())),
    }
}
