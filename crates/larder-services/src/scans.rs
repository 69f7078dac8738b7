//! For tests: what queries read, by what PostgreSQL counts in the transaction. That is what really
//! ran, with prepared statements too, whose plans change after five runs.

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use larder_pool::Connection;

/// What PostgreSQL counts for all tables of a database in one transaction.
#[derive(Debug, PartialEq, QueryableByName)]
pub(crate) struct Scans {
    /// How many scans of whole tables there were.
    #[diesel(sql_type = BigInt)]
    pub(crate) seq_scan: i64,
    /// How many rows were fetched by indexes.
    #[diesel(sql_type = BigInt)]
    pub(crate) idx_tup_fetch: i64,
}

/// What was counted so far in the transaction.
pub(crate) async fn so_far(conn: &mut Connection) -> Scans {
    diesel::sql_query(
        "SELECT sum(seq_scan)::bigint AS seq_scan, sum(idx_tup_fetch)::bigint AS idx_tup_fetch
        FROM pg_stat_xact_user_tables",
    )
    .get_result(conn)
    .await
    .unwrap()
}

/// Reads eight times in a transaction; gives the scans of all, and the rows fetched for one.
macro_rules! scans {
    ($database:expr, $reading:expr) => {
        $database
            .transaction(async |conn| {
                let before = crate::scans::so_far(conn).await;
                for _ in 0..8 {
                    $reading(conn).await?;
                }
                let after = crate::scans::so_far(conn).await;
                Ok::<_, diesel::result::Error>(crate::scans::Scans {
                    seq_scan: after.seq_scan - before.seq_scan,
                    idx_tup_fetch: (after.idx_tup_fetch - before.idx_tup_fetch) / 8,
                })
            })
            .await
            .unwrap()
    };
}

pub(crate) use scans;
