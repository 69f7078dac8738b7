//! What one process writes, the others learn from the log.

use larder_database::Database;
use larder_testing::TestDatabase;
use tokio::time::Instant;

use super::{
    BOUND, LONG, TOTAL, applied, assert_noticed, caught_up, is_kept, keep, plain, process,
    table_number, total, until,
};
use crate::support::accounts;

async fn tagged(db: &Database, tag: &str) -> i64 {
    let query = db.sql("SELECT sum(balance)::bigint FROM accounts");
    let read = query.cached().ttl(LONG).tag(tag);
    read.fetch_scalar().await.unwrap()
}

async fn of_service(db: &Database, service: &'static str) -> i64 {
    let query = db.sql("SELECT sum(balance)::bigint FROM accounts");
    let read = query.cached().ttl(LONG).service(service, "total");
    read.fetch_scalar().await.unwrap()
}

/// Writes where no process notices it.
async fn write_unseen(test: &TestDatabase) {
    let client = plain(test).await;
    let statement = "UPDATE accounts SET balance = balance + 1 WHERE id = 1";
    client.batch_execute(statement).await.unwrap();
}

#[tokio::test]
async fn invalidating_by_hand_reaches_the_others() {
    let test = accounts().await;
    let caller = process(&test, |_| {}).await;
    let other = process(&test, |_| {}).await;
    let mut known = TOTAL;
    for by in ["tag", "service", "pattern", "everything", "table"] {
        // Each is read again after the one before.
        let read = async |db: &Database| match by {
            "tag" => tagged(db, "menu:7").await,
            "service" | "pattern" => of_service(db, "shop").await,
            _ => total(db).await,
        };
        assert_eq!(
            (read(&caller).await, read(&other).await),
            (known, known),
            "{by}"
        );
        let spared = (
            tagged(&other, "menu:8").await,
            of_service(&other, "home").await,
        );
        write_unseen(&test).await;
        caught_up(&other).await;
        assert_eq!(read(&other).await, known, "nobody has told of it: {by}");
        known += 1;
        let invalidate = caller.invalidate();
        match by {
            "tag" => invalidate.tag("menu:7").await,
            "service" => invalidate.service("shop").await,
            "pattern" => invalidate.matching("shop:total:*").await,
            "everything" => invalidate.everything().await,
            _ => invalidate.table("accounts").await,
        }
        .unwrap();
        let told = Instant::now();
        assert_eq!(
            read(&caller).await,
            known,
            "at once where it was said: {by}"
        );
        until(by, async || {
            let began = told.elapsed();
            let is_new = read(&other).await == known;
            assert!(is_new || began < BOUND, "{by} took longer than the bound");
            is_new
        })
        .await;
        let after = (
            tagged(&other, "menu:8").await,
            of_service(&other, "home").await,
        );
        let reaches_all = matches!(by, "everything" | "table");
        let expected = if reaches_all { (known, known) } else { spared };
        assert_eq!(after, expected, "{by}");
    }
}

#[tokio::test]
async fn definitions_that_another_process_changes_are_noticed() {
    let test = accounts().await;
    let other = process(&test, |_| {}).await;
    let writer = process(&test, |_| {}).await;
    let view = "CREATE VIEW seen AS SELECT * FROM accounts WHERE id = 1";
    writer.sql(view).execute().await.unwrap();
    let read = async || {
        let query = other.sql("SELECT sum(balance)::bigint FROM seen").cached();
        query.ttl(LONG).fetch_scalar::<i64>().await.unwrap()
    };
    until("the view is known", async || {
        let hits = other.cache_statistics().hits;
        read().await;
        other.cache_statistics().hits > hits
    })
    .await;
    assert_eq!(read().await, 100);
    for (change, expected) in [
        ("CREATE OR REPLACE VIEW seen AS SELECT * FROM accounts", 200),
        (
            "DROP VIEW seen; ALTER TABLE accounts ALTER balance TYPE numeric USING balance * 2; \
             CREATE VIEW seen AS SELECT * FROM accounts",
            400,
        ),
        (
            "DROP VIEW seen; CREATE TABLE seen AS SELECT 7 AS balance",
            7,
        ),
    ] {
        until("it is kept", async || {
            let hits = other.cache_statistics().hits;
            read().await;
            other.cache_statistics().hits > hits
        })
        .await;
        let changing = async |conn: &mut larder_pool::Connection| {
            use diesel_async::SimpleAsyncConnection;
            conn.batch_execute(change).await
        };
        writer.transaction(changing).await.unwrap();
        let changed = Instant::now();
        until(change, async || {
            let began = changed.elapsed();
            let is_new = read().await == expected;
            assert!(
                is_new || began < BOUND,
                "{change} took longer than the bound"
            );
            is_new
        })
        .await;
    }
}

