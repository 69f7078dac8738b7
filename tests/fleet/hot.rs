//! Tables that are written faster than a cache could help.

use larder_database::Database;
use larder_testing::TestDatabase;

use super::{is_kept, keep, process, table_number, total, truth, until};
use crate::support::accounts;

const BOUND: u32 = 20;

async fn watching(test: &TestDatabase) -> Database {
    process(test, |options| options.cache.hot_writes = BOUND).await
}

fn is_hot(db: &Database, table: i64) -> bool {
    let hot = db.hot_tables();
    hot.iter().any(|hot| i64::from(hot.oid) == table)
}

#[tokio::test]
async fn what_is_read_from_a_hot_table_is_not_kept_until_it_cools_down() {
    let test = accounts().await;
    let writer = watching(&test).await;
    let other = watching(&test).await;
    let number = table_number(&test, "accounts").await;
    keep(&writer).await;
    keep(&other).await;
    assert_eq!((writer.hot_tables(), other.hot_tables()), (vec![], vec![]));
    let write = async || {
        let update = writer.sql("UPDATE accounts SET balance = balance + 1 WHERE id = 1");
        update.execute().await.unwrap();
    };
    for db in [&writer, &other] {
        until("reads of a hot table are not kept", async || {
            while !is_hot(db, number) {
                write().await;
            }
            // Nobody writes now: nothing but the heat keeps a result from being stored.
            let before = db.cache_statistics();
            let read = (total(db).await, total(db).await);
            let after = db.cache_statistics();
            if !is_hot(db, number) {
                return false;
            }
            assert_eq!((after.hits, after.sets), (before.hits, before.sets));
            assert_eq!(read.1, truth(&test).await);
            true
        })
        .await;
    }
    for db in [&writer, &other] {
        until("it cools down", async || !is_hot(db, number)).await;
        until("it is kept again", async || is_kept(db).await).await;
    }
}

#[tokio::test]
async fn other_tables_stay_cool() {
    let test = accounts().await;
    let writer = watching(&test).await;
    let create = "CREATE TABLE elsewhere (n int)";
    writer.sql(create).execute().await.unwrap();
    let number = table_number(&test, "elsewhere").await;
    keep(&writer).await;
    while !is_hot(&writer, number) {
        let insert = writer.sql("INSERT INTO elsewhere VALUES (1)");
        insert.execute().await.unwrap();
    }
    assert!(is_kept(&writer).await);
}
