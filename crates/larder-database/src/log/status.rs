//! Whether the log of invalidations is there, what is in it, and what the role may do with it.

use larder_pool::Connection;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::sql::sql;
use crate::{Database, Error};

/// The version of the log's objects that this Larder makes and knows.
pub(super) const KNOWN_VERSION: i32 = 1;

/// Works without any right on the schema: `to_regclass` would fail where USAGE is missing.
const STATE: &str = "\
    WITH log AS (SELECT oid, nspowner FROM pg_catalog.pg_namespace WHERE nspname = 'larder'),
    tables AS (SELECT oid, relname FROM pg_catalog.pg_class WHERE relnamespace = (SELECT oid FROM log))
    SELECT pg_catalog.jsonb_build_object(
        'role', pg_catalog.quote_ident(current_user),
        'database', pg_catalog.quote_ident(pg_catalog.current_database()),
        'schema', EXISTS (SELECT FROM log),
        'present', EXISTS (SELECT FROM tables WHERE relname = 'epoch'),
        'may_install', coalesce(
            (SELECT pg_catalog.pg_has_role(nspowner, 'USAGE') FROM log),
            pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')),
        'rights', pg_catalog.jsonb_build_array(
            (SELECT pg_catalog.has_schema_privilege(oid, 'USAGE') FROM log),
            (SELECT pg_catalog.has_table_privilege(oid, 'SELECT') FROM tables WHERE relname = 'epoch'),
            (SELECT pg_catalog.has_table_privilege(oid, 'SELECT') FROM tables WHERE relname = 'invalidation'),
            (SELECT pg_catalog.has_table_privilege(oid, 'INSERT') FROM tables WHERE relname = 'invalidation'),
            (SELECT pg_catalog.has_table_privilege(oid, 'SELECT') FROM tables WHERE relname = 'switch'),
            (SELECT pg_catalog.has_table_privilege(oid, 'INSERT') FROM tables WHERE relname = 'switch'),
            (SELECT pg_catalog.has_function_privilege(p.oid, 'EXECUTE') FROM pg_catalog.pg_proc p
             WHERE p.pronamespace = (SELECT oid FROM log) AND p.proname = 'prune'),
            (SELECT pg_catalog.has_function_privilege(p.oid, 'EXECUTE') FROM pg_catalog.pg_proc p
             WHERE p.pronamespace = (SELECT oid FROM log) AND p.proname = 'note')),
        'warming', (SELECT pg_catalog.has_table_privilege(oid, 'SELECT')
            AND pg_catalog.has_table_privilege(oid, 'INSERT')
            AND pg_catalog.has_table_privilege(oid, 'UPDATE')
            AND pg_catalog.has_table_privilege(oid, 'DELETE')
            FROM tables WHERE relname = 'warming'))";

const VERSION: &str = "SELECT pg_catalog.array_agg(version) FROM larder.epoch";

const EPOCH: &str = "SELECT pg_catalog.to_jsonb(e) || pg_catalog.jsonb_build_object(
    'horizon', e.horizon::text) FROM larder.epoch e";

const CONTENTS: &str = "SELECT pg_catalog.jsonb_build_object(
    'rows', (SELECT pg_catalog.count(*) FROM larder.invalidation),
    'oldest', (SELECT xid::text FROM larder.invalidation ORDER BY xid LIMIT 1),
    'newest', (SELECT xid::text FROM larder.invalidation ORDER BY xid DESC LIMIT 1))";

/// What a service needs, in the order in which [`STATE`] lists it.
pub(super) const RIGHTS: [Right; 8] = [
    Right("USAGE", "SCHEMA larder"),
    Right("SELECT", "larder.epoch"),
    Right("SELECT", "larder.invalidation"),
    Right("INSERT", "larder.invalidation"),
    Right("SELECT", "larder.switch"),
    Right("INSERT", "larder.switch"),
    Right("EXECUTE", "FUNCTION larder.prune()"),
    Right("EXECUTE", "FUNCTION larder.note(smallint, bigint[], text)"),
];

