//! Definitions that change while rows are kept.

use super::{add, assert_right, balance, hit, is_kept, keep, run, with};
use crate::caching::other_process;

const TRIGGER: &str = "
    CREATE FUNCTION ripple() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF pg_trigger_depth() = 1 THEN UPDATE accounts SET balance = balance + 10 WHERE id <> NEW.id; END IF;
        RETURN NEW; END $$;
    CREATE TRIGGER ripple AFTER UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION ripple();";

#[tokio::test]
async fn a_trigger_that_is_made_later() {
    let (_test, db) = with("").await;
    keep(&db, &[1, 2]).await;
    let mut session = db.session().await.unwrap();
    diesel_async::SimpleAsyncConnection::batch_execute(&mut *session, TRIGGER)
        .await
        .unwrap();
    drop(session);
    // Its first write may come before anybody has looked at the catalog again.
    add(&db, 1, 1).await;
    assert_right(&db, 1..3, "a write with a trigger").await;
    keep(&db, &[1, 2]).await;
    add(&db, 1, 1).await;
    assert_right(&db, 1..3, "another one").await;
    assert_eq!(balance(&db, 2).await, Some(120));
    // Without it, rows count again.
    run(&db, "DROP TRIGGER ripple ON accounts").await;
    keep(&db, &[1, 2]).await;
    add(&db, 1, 1).await;
    assert!(is_kept(&db, 2).await && !is_kept(&db, 1).await);
}

#[tokio::test]
async fn a_trigger_that_another_process_has_made() {
    let (test, db) = with("").await;
    let other = other_process(&test).await;
    keep(&db, &[1, 2]).await;
    let mut session = other.session().await.unwrap();
    diesel_async::SimpleAsyncConnection::batch_execute(&mut *session, TRIGGER)
        .await
        .unwrap();
    drop(session);
    let rows = db.follower_statistics().unwrap().rows;
    crate::support::until("the change is noticed", || {
        db.follower_statistics().unwrap().rows > rows
    })
    .await;
    add(&db, 1, 1).await;
    assert_right(&db, 1..3, "a write with a trigger").await;
}

#[tokio::test]
async fn a_table_that_is_changed() {
    let (_test, db) = with("").await;
    for change in [
        "ALTER TABLE accounts ADD COLUMN note text",
        "ALTER TABLE accounts ALTER COLUMN balance TYPE bigint USING balance + 1",
        "ALTER TABLE accounts ALTER COLUMN id TYPE bigint",
        "ALTER TABLE accounts RENAME COLUMN id TO number; ALTER TABLE accounts RENAME COLUMN number TO id",
        "ALTER TABLE accounts DROP CONSTRAINT accounts_pkey",
        "ALTER TABLE accounts ADD PRIMARY KEY (id, balance)",
        "ALTER TABLE accounts DROP CONSTRAINT accounts_pkey; ALTER TABLE accounts ADD PRIMARY KEY (id)",
        "ALTER TABLE accounts RENAME TO old; CREATE TABLE accounts (id int PRIMARY KEY, balance bigint); INSERT INTO accounts VALUES (1, 7), (2, 8)",
        "DROP TABLE accounts; ALTER TABLE old RENAME TO accounts",
    ] {
        keep(&db, &[1, 2, 9]).await;
        run(&db, change).await;
        assert_right(&db, [1, 2, 9], change).await;
        add(&db, 1, 1).await;
        assert_right(&db, [1, 2, 9], change).await;
    }
}

#[tokio::test]
async fn a_key_that_moves_to_another_column() {
    let (_test, db) = with(
        "CREATE TABLE items (id int PRIMARY KEY, other int NOT NULL UNIQUE, n int NOT NULL); \
         INSERT INTO items VALUES (1, 2, 0), (2, 1, 0)",
    )
    .await;
    let read = |column: &'static str, key: i32| {
        let query = db.sql(format!("SELECT n FROM items WHERE {column} = :key"));
        let read = query.bind("key", key).cached().ttl(super::LONG);
        async { read.fetch_scalar::<i32>().await.unwrap() }
    };
    let write = async |column: &str, key: i32| {
        let query = db.sql(format!("UPDATE items SET n = n + 1 WHERE {column} = :key"));
        assert_eq!(query.bind("key", key).execute().await.unwrap(), 1);
    };
    assert_eq!((read("id", 1).await, read("other", 1).await), (0, 0));
    // The row of the one key is not the row of the other.
    write("other", 1).await;
    assert_eq!((read("id", 2).await, read("other", 1).await), (1, 1));
    write("id", 1).await;
    assert_eq!((read("id", 1).await, read("other", 2).await), (1, 1));
    run(
        &db,
        "ALTER TABLE items DROP CONSTRAINT items_pkey; ALTER TABLE items ADD PRIMARY KEY (other)",
    )
    .await;
    assert_eq!((read("id", 1).await, read("other", 1).await), (1, 1));
    write("other", 2).await;
    assert_eq!((read("id", 1).await, read("other", 2).await), (2, 2));
    assert_eq!(hit(&db, read("other", 1)).await.1, 1);
}
