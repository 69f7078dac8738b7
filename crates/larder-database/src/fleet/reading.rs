//! Reading the whole log that is retained, when a process begins to follow it.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use larder_cache::{Dependency, Knowledge, Snapshot, Touched};
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

/// The newest transactions for each number; what is older follows from the last of them.
const NUMBERS: &str = "\
    SELECT number, (pg_catalog.array_agg(xid::text ORDER BY xid DESC))[1:9] AS transactions
    FROM (SELECT DISTINCT pg_catalog.unnest(touched) AS number, xid
          FROM larder.invalidation WHERE format IN (1, 2)) AS log
    GROUP BY number";

/// What numbers alone do not tell: patterns, and rows of a format that is not known.
const OTHERS: &str = "\
    SELECT DISTINCT format::bigint AS number, detail, xid::text AS transaction
    FROM larder.invalidation WHERE format <> 1";

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
    #[diesel(sql_type = Array<Text>)]
    transactions: Vec<String>,
}

#[derive(QueryableByName)]
struct Other {
    #[diesel(sql_type = BigInt)]
    number: i64,
    #[diesel(sql_type = Nullable<Text>)]
    detail: Option<String>,
    #[diesel(sql_type = Text)]
    transaction: String,
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

/// Learns all that the log still tells, and gives the snapshot that this is as of.
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
            for row in sql(NUMBERS).fetch_on::<Number>(connection).await? {
                for transaction in &row.transactions {
                    learn_number(knowledge, row.number, transaction, definitions)?;
                }
            }
            for row in sql(OTHERS).fetch_on::<Other>(connection).await? {
                let transaction = id(&row.transaction)?;
                match (row.number, &row.detail) {
                    (2, Some(pattern)) => knowledge.learn_pattern(transaction, pattern),
                    _ => knowledge.learn_everything(transaction),
                }
            }
            Ok::<_, Error>(taken)
        })
        .await
}

fn learn_number(
    knowledge: &Knowledge,
    number: i64,
    transaction: &str,
    definitions: Option<u64>,
) -> Result<(), Error> {
    let transaction = id(transaction)?;
    let touched = Touched::of_numbers(&[number]);
    // Of other definitions than are known here: its writer cannot have known what else it touched.
    if touched.is_everything() || !touched.is_known_by(definitions) {
        knowledge.learn_everything(transaction);
    }
    knowledge.learn(transaction, touched.iter().collect::<Vec<Dependency>>());
    Ok(())
}
