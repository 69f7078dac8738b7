//! The role of a scope: what it may, what names mean to it, and that the log is written all the
//! same.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_database::{Error, Scope, sql};

use super::{Shop, documents, is_kept, tenant, why};
use crate::support::accounts::dsl as accounts;
use crate::support::until;

const WHO: &str = "SELECT current_user::text";

#[tokio::test]
async fn statements_run_as_the_role() {
    let shop = Shop::open().await;
    let db = shop.alone(|_| {}).await;
    let reader = db.scoped(Scope::new().role(&shop.reader)).unwrap();
    let who: String = reader.sql(WHO).fetch_scalar().await.unwrap();
    assert_eq!(who, shop.reader);
    let who = reader.transaction(async |conn| sql(WHO).fetch_scalar_on::<String>(conn).await);
    assert_eq!(who.await.unwrap(), shop.reader);
    let who: String = db.sql(WHO).fetch_scalar().await.unwrap();
    assert_eq!(who, shop.app);
    shop.admin(&format!("REVOKE UPDATE ON accounts FROM {}", shop.reader))
        .await;
    let update = "UPDATE accounts SET balance = 1 WHERE id = 1";
    let refused = reader.sql(update).execute().await.unwrap_err();
    assert_eq!(refused.sql_state().unwrap().as_str(), "42501");
    db.sql(update).execute().await.unwrap();
    shop.remove().await;
}

/// A schema that the login may not look into, and the role may.
#[tokio::test]
async fn what_only_the_role_may_see_can_be_prepared() {
    let shop = Shop::open().await;
    shop.admin(&format!(
        "CREATE SCHEMA hidden; CREATE TABLE hidden.t (n int); INSERT INTO hidden.t VALUES (1);
         GRANT USAGE ON SCHEMA hidden TO {0}; GRANT SELECT, UPDATE ON hidden.t TO {0};
         ALTER ROLE {1} NOINHERIT",
        shop.reader, shop.app
    ))
    .await;
    let db = shop.alone(|_| {}).await;
    let reader = db.scoped(Scope::new().role(&shop.reader)).unwrap();
    let read = "SELECT n::bigint FROM hidden.t WHERE n = :n";
    let seen: i64 = reader.sql(read).bind("n", 1).fetch_scalar().await.unwrap();
    assert_eq!(seen, 1);
    let update = reader.sql("UPDATE hidden.t SET n = :n").bind("n", 1);
    assert_eq!(update.execute().await.unwrap(), 1);
    db.sql(read).bind("n", 1).execute().await.unwrap_err();
    shop.remove().await;
}

/// The role has no right to the log; the row of the log is written by the login.
#[tokio::test]
async fn the_log_is_written_whatever_the_role_may() {
    let shop = Shop::open().await;
    let (db, other) = (shop.process().await, shop.process().await);
    let reader = db
        .scoped(Scope::new().tenant("a").role(&shop.reader))
        .unwrap();
    let log = "SELECT has_schema_privilege(current_user, 'larder', 'USAGE')";
    assert!(!reader.sql(log).fetch_scalar::<bool>().await.unwrap());
    let kept = tenant(&other, "a");
    is_kept(&kept).await;
    assert!(is_kept(&kept).await);
    let heard = other.follower_statistics().unwrap().rows;
    let rows = || {
        db.sql("SELECT count(*) FROM larder.invalidation")
            .fetch_scalar::<i64>()
    };
    let before = rows().await.unwrap();
    // By itself, in a transaction, and through Diesel.
    reader
        .sql("UPDATE documents SET body = 'new' WHERE id = 1")
        .execute()
        .await
        .unwrap();
    reader
        .transaction(async |conn| {
            diesel::update(documents::table.find(2))
                .set(documents::body.eq("newer"))
                .execute(conn)
                .await?;
            // As who it goes on: the role is itself again for what is deferred to the commit.
            let who: String = sql(WHO).fetch_scalar_on(conn).await?;
            assert_eq!(who, shop.reader);
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    let mut session = reader.session().await.unwrap();
    diesel::update(accounts::accounts.find(1))
        .set(accounts::balance.eq(5))
        .execute(&mut session)
        .await
        .unwrap();
    drop(session);
    assert_eq!(rows().await.unwrap() - before, 3);
    until("the other process has heard of it", || {
        other.follower_statistics().unwrap().rows > heard
    })
    .await;
    assert!(!is_kept(&kept).await);
    shop.remove().await;
}

/// Deferred work of a commit is the role's, not that of whoever writes the log.
#[tokio::test]
async fn what_is_deferred_to_the_commit_is_done_as_the_role() {
    let shop = Shop::open().await;
    shop.admin(
        "CREATE TABLE seen (who text); GRANT ALL ON seen TO PUBLIC;
         CREATE FUNCTION note_who() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO seen VALUES (current_user); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER who AFTER UPDATE ON accounts DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION note_who()",
    )
    .await;
    let db = shop.process().await;
    let reader = db.scoped(Scope::new().role(&shop.reader)).unwrap();
    let update = "UPDATE accounts SET balance = 1 WHERE id = 1";
    reader.sql(update).execute().await.unwrap();
    reader
        .transaction(async |conn| sql(update).execute_on(conn).await)
        .await
        .unwrap();
    let seen: Vec<serde_json::Value> = db.sql("SELECT who FROM seen").fetch_json().await.unwrap();
    let role = serde_json::json!({ "who": shop.reader });
    assert_eq!(seen, [role.clone(), role]);
    shop.remove().await;
}

/// Under a name the role may find another table than the login.
#[tokio::test]
async fn a_role_that_sees_other_schemas_is_not_cached_and_its_writes_count_for_all() {
    let shop = Shop::open().await;
    shop.admin(&format!(
        "CREATE SCHEMA {0}; CREATE TABLE {0}.documents (id int, tenant text, body text);
         GRANT USAGE ON SCHEMA {0} TO {0}; GRANT ALL ON {0}.documents TO {0}",
        shop.reader
    ))
    .await;
    let db = shop.alone(|_| {}).await;
    let (a, strange) = (
        tenant(&db, "a"),
        db.scoped(Scope::new().tenant("a").role(&shop.reader))
            .unwrap(),
    );
    let reason = why(&strange).await.unwrap();
    assert!(reason.contains("other schemas"), "{reason}");
    assert!(!is_kept(&strange).await && !is_kept(&strange).await);
    assert_eq!(why(&a).await, None);
    is_kept(&a).await;
    assert!(is_kept(&a).await);
    strange
        .sql("INSERT INTO documents VALUES (1, 'a', 'x')")
        .execute()
        .await
        .unwrap();
    assert!(!is_kept(&a).await);
    shop.remove().await;
}

#[tokio::test]
async fn results_of_one_role_are_not_those_of_another() {
    let shop = Shop::open().await;
    let db = shop.alone(|_| {}).await;
    shop.admin(&format!(
        "CREATE POLICY all_of_it ON documents TO {} USING (true); ALTER ROLE {} NOINHERIT",
        shop.reader, shop.app
    ))
    .await;
    let a = tenant(&db, "a");
    let reader = a.scoped(Scope::new().role(&shop.reader)).unwrap();
    for _ in 0..2 {
        assert_eq!(super::cached_count(&a).await, 3);
        assert_eq!(super::cached_count(&reader).await, 5);
    }
    assert_eq!(db.cache_statistics().hits, 2);
    // Its writes are known by name: others of other tables stay.
    let update = "UPDATE accounts SET balance = 1 WHERE id = 1";
    reader.sql(update).execute().await.unwrap();
    assert!(is_kept(&a).await);
    shop.remove().await;
}
