//! The statements by which the log is read.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Nullable, SmallInt, Text};
use diesel_async::RunQueryDsl;
use larder_cache::{LogRow, Snapshot, Touched, TransactionId};
use larder_pool::Connection;

use crate::Error;
use crate::sql::sql;

/// What has become visible since an earlier snapshot, the snapshot of now, and which history this
/// is: in one statement, and so of one moment. On a standby, where the answer would be late, it
/// fails.
///
/// The tables are locked before the snapshot of the statement is taken, so no partition is
/// emptied in between.
///
/// What a snapshot does not see are the transactions that were running, and those that came later:
/// looked for by the index, however long the oldest of them runs.
#[derive(Debug)]
struct Poll {
    running: Vec<String>,
    next: String,
}

type PollColumns = (
    Text,
    Text,
    Text,
    Text,
    Nullable<Text>,
    Nullable<SmallInt>,
    Nullable<Array<BigInt>>,
    Nullable<Text>,
);

type PollRow = (
    String,
    String,
    String,
    String,
    Option<String>,
    Option<i16>,
    Option<Vec<i64>>,
    Option<String>,
);

impl QueryFragment<Pg> for Poll {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "SELECT pg_catalog.pg_current_snapshot()::text, epoch.id::text, epoch.horizon::text, \
             pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8), \
             log.xid::text, log.format, log.touched, log.detail \
             FROM larder.epoch LEFT JOIN LATERAL (\
             SELECT xid, format, touched, detail FROM larder.invalidation WHERE xid >= ",
        );
        out.push_bind_param::<Text, _>(&self.next)?;
        out.push_sql(
            "::xid8 UNION ALL \
             SELECT xid, format, touched, detail FROM larder.invalidation WHERE xid = ANY (",
        );
        out.push_bind_param::<Array<Text>, _>(&self.running)?;
        out.push_sql("::xid8[]) LIMIT ");
        out.push_bind_param::<BigInt, _>(&(MOST + 1))?;
        out.push_sql(") AS log ON true");
        Ok(())
    }
}

impl QueryId for Poll {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Poll {
    type SqlType = PollColumns;
}

/// What one look at the log told.
pub(super) struct Look {
    /// What the look could see.
    pub(super) snapshot: Snapshot,
    /// The random id of the database, and the timeline of its server.
    pub(super) epoch: String,
    /// What is below may be missing in the log.
    pub(super) horizon: TransactionId,
    pub(super) rows: Vec<(TransactionId, Touched)>,
    /// There were more rows than are read one by one.
    pub(super) is_cut_off: bool,
}

/// How many rows are read one by one. Whoever has missed more begins anew sooner than it has read
/// them all.
const MOST: i64 = 10_000;

/// Looks for what has become visible since a snapshot was taken.
///
/// # Errors
///
/// If the server does not answer, is a standby, or has no log.
pub(super) async fn poll(connection: &mut Connection, since: &Snapshot) -> Result<Look, Error> {
    let poll = Poll {
        running: since.running().iter().map(ToString::to_string).collect(),
        next: since.next().to_string(),
    };
    let rows: Result<Vec<PollRow>, _> = poll.get_results(connection).await;
    let rows = rows.map_err(|error| Error::of_statement(error, connection.last_server_error()))?;
    let mut rows = rows.into_iter().peekable();
    let Some((snapshot, epoch, horizon, timeline, ..)) = rows.peek() else {
        return Err(unreadable(
            "larder.epoch has no row: run `larder cache install`",
        ));
    };
    let mut look = Look {
        snapshot: read_snapshot(snapshot)?,
        epoch: format!("{timeline} {epoch}"),
        horizon: id(horizon)?,
        is_cut_off: i64::try_from(rows.len()).is_ok_and(|rows| rows > MOST),
        rows: Vec::new(),
    };
    for (_, _, _, _, xid, format, touched, detail) in rows {
        if let (Some(xid), Some(format), Some(touched)) = (xid, format, touched) {
            let row = LogRow {
                format,
                touched,
                detail,
            };
            look.rows.push((id(&xid)?, Touched::of_row(&row)));
        }
    }
    Ok(look)
}

/// Which database of which server this is, as long as both live.
///
/// # Errors
///
/// If the server does not answer.
pub(super) async fn database(connection: &mut Connection) -> Result<String, Error> {
    // Some providers let nobody read the control file; the random id of the epoch is left then.
    const SYSTEM: &str = "SELECT system_identifier::text FROM pg_catalog.pg_control_system()";
    const DATABASE: &str = "SELECT oid::text FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
    let system = sql(SYSTEM).fetch_scalar_on::<String>(connection).await;
    let system = match system {
        Ok(system) => system,
        Err(error) if error.server_error().is_some() => String::new(),
        Err(error) => return Err(error),
    };
    let database: String = sql(DATABASE).fetch_scalar_on(connection).await?;
    Ok(format!("{system} {database}"))
}

pub(super) fn read_snapshot(text: &str) -> Result<Snapshot, Error> {
    text.parse()
        .map_err(|_| unreadable(&format!("{text:?} is no snapshot")))
}

pub(super) fn id(text: &str) -> Result<TransactionId, Error> {
    text.parse()
        .map(TransactionId)
        .map_err(|_| unreadable(&format!("{text:?} is no transaction id")))
}

fn unreadable(reason: &str) -> Error {
    Error::Catalog {
        reason: format!("the log of invalidations cannot be read: {reason}"),
    }
}
