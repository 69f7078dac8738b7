//! Changes of definitions: the cache goes by what the names mean now.

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::{LONG, balances, cached_accounts, is_kept};
use crate::support::open;

#[tokio::test]
async fn a_table_made_again_is_another_one() {
    let (_test, db) = cached_accounts().await;
    balances(&db).await;
    db.session()
        .await
        .unwrap()
        .batch_execute(
            "DROP TABLE accounts; CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL); \
             INSERT INTO accounts VALUES (1, 1)",
        )
        .await
        .unwrap();
    assert_eq!(&*balances(&db).await, [1]);
    assert!(is_kept(&db).await);
    db.sql("UPDATE accounts SET balance = 2")
        .execute()
        .await
        .unwrap();
    assert_eq!(&*balances(&db).await, [2]);
}

#[tokio::test]
async fn a_view_that_is_defined_anew_depends_on_its_new_tables() {
    let (_test, db) = cached_accounts().await;
    db.session()
        .await
        .unwrap()
        .batch_execute(
            "CREATE TABLE others (total bigint); INSERT INTO others VALUES (5); \
             CREATE VIEW totals AS SELECT sum(balance)::int8 AS total FROM accounts",
        )
        .await
        .unwrap();
    let total = || {
        db.sql("SELECT total FROM totals")
            .cached()
            .ttl(LONG)
            .fetch_scalar::<i64>()
    };
    assert_eq!(total().await.unwrap(), 200);
    db.sql("CREATE OR REPLACE VIEW totals AS SELECT total FROM others")
        .execute()
        .await
        .unwrap();
    assert_eq!(total().await.unwrap(), 5);
    db.sql("UPDATE others SET total = 6")
        .execute()
        .await
        .unwrap();
    assert_eq!(total().await.unwrap(), 6);
}

#[tokio::test]
async fn a_trigger_that_comes_later_makes_writes_count_for_everything() {
    let (_test, db) = cached_accounts().await;
    db.session()
        .await
        .unwrap()
        .batch_execute("CREATE TABLE audit (n int); CREATE TABLE orders (id int)")
        .await
        .unwrap();
    let audits = || {
        db.sql("SELECT count(*) FROM audit")
            .cached()
            .ttl(LONG)
            .fetch_scalar::<i64>()
    };
    assert_eq!(audits().await.unwrap(), 0);
    db.sql("INSERT INTO orders VALUES (1)")
        .execute()
        .await
        .unwrap();
    let hits = db.cache_statistics().hits;
    assert_eq!(audits().await.unwrap(), 0);
    assert_eq!(db.cache_statistics().hits, hits + 1);
    db.session()
        .await
        .unwrap()
        .batch_execute(
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN INSERT INTO audit VALUES (1); RETURN NULL; END $$; \
             CREATE TRIGGER note AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION note()",
        )
        .await
        .unwrap();
    assert_eq!(audits().await.unwrap(), 0);
    db.sql("INSERT INTO orders VALUES (2)")
        .execute()
        .await
        .unwrap();
    assert_eq!(audits().await.unwrap(), 1);
}

#[tokio::test]
async fn rows_that_a_foreign_key_deletes_are_gone_from_the_cache() {
    let (_test, db) = cached_accounts().await;
    db.session()
        .await
        .unwrap()
        .batch_execute(
            "CREATE TABLE cards (account int REFERENCES accounts ON DELETE CASCADE); \
             INSERT INTO cards VALUES (1), (2)",
        )
        .await
        .unwrap();
    let cards = || {
        db.sql("SELECT count(*) FROM cards")
            .cached()
            .ttl(LONG)
            .fetch_scalar::<i64>()
    };
    assert_eq!(cards().await.unwrap(), 2);
    db.transaction(async |conn| {
        diesel::delete(super::accounts::table.find(1))
            .execute(conn)
            .await
    })
    .await
    .unwrap();
    assert_eq!(cards().await.unwrap(), 1);
}

#[tokio::test]
async fn a_table_that_another_process_made_is_found() {
    let (test, db) = cached_accounts().await;
    balances(&db).await;
    let other = super::other_process(&test).await;
    other
        .sql("CREATE TABLE fresh (n int)")
        .execute()
        .await
        .unwrap();
    let count = || {
        db.sql("SELECT count(*) FROM fresh")
            .cached()
            .ttl(LONG)
            .fetch_scalar::<i64>()
    };
    assert_eq!(count().await.unwrap(), 0);
    db.sql("INSERT INTO fresh VALUES (1)")
        .execute()
        .await
        .unwrap();
    assert_eq!(count().await.unwrap(), 1);
    let hits = db.cache_statistics().hits;
    count().await.unwrap();
    assert_eq!(db.cache_statistics().hits, hits + 1);
}

#[tokio::test]
async fn row_level_security_is_not_cached_without_a_scope() {
    let (test, db) = cached_accounts().await;
    let name: String = db
        .sql("SELECT current_database()::text")
        .fetch_scalar()
        .await
        .unwrap();
    // Superusers see all rows, so somebody else asks.
    let role = format!("{name}_reader");
    db.session()
        .await
        .unwrap()
        .batch_execute(&format!(
            "CREATE ROLE {role}; GRANT SELECT ON accounts TO {role}; \
             ALTER TABLE accounts ENABLE ROW LEVEL SECURITY"
        ))
        .await
        .unwrap();
    db.grant_log(&role).await.unwrap();
    let query = || super::accounts::table.select(super::accounts::balance);
    let owner = db.explain_cache(query()).await.unwrap();
    assert_eq!(owner.not_cached, None);
    let reader = open(&test, |options| {
        options.connect = options.connect.clone().setting("role", &role);
    })
    .await;
    let why = reader.explain_cache(query()).await.unwrap();
    let reason = why.not_cached.unwrap();
    assert!(reason.contains("row-level security"), "{reason}");
    let seen = reader
        .cached(query())
        .ttl(LONG)
        .load::<i64>()
        .await
        .unwrap();
    assert!(seen.is_empty() && reader.cache_statistics().sets == 0);
    reader.shutdown(LONG).await.unwrap();
    db.session()
        .await
        .unwrap()
        .batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
        .await
        .unwrap();
}
