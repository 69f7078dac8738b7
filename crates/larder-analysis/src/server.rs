//! What the server is and has: the ground on which checks stand.

use std::collections::BTreeMap;

use larder_database::{Connection, sql};
use serde::Deserialize;

use crate::Error;
use crate::connection::{Unanswered, ask};

/// Whether something is old enough is known at least since the server runs, where its statistics
/// were never reset. A restart keeps them. A crash loses them and, where the postmaster outlives it,
/// leaves no other trace than a reset of the statistics of the background writer.
const FACTS: &str = "
    SELECT pg_catalog.current_database() AS database,
           pg_catalog.quote_ident(pg_catalog.current_database()) AS quoted_database,
           pg_catalog.current_setting('server_version') AS version,
           pg_catalog.current_setting('server_version_num')::int4 AS version_number,
           pg_catalog.current_setting('block_size')::int8 AS block_size,
           pg_catalog.pg_is_in_recovery() AS is_standby,
           d.oid::int8 AS database_oid,
           extract(epoch FROM pg_catalog.now()
             - greatest(coalesce(s.stats_reset, pg_catalog.pg_postmaster_start_time()),
                        (SELECT b.stats_reset FROM pg_catalog.pg_stat_bgwriter b)))::float8
             AS statistics_age,
           pg_catalog.pg_database_size(d.oid)::int8 AS database_size
    FROM pg_catalog.pg_database d
    JOIN pg_catalog.pg_stat_database s ON s.datid = d.oid
    WHERE d.datname = pg_catalog.current_database()";

const EXTENSIONS: &str = "
    SELECT e.extname::text AS name, pg_catalog.quote_ident(n.nspname) AS schema
    FROM pg_catalog.pg_extension e
    JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace";

/// In the unit of each: `shared_buffers` in blocks, `work_mem` in KiB, times in milliseconds.
const SETTINGS: &str = "
    SELECT name, setting FROM pg_catalog.pg_settings";

const RIGHTS: &str = "
    SELECT pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all";

/// What the server is and has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Server {
    pub(crate) facts: Facts,
    /// The schema of each extension, quoted.
    pub(crate) extensions: BTreeMap<String, String>,
    pub(crate) settings: BTreeMap<String, String>,
    /// Whether the role sees the sessions and statements of others.
    pub(crate) sees_all: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Facts {
    pub(crate) database: String,
    pub(crate) quoted_database: String,
    pub(crate) version: String,
    pub(crate) version_number: u32,
    pub(crate) block_size: i64,
    pub(crate) is_standby: bool,
    pub(crate) database_oid: i64,
    /// Seconds.
    pub(crate) statistics_age: f64,
    pub(crate) database_size: i64,
}

#[derive(Deserialize)]
struct Extension {
    name: String,
    schema: String,
}

#[derive(Deserialize)]
struct Setting {
    name: String,
    setting: Option<String>,
}

#[derive(Deserialize)]
struct Rights {
    sees_all: bool,
}

impl Server {
    pub(crate) async fn read(connection: &mut Connection) -> Result<Self, Error> {
        let facts: Vec<Facts> = all(connection, "itself", FACTS).await?;
        let extensions: Vec<Extension> = all(connection, "its extensions", EXTENSIONS).await?;
        let settings: Vec<Setting> = all(connection, "its settings", SETTINGS).await?;
        let rights: Vec<Rights> = all(connection, "rights", RIGHTS).await?;
        Ok(Self {
            facts: facts.into_iter().next().unwrap_or_default(),
            extensions: extensions
                .into_iter()
                .map(|extension| (extension.name, extension.schema))
                .collect(),
            settings: settings
                .into_iter()
                .filter_map(|setting| Some((setting.name, setting.setting?)))
                .collect(),
            sees_all: rights.first().is_some_and(|rights| rights.sees_all),
        })
    }

    /// A setting that is a number, in its unit.
    pub(crate) fn number(&self, setting: &str) -> Option<f64> {
        self.settings.get(setting)?.parse().ok()
    }

    /// Whether a setting is off.
    pub(crate) fn is_off(&self, setting: &str) -> bool {
        self.settings
            .get(setting)
            .is_some_and(|value| value == "off")
    }

    /// What a sort may take of memory, in bytes.
    pub(crate) fn work_mem(&self) -> f64 {
        self.number("work_mem").unwrap_or(4096.0) * 1024.0
    }

    pub(crate) fn block_size(&self) -> f64 {
        match self.facts.block_size {
            0 => 8192.0,
            bytes => bytes as f64,
        }
    }
}

/// All rows of an answer without which nothing can be judged.
async fn all<T: for<'de> Deserialize<'de>>(
    connection: &mut Connection,
    subject: &'static str,
    question: &str,
) -> Result<Vec<T>, Error> {
    let rows = match ask(connection, sql(question)).await {
        Ok(rows) => rows,
        Err(Unanswered::Lost(error)) => return Err(error.into()),
        Err(Unanswered::Refused(refusal)) => {
            use serde::de::Error as _;
            let error = serde_json::Error::custom(refusal.why);
            return Err(Error::Answer { subject, error });
        }
    };
    let rows = rows.into_iter().map(serde_json::from_value);
    rows.collect::<Result<_, _>>()
        .map_err(|error| Error::Answer { subject, error })
}
