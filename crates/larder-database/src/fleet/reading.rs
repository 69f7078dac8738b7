//! Reading what the log retains, when a process begins to follow it.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Nullable, SmallInt, Text};
use larder_cache::{Knowledge, LogRow, Snapshot, Touched, TransactionId};
use larder_pool::Connection;

use super::poll::{id, read_snapshot};
use crate::Error;
use crate::sql::sql;

/// All statements see the same: the follower goes on from their snapshot.
const ONE_MOMENT: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// Before anything is read: a partition that is emptied meanwhile would take its rows from every
/// snapshot, and the horizon that says so would come later. It does not take a snapshot itself.
const HOLD: &str = "LOCK TABLE larder.invalidation IN ACCESS SHARE MODE";

const SNAPSHOT: &str = "SELECT pg_catalog.pg_current_snapshot()::text";

/// The newest rows. What is older is not learned, and results from before it are not believed: so
/// a start takes the same time however much is retained.
const NEWEST: &str = "\
    SELECT xid::text AS transaction, format, touched, detail \
    FROM larder.invalidation ORDER BY xid DESC LIMIT :most";

/// How many rows are read.
const MOST: usize = 20_000;

#[derive(QueryableByName)]
struct Retained {
    #[diesel(sql_type = Text)]
    transaction: String,
    #[diesel(sql_type = SmallInt)]
    format: i16,
    #[diesel(sql_type = Array<BigInt>)]
    touched: Vec<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    detail: Option<String>,
}

/// The snapshot of now: where a process begins that believes nobody else's results.
///
/// # Errors
///
/// If the server does not answer.
pub(super) async fn snapshot(connection: &mut Connection) -> Result<Snapshot, Error> {
    let text: String = sql(SNAPSHOT).fetch_scalar_on(connection).await?;
    read_snapshot(&text)
}

/// Learns what the log still tells, and gives the snapshot that this is as of.
///
/// # Errors
///
/// If the server does not answer or the log cannot be read.
pub(super) async fn read(
    connection: &mut Connection,
    knowledge: &Knowledge,
    definitions: Option<u64>,
) -> Result<Snapshot, Error> {
    connection
        .transaction(async |connection| {
            sql(ONE_MOMENT).execute_on(connection).await?;
            sql(HOLD).execute_on(connection).await?;
            let taken = snapshot(connection).await?;
            let rows = sql(NEWEST)
                .bind("most", MOST as i64)
                .fetch_on::<Retained>(connection)
                .await?;
            learn(knowledge, definitions, rows)?;
            Ok::<_, Error>(taken)
        })
        .await
}

fn learn(
    knowledge: &Knowledge,
    definitions: Option<u64>,
    rows: Vec<Retained>,
) -> Result<(), Error> {
    if rows.len() == MOST
        && let Some(oldest) = rows.last()
    {
        // It may have more rows than were read.
        let oldest = id(&oldest.transaction)?;
        knowledge.raise_horizon(TransactionId(oldest.0.saturating_add(1)));
    }
    for row in rows {
        let transaction = id(&row.transaction)?;
        let touched = Touched::of_row(&LogRow {
            format: row.format,
            touched: row.touched,
            detail: row.detail,
        });
        // Of other definitions than are known here: its writer cannot have known what else it
        // touched.
        if touched.is_everything() || !touched.is_known_by(definitions) {
            knowledge.learn_everything(transaction);
        } else if let Some(pattern) = touched.names() {
            knowledge.learn_pattern(transaction, pattern);
        }
        knowledge.learn(transaction, touched.iter());
    }
    Ok(())
}