/// What a service needs beside, to be asked for warming and to answer. Without it the log works as
/// well.
pub(super) const WARMING_RIGHTS: [Right; 1] =
    [Right("SELECT, INSERT, UPDATE, DELETE", "larder.warming")];

/// A privilege and what it is on.
pub(super) struct Right(&'static str, &'static str);

impl Right {
    /// The statement that grants it; the role is quoted already.
    pub(super) fn grant_to(&self, role: &str) -> String {
        format!("GRANT {} ON {} TO {role}", self.0, self.1)
    }
}

/// The log of invalidations as the role of the connection sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LogStatus {
    /// Whether it is there.
    pub present: bool,
    /// The version of its objects. `None` if it cannot be read, or the schema was restored
    /// without its data.
    pub version: Option<i32>,
    /// The role that looked, quoted where SQL needs it.
    pub role: String,
    /// What the role lacks to use the log as a service does. Empty where there is no log.
    pub rights: Vec<MissingRight>,
    /// What makes that processes can be asked to warm their caches, if they cannot: nothing else
    /// depends on it. `None` where they can, and where there is no log.
    pub warming_cure: Option<String>,
    /// How many rows are kept. `None` if they cannot be read.
    pub rows: Option<u64>,
    /// The transaction of the first row that is kept, by its `xid8`.
    pub oldest: Option<u64>,
    /// The transaction of the last row, by its `xid8`.
    pub newest: Option<u64>,
    /// Rows of transactions before this one may have been pruned.
    pub horizon: Option<u64>,
    /// The random id of this state of the database: a UUID.
    pub epoch: Option<String>,
    #[serde(skip)]
    database: String,
}

/// A right that a service needs and the role lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MissingRight {
    /// Such as `INSERT on larder.invalidation`.
    pub right: String,
    /// The statement that cures it, for the owner of the schema to run.
    pub grant: String,
}

impl LogStatus {
    /// Whether a service can use the log as this role.
    ///
    /// # Errors
    ///
    /// [`Error::LogMissing`], [`Error::LogRights`] or [`Error::LogVersion`], each with its cure.
    pub fn check(&self) -> Result<(), Error> {
        if !self.present {
            return Err(Error::LogMissing {
                database: self.database.clone(),
            });
        }
        if !self.rights.is_empty() {
            return Err(lacks(&self.role, &self.rights));
        }
        match self.version {
            Some(KNOWN_VERSION) => Ok(()),
            Some(found) => Err(Error::LogVersion {
                found,
                known: KNOWN_VERSION,
            }),
            None => Err(Error::LogMissing {
                database: self.database.clone(),
            }),
        }
    }
}

impl Database {
    /// Whether the log of invalidations is there, what is in it, and which rights the role of this
    /// database lacks. Counts all rows that are kept: for people, not for every request.
    ///
    /// # Errors
    ///
    /// If the server does not answer. A log that is missing is no error here.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn log_status(&self) -> Result<LogStatus, Error> {
        let mut session = self.inner().pool.session().await?;
        let (mut status, state) = look(&mut session).await?;
        if status.version.is_some() && state.may(2) {
            let contents: Contents = document(CONTENTS, &mut session).await?;
            status.rows = Some(contents.rows);
            status.oldest = number(contents.oldest)?;
            status.newest = number(contents.newest)?;
        }
        Ok(status)
    }

    /// Whether a service can use the log of invalidations: [`log_status`](Self::log_status) and
    /// [`LogStatus::check`], without counting rows.
    ///
    /// # Errors
    ///
    /// As [`LogStatus::check`]; or if the server does not answer.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn check_log(&self) -> Result<(), Error> {
        let mut session = self.inner().pool.session().await?;
        look(&mut session).await?.0.check()
    }
}

