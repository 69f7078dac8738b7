//! The tables that are to be tracked, as the database knows them: each with its partitions and
//! children, and with what shows or changes its rows without a trigger seeing it.

use larder_config::nearest;
use larder_database::Database;
use serde::Deserialize;
use serde_json::Value;

use super::error::Error;

/// What `written` means, by the search path of the connection.
const FIND: &str = "
    SELECT c.oid::int8 AS id, c.relkind::text AS kind, c.relpersistence = 't' AS temporary,
           pg_catalog.format('%I.%I', n.nspname, c.relname) AS name,
           n.nspname::text IN ('pg_catalog', 'information_schema', 'pg_toast', 'larder') AS system
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = pg_catalog.to_regclass(:written)";

const NAMES: &str = "
    SELECT coalesce(pg_catalog.jsonb_agg(c.oid::pg_catalog.regclass::text), '[]')
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'larder')";

/// The table and all below it, the lowest first: a command on a table above may go down to those
/// below, and finds their triggers there then.
const FAMILY: &str = "
    WITH RECURSIVE below (id, depth) AS (
        SELECT :id::int8::oid, 0
        UNION ALL
        SELECT i.inhrelid, b.depth + 1
        FROM below b JOIN pg_catalog.pg_inherits i ON i.inhparent = b.id
    )
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, c.relkind::text AS kind,
           EXISTS (SELECT FROM pg_catalog.pg_trigger t
                   WHERE t.tgrelid = c.oid AND t.tgname = 'larder_track') AS tracked
    FROM (SELECT id, pg_catalog.max(depth) AS depth FROM below GROUP BY id) b
    JOIN pg_catalog.pg_class c ON c.oid = b.id
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    ORDER BY b.depth DESC, c.oid";

/// Tables above, through which rows are written, and materialized views that read the table.
const AROUND: &str = "
    WITH RECURSIVE above (id) AS (
        SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = :id::int8::oid
        UNION
        SELECT i.inhparent FROM above a JOIN pg_catalog.pg_inherits i ON i.inhrelid = a.id
    ),
    reading (id) AS (
        SELECT DISTINCT r.ev_class
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
        WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
          AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
          AND d.refobjid = :id::int8::oid
    )
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, c.relkind::text AS kind,
           EXISTS (SELECT FROM pg_catalog.pg_trigger t
                   WHERE t.tgrelid = c.oid AND t.tgname = 'larder_track') AS tracked
    FROM (SELECT id FROM above UNION SELECT id FROM reading) a
    JOIN pg_catalog.pg_class c ON c.oid = a.id
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm')
    ORDER BY c.oid";

/// A table that was named, and what belongs to it.
#[derive(Debug)]
pub(super) struct Tracked {
    /// With its schema, quoted where SQL needs it.
    pub(super) name: String,
    /// The tables that need a trigger: itself and those below it, the lowest first.
    pub(super) tables: Vec<Member>,
    /// Foreign tables below it.
    pub(super) foreign: Vec<String>,
    /// Tables above it that are not tracked.
    pub(super) untracked_parents: Vec<String>,
    /// Materialized views that read it.
    pub(super) materialized: Vec<String>,
}

/// A relation of a family.
#[derive(Debug, Deserialize)]
pub(super) struct Member {
    pub(super) name: String,
    kind: String,
    /// Whether it has the trigger.
    pub(super) tracked: bool,
}

#[derive(Debug, Deserialize)]
struct Found {
    id: i64,
    kind: String,
    temporary: bool,
    name: String,
    system: bool,
}

impl Tracked {
    /// The table that a user wrote, with all that belongs to it.
    pub(super) async fn find(database: &Database, written: &str) -> Result<Self, Error> {
        let found = database.sql(FIND).bind("written", written).fetch_json();
        let Some(found) = found.await?.into_iter().next() else {
            return Err(unknown(database, written).await?);
        };
        let found: Found = serde_json::from_value(found)?;
        if let Some(what) = found.obstacle() {
            return Err(Error::NotTrackable {
                name: found.name,
                what,
            });
        }
        let family = database.sql(FAMILY).bind("id", found.id).fetch_json();
        let family: Vec<Member> = serde_json::from_value(Value::Array(family.await?))?;
        let around = database.sql(AROUND).bind("id", found.id).fetch_json();
        let around: Vec<Member> = serde_json::from_value(Value::Array(around.await?))?;
        let (foreign, tables) = family
            .into_iter()
            .partition::<Vec<_>, _>(|member| member.kind == "f");
        let (materialized, above) = around
            .into_iter()
            .partition::<Vec<_>, _>(|member| member.kind == "m");
        let names = |members: Vec<Member>| members.into_iter().map(|member| member.name).collect();
        Ok(Self {
            name: found.name,
            tables,
            foreign: names(foreign),
            untracked_parents: names(above.into_iter().filter(|it| !it.tracked).collect()),
            materialized: names(materialized),
        })
    }
}

impl Found {
    /// Why no trigger on it would tell of its rows.
    fn obstacle(&self) -> Option<&'static str> {
        match self.kind.as_str() {
            _ if self.system => Some("a table of the system"),
            _ if self.temporary => Some("a temporary table, which nobody else reads"),
            "r" | "p" => None,
            "v" => Some("a view: track the tables that it reads"),
            "m" => Some("a materialized view, and no trigger fires when it is refreshed"),
            "f" => Some("a foreign table, and no trigger fires when another server changes it"),
            _ => Some("not a table"),
        }
    }
}

async fn unknown(database: &Database, written: &str) -> Result<Error, Error> {
    let names: Value = database.sql(NAMES).fetch_scalar().await?;
    let names: Vec<String> = serde_json::from_value(names)?;
    Ok(Error::UnknownTable {
        near: nearest(written, names.iter().map(String::as_str)).map(str::to_owned),
        written: written.to_owned(),
    })
}
