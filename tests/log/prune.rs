//! Emptying the oldest part: the horizon moves with it, and nobody waits.

use super::{plain, with_log};

/// The slot that is written next, as the function works it out.
const NEXT: &str = "((floor(extract(epoch FROM clock_timestamp()) / 3600)::int8 + 1) % 3)";

#[tokio::test]
async fn the_partition_that_is_written_next_is_emptied_and_the_horizon_moves_past_it() {
    let test = with_log().await;
    let client = plain(&test).await;
    let prune = "SELECT larder.prune()";
    assert!(
        client
            .query_one(prune, &[])
            .await
            .unwrap()
            .get::<_, bool>(0)
    );
    let before = test.database().log_status().await.unwrap();
    client
        .batch_execute(&format!(
            "INSERT INTO larder.invalidation (slot, format, touched) VALUES ({NEXT}, 1, '{{16384}}'); \
             INSERT INTO larder.invalidation (format, touched) VALUES (1, '{{16385}}')"
        ))
        .await
        .unwrap();
    let written = test.database().log_status().await.unwrap();
    assert_eq!(written.rows, Some(2));
    assert!(
        client
            .query_one(prune, &[])
            .await
            .unwrap()
            .get::<_, bool>(0)
    );
    let after = test.database().log_status().await.unwrap();
    assert_eq!(after.rows, Some(1));
    assert_eq!(after.horizon, Some(written.oldest.unwrap() + 1));
    assert!(after.horizon > before.horizon);
    assert_eq!(after.oldest, written.newest);
    // It never moves back.
    client
        .batch_execute(&format!(
            "INSERT INTO larder.invalidation (xid, slot, format, touched) VALUES ('5', {NEXT}, 1, '{{}}'); \
             SELECT larder.prune()"
        ))
        .await
        .unwrap();
    let last = test.database().log_status().await.unwrap();
    assert_eq!((last.rows, last.horizon), (Some(1), after.horizon));
}

#[tokio::test]
async fn a_partition_that_somebody_uses_is_left_alone_at_once() {
    let test = with_log().await;
    let (client, mut reader) = (plain(&test).await, plain(&test).await);
    client
        .batch_execute(&format!(
            "INSERT INTO larder.invalidation (slot, format, touched) VALUES ({NEXT}, 1, '{{16384}}')"
        ))
        .await
        .unwrap();
    for hold in [
        "SELECT * FROM larder.invalidation",
        "SELECT * FROM larder.epoch FOR UPDATE",
    ] {
        let reading = reader.transaction().await.unwrap();
        reading.query(hold, &[]).await.unwrap();
        // Waiting would end with an error. It is no lock_timeout, whose error the function knows.
        let patience = "SET statement_timeout = '3s'";
        client.batch_execute(patience).await.unwrap();
        let row = client
            .query_one("SELECT larder.prune()", &[])
            .await
            .unwrap();
        assert!(!row.get::<_, bool>(0), "{hold}");
        let status = test.database().log_status().await.unwrap();
        assert_eq!(status.rows, Some(1));
        // Nothing of the attempt is left that others would wait for.
        reading.commit().await.unwrap();
    }
    let row = client
        .query_one("SELECT larder.prune()", &[])
        .await
        .unwrap();
    assert!(row.get::<_, bool>(0));
    assert_eq!(test.database().log_status().await.unwrap().rows, Some(0));
}

#[tokio::test]
async fn an_older_snapshot_is_refused() {
    let test = with_log().await;
    let client = plain(&test).await;
    let error = client
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT larder.prune()")
        .await
        .unwrap_err();
    let text = error.as_db_error().unwrap().message();
    assert!(text.contains("READ COMMITTED"), "{text}");
}