/// All but the contents.
pub(super) async fn look(connection: &mut Connection) -> Result<(LogStatus, State), Error> {
    let state = State::of(connection).await?;
    let epoch: Option<Epoch> = match state.may_read_epoch() {
        true => match document(EPOCH, connection).await {
            Err(Error::NotFound) => None,
            epoch => Some(epoch?),
        },
        false => None,
    };
    let status = LogStatus {
        present: state.present,
        version: epoch.as_ref().map(|epoch| epoch.version),
        role: state.role.clone(),
        rights: match state.present {
            true => state.missing_rights(),
            false => Vec::new(),
        },
        warming_cure: state.cure_of_warming(),
        rows: None,
        oldest: None,
        newest: None,
        horizon: number(epoch.as_ref().map(|epoch| epoch.horizon.clone()))?,
        epoch: epoch.map(|epoch| epoch.id),
        database: state.database.clone(),
    };
    Ok((status, state))
}

/// What the catalog says of the log.
#[derive(Debug, Deserialize)]
pub(super) struct State {
    /// Quoted where SQL needs it, as is the name of the database.
    pub(super) role: String,
    database: String,
    schema: bool,
    pub(super) present: bool,
    pub(super) may_install: bool,
    /// By the order of [`RIGHTS`]. Null where the object is missing.
    rights: [Option<bool>; RIGHTS.len()],
    /// Whether the role may use the table of warming. Null where it is missing.
    pub(super) warming: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Epoch {
    id: String,
    version: i32,
    horizon: String,
}

#[derive(Debug, Deserialize)]
struct Contents {
    rows: u64,
    oldest: Option<String>,
    newest: Option<String>,
}

impl State {
    pub(super) async fn of(connection: &mut Connection) -> Result<Self, Error> {
        document(STATE, connection).await
    }

    fn may(&self, right: usize) -> bool {
        self.rights.get(right).copied().flatten().unwrap_or(false)
    }

    pub(super) fn may_read_epoch(&self) -> bool {
        self.may(0) && self.may(1)
    }

    fn missing_rights(&self) -> Vec<MissingRight> {
        RIGHTS
            .iter()
            .zip(self.rights)
            .filter(|(_, has)| *has != Some(true))
            .map(|(right, _)| MissingRight {
                right: format!("{} on {}", right.0, right.1),
                grant: right.grant_to(&self.role),
            })
            .collect()
    }

    pub(super) fn log_is_missing(&self) -> Error {
        Error::LogMissing {
            database: self.database.clone(),
        }
    }

    /// What lets the role be asked for warming, if something is missing.
    fn cure_of_warming(&self) -> Option<String> {
        if !self.present || self.warming == Some(true) {
            return None;
        }
        Some(format!("larder cache install --grant {}", self.role))
    }

    /// What lets the role make the log.
    pub(super) fn cure_of_installing(&self) -> String {
        match self.schema {
            true => format!("ALTER SCHEMA larder OWNER TO {}", self.role),
            false => format!(
                "GRANT CREATE ON DATABASE {} TO {}",
                self.database, self.role
            ),
        }
    }
}

/// The role cannot use the log.
pub(super) fn missing(state: &State) -> Error {
    lacks(&state.role, &state.missing_rights())
}

fn lacks(role: &str, rights: &[MissingRight]) -> Error {
    let grants: Vec<&str> = rights.iter().map(|right| right.grant.as_str()).collect();
    Error::LogRights {
        action: "use",
        role: role.to_owned(),
        cure: format!(
            "`larder cache install --grant {role}`, or {}",
            grants.join("; ")
        ),
    }
}

/// The version of the log's objects; `None` if its one row is not there.
pub(super) async fn version_on(connection: &mut Connection) -> Result<Option<i32>, Error> {
    let versions: Option<Vec<i32>> = sql(VERSION).fetch_scalar_on(connection).await?;
    Ok(versions.and_then(|versions| versions.first().copied()))
}

async fn document<T: DeserializeOwned>(
    text: &str,
    connection: &mut Connection,
) -> Result<T, Error> {
    let document: serde_json::Value = sql(text).fetch_scalar_on(connection).await?;
    serde_json::from_value(document).map_err(|error| Error::Catalog {
        reason: error.to_string(),
    })
}

fn number(text: Option<String>) -> Result<Option<u64>, Error> {
    text.map(|text| {
        text.parse().map_err(|_| Error::Catalog {
            reason: format!("{text:?} is no transaction id"),
        })
    })
    .transpose()
}