#[tokio::test]
async fn a_row_of_an_unknown_format_invalidates_everything() {
    let test = accounts().await;
    let db = process(&test, |_| {}).await;
    let client = plain(&test).await;
    let mut known = TOTAL;
    for (format, touched) in [(99, "{1}"), (-1, "{}"), (4, "{4711}"), (2, "{}")] {
        keep(&db).await;
        // Nothing but what the row says tells of the write.
        let transaction = format!(
            "BEGIN; UPDATE accounts SET balance = balance + 1 WHERE id = 2; \
             INSERT INTO larder.invalidation (format, touched) VALUES ({format}, '{touched}'); COMMIT"
        );
        client.batch_execute(&transaction).await.unwrap();
        known += 1;
        assert_noticed(&db, Instant::now(), known).await;
    }
}

#[tokio::test]
async fn rows_of_all_formats_stand_side_by_side() {
    let test = accounts().await;
    let db = process(&test, |_| {}).await;
    let number = table_number(&test, "accounts").await;
    keep(&db).await;
    let named = of_service(&db, "shop").await;
    write_unseen(&test).await;
    let client = plain(&test).await;
    let before = applied(&db);
    client
        .batch_execute(
            "BEGIN; INSERT INTO larder.invalidation (format, touched) VALUES (1, '{4711,4712}'); \
             INSERT INTO larder.invalidation (format, touched, detail) VALUES (2, '{}', 'shop:*'); COMMIT",
        )
        .await
        .unwrap();
    until("both rows are read", async || applied(&db) == before + 2).await;
    caught_up(&db).await;
    assert_eq!(of_service(&db, "shop").await, named + 1, "by the pattern");
    assert_eq!(total(&db).await, TOTAL, "neither row speaks of it");
    let row = format!(
        "INSERT INTO larder.invalidation (format, touched) VALUES (1, '{{4711,{number}}}'), (1, '{{}}')"
    );
    client.batch_execute(&row).await.unwrap();
    assert_noticed(&db, Instant::now(), TOTAL + 1).await;
}

#[tokio::test]
async fn a_transaction_that_touched_too_much_counts_as_everything() {
    use diesel_async::SimpleAsyncConnection;
    use larder_cache::Touched;

    let test = accounts().await;
    let writer = process(&test, |_| {}).await;
    let other = process(&test, |_| {}).await;
    let many = |from: usize, count: usize, sql: &str| {
        let one = |n: usize| sql.replace('#', &n.to_string());
        (from..from + count).map(one).collect::<String>()
    };
    let tables = many(0, Touched::MOST + 1, "CREATE TABLE t# (n int); ");
    let mut session = writer.session().await.unwrap();
    session.batch_execute(&tables).await.unwrap();
    drop(session);
    let write = async |count: usize| {
        let rows = many(0, count, "INSERT INTO t# VALUES (1); ");
        let writing = async |conn: &mut larder_pool::Connection| conn.batch_execute(&rows).await;
        writer.transaction(writing).await.unwrap();
    };
    // The picture of the tables is there.
    keep(&writer).await;
    keep(&other).await;
    let before = applied(&other);
    write(Touched::MOST).await;
    until("the row is read", async || applied(&other) > before).await;
    caught_up(&other).await;
    assert!(is_kept(&other).await, "as many as a row has room for");
    write_unseen(&test).await;
    write(Touched::MOST + 1).await;
    assert_noticed(&other, Instant::now(), TOTAL + 1).await;
}

#[tokio::test]
async fn a_writer_without_larder_is_noticed_on_a_tracked_table() {
    let test = accounts().await;
    let db = process(&test, |_| {}).await;
    let client = plain(&test).await;
    client
        .batch_execute(
            "CREATE TRIGGER larder_track AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON accounts \
             FOR EACH STATEMENT EXECUTE FUNCTION larder.track(); \
             ALTER TABLE accounts ENABLE ALWAYS TRIGGER larder_track",
        )
        .await
        .unwrap();
    let statements = [
        ("UPDATE accounts SET balance = 150 WHERE id = 1", 250),
        ("INSERT INTO accounts VALUES (3, 5)", 255),
        ("COPY accounts FROM PROGRAM 'echo 4,5' CSV", 260),
        ("DELETE FROM accounts WHERE id > 2", 250),
        ("TRUNCATE accounts", 0),
    ];
    for (statement, expected) in statements {
        keep(&db).await;
        client.batch_execute(statement).await.unwrap();
        assert_noticed(&db, Instant::now(), expected).await;
    }
}
