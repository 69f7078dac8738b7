//! What a process learns from the log that was there before it, and what it does where the log
//! does not tell everything.

use larder_testing::TestDatabase;
use tokio::time::Instant;

use super::{
    TOTAL, assert_noticed, caught_up, is_kept, keep, namespace, plain, process, shared_redis,
    sharing, stored, table_number, total, until,
};
use crate::support::accounts;

#[tokio::test]
async fn a_renewed_epoch_makes_all_that_was_cached_void() {
    let test = accounts().await;
    let namespace = namespace();
    let db = sharing(&test, &namespace).await;
    keep(&db).await;
    stored(&shared_redis(), &namespace, 1).await;
    // In one transaction, as a restore would: not a row of the log tells of it.
    plain(&test)
        .await
        .batch_execute(
            "BEGIN; UPDATE accounts SET balance = 0 WHERE id = 2; SELECT larder.renew_epoch(); COMMIT",
        )
        .await
        .unwrap();
    assert_noticed(&db, Instant::now(), TOTAL - 100).await;
    assert_eq!(db.follower_statistics().unwrap().histories, 1);
    let late = sharing(&test, &namespace).await;
    assert_eq!(total(&late).await, TOTAL - 100);
    // Life goes on in the new history.
    keep(&db).await;
    let write = "UPDATE accounts SET balance = 1 WHERE id = 2";
    late.sql(write).execute().await.unwrap();
    assert_noticed(&db, Instant::now(), TOTAL - 99).await;
    assert_eq!(db.follower_statistics().unwrap().histories, 1);
}

/// The number of the partition of the log that is written in the next hour.
const NEXT: &str = "(floor(extract(epoch FROM clock_timestamp()) / 3600)::bigint + 1) % 3";

/// Empties the next partition after a write in the same transaction, so that nobody can have read
/// what was in it.
async fn prune_unread(test: &TestDatabase, write: &str) {
    let client = plain(test).await;
    let number = table_number(test, "accounts").await;
    let row = format!(
        "INSERT INTO larder.invalidation (slot, format, touched) VALUES ({NEXT}, 1, '{{{number}}}')"
    );
    until("nobody uses the partition", async || {
        let begin = format!("BEGIN; {write}; {row}");
        client.batch_execute(&begin).await.unwrap();
        let pruned = client.query_one("SELECT larder.prune()", &[]).await;
        let pruned: bool = pruned.unwrap().get(0);
        let end = if pruned { "COMMIT" } else { "ROLLBACK" };
        client.batch_execute(end).await.unwrap();
        pruned
    })
    .await;
}

#[tokio::test]
async fn what_was_pruned_unread_invalidates_everything() {
    let test = accounts().await;
    let namespace = namespace();
    let db = sharing(&test, &namespace).await;
    keep(&db).await;
    stored(&shared_redis(), &namespace, 1).await;
    prune_unread(&test, "UPDATE accounts SET balance = 1 WHERE id = 1").await;
    assert_noticed(&db, Instant::now(), TOTAL - 99).await;
    let gaps = || db.follower_statistics().unwrap().gaps;
    until("the gap is noticed", async || gaps() == 1).await;
    let late = sharing(&test, &namespace).await;
    assert_eq!(total(&late).await, TOTAL - 99);
    keep(&db).await;
    assert_eq!(gaps(), 1);
}

#[tokio::test]
async fn pruning_what_was_read_costs_nothing() {
    let test = accounts().await;
    let db = process(&test, |_| {}).await;
    let client = plain(&test).await;
    let row = format!(
        "INSERT INTO larder.invalidation (slot, format, touched) VALUES ({NEXT}, 1, '{{4711}}')"
    );
    client.batch_execute(&row).await.unwrap();
    caught_up(&db).await;
    keep(&db).await;
    until("it is pruned", async || {
        let pruned = client.query_one("SELECT larder.prune()", &[]).await;
        pruned.unwrap().get(0)
    })
    .await;
    caught_up(&db).await;
    assert!(is_kept(&db).await);
    assert_eq!(db.follower_statistics().unwrap().gaps, 0);
    let raised = "SELECT horizon <> '0' FROM larder.epoch";
    let raised = client.query_one(raised, &[]).await.unwrap();
    assert!(raised.get::<_, bool>(0), "there was something to prune");
}

#[tokio::test]
async fn a_process_is_served_what_another_one_has_loaded() {
    let test = accounts().await;
    let namespace = namespace();
    let first = sharing(&test, &namespace).await;
    keep(&first).await;
    stored(&shared_redis(), &namespace, 1).await;
    let second = sharing(&test, &namespace).await;
    let statements = second.query_statistics().total;
    let fetched = second.cache_statistics().fetched;
    assert_eq!(total(&second).await, TOTAL);
    assert_eq!(second.cache_statistics().fetched, fetched + 1);
    assert_eq!(second.query_statistics().total, statements);
    assert!(is_kept(&second).await, "it keeps it too");
    // And what it keeps goes as if it had loaded it itself.
    let write = "UPDATE accounts SET balance = 50 WHERE id = 1";
    first.sql(write).execute().await.unwrap();
    assert_noticed(&second, Instant::now(), TOTAL - 50).await;
}

#[tokio::test]
async fn a_process_that_starts_knows_what_was_written_before_it() {
    let test = accounts().await;
    let namespace = namespace();
    let first = sharing(&test, &namespace).await;
    keep(&first).await;
    let values = stored(&shared_redis(), &namespace, 1).await;
    let writer = process(&test, |_| {}).await;
    let write = "UPDATE accounts SET balance = 50 WHERE id = 1";
    writer.sql(write).execute().await.unwrap();
    assert_eq!(total(&writer).await, TOTAL - 50);
    // What stood in Redis stands there again, whatever happened to it.
    first.shutdown(crate::support::PATIENCE).await.unwrap();
    values.put_back().await;
    let late = sharing(&test, &namespace).await;
    assert_eq!(total(&late).await, TOTAL - 50);
    assert_eq!(late.second_tier_statistics().unwrap().invalidated, 1);
}
