//! Tables whose rows are not theirs alone: reads of them by key are right, whatever is written.

use std::sync::Arc;

use larder_database::Database;
use larder_sql::catalog::Declarations;

use super::{LONG, Shown, hit, is_kept, keep, open, run, with};

/// A column of the row of a relation by its key, through the cache or past it.
async fn row(db: &Database, relation: &str, id: i32, past: bool) -> Arc<[Shown]> {
    let (relation, column) = relation.rsplit_once('.').unwrap();
    let query = db.sql(format!(
        "SELECT coalesce({column}::text, '-') AS shown FROM {relation} WHERE id = :id"
    ));
    let read = query.bind("id", id).cached().ttl(LONG);
    let read = if past { read.bypass() } else { read };
    read.fetch().await.unwrap()
}

/// Checks that these rows are right after a write that has the parameter `id`, and that it has
/// changed one of them.
async fn assert_right_after(db: &Database, write: &str, id: i32, rows: &[(&str, i32)]) {
    let mut before = Vec::new();
    for (relation, row_id) in rows {
        before.push(row(db, relation, *row_id, false).await);
    }
    let statement = db.sql(write).bind("id", id);
    statement.execute().await.unwrap();
    let mut has_changed = false;
    for ((relation, row_id), before) in rows.iter().zip(before) {
        let truth = row(db, relation, *row_id, true).await;
        let served = row(db, relation, *row_id, false).await;
        assert_eq!(served, truth, "row {row_id} of {relation} after {write}");
        has_changed |= truth != before;
    }
    assert!(has_changed, "{write} changed something");
}

#[tokio::test]
async fn a_foreign_key_that_cascades_to_another_table() {
    let (_test, db) = with(
        "CREATE TABLE menus (id int PRIMARY KEY, city text); \
         CREATE TABLE dishes (id int PRIMARY KEY, menu int DEFAULT 3 REFERENCES menus ON DELETE CASCADE ON UPDATE CASCADE); \
         CREATE TABLE drinks (id int PRIMARY KEY, menu int REFERENCES menus ON DELETE SET NULL ON UPDATE SET NULL); \
         INSERT INTO menus VALUES (1, 'a'), (2, 'b'), (3, 'c'); \
         INSERT INTO dishes VALUES (1, 1), (2, 2); INSERT INTO drinks VALUES (1, 1), (2, 2)",
    )
    .await;
    let rows = [
        ("menus.city", 1),
        ("menus.city", 2),
        ("dishes.menu", 1),
        ("dishes.menu", 2),
        ("drinks.menu", 1),
        ("drinks.menu", 2),
    ];
    assert_right_after(&db, "DELETE FROM menus WHERE id = :id", 1, &rows).await;
    assert_right_after(&db, "UPDATE menus SET id = 9 WHERE id = :id", 2, &rows).await;
    // The other way round nothing cascades.
    row(&db, "menus.city", 3, false).await;
    let insert = db.sql("INSERT INTO dishes (id, menu) VALUES (:id, 3)");
    insert.bind("id", 7).execute().await.unwrap();
    assert!(hit(&db, row(&db, "menus.city", 3, false)).await.0);
}

#[tokio::test]
async fn a_foreign_key_that_comes_back_to_the_table() {
    let (_test, db) = with(
        "CREATE TABLE folders (id int PRIMARY KEY, parent int REFERENCES folders ON DELETE CASCADE); \
         INSERT INTO folders VALUES (1, NULL), (2, 1), (3, 2), (4, NULL); \
         CREATE TABLE hens (id int PRIMARY KEY, egg int); \
         CREATE TABLE eggs (id int PRIMARY KEY, hen int REFERENCES hens ON DELETE CASCADE); \
         ALTER TABLE hens ADD FOREIGN KEY (egg) REFERENCES eggs ON DELETE SET NULL; \
         INSERT INTO hens VALUES (1, NULL), (2, NULL); INSERT INTO eggs VALUES (1, 1), (2, 2); \
         UPDATE hens SET egg = 1 WHERE id = 2",
    )
    .await;
    let folders = [
        ("folders.parent", 1),
        ("folders.parent", 2),
        ("folders.parent", 3),
        ("folders.parent", 4),
    ];
    assert_right_after(&db, "DELETE FROM folders WHERE id = :id", 1, &folders).await;
    let hens = [
        ("hens.egg", 1),
        ("hens.egg", 2),
        ("eggs.hen", 1),
        ("eggs.hen", 2),
    ];
    assert_right_after(&db, "DELETE FROM hens WHERE id = :id", 1, &hens).await;
}

#[tokio::test]
async fn partitions() {
    let (_test, db) = with(
        "CREATE TABLE visits (id int PRIMARY KEY, n int) PARTITION BY RANGE (id); \
         CREATE TABLE visits_low PARTITION OF visits FOR VALUES FROM (0) TO (10); \
         CREATE TABLE visits_high PARTITION OF visits FOR VALUES FROM (10) TO (20); \
         INSERT INTO visits VALUES (1, 1), (11, 11)",
    )
    .await;
    let rows = [
        ("visits.n", 1),
        ("visits_low.n", 1),
        ("visits.n", 11),
        ("visits_high.n", 11),
        ("visits.n", 5),
        ("visits_low.n", 5),
        ("visits.n", 15),
    ];
    for (write, id) in [
        ("UPDATE visits SET n = n + 1 WHERE id = :id", 1),
        ("UPDATE visits_low SET n = n + 1 WHERE id = :id", 1),
        ("INSERT INTO visits (id, n) VALUES (:id, 5)", 5),
        ("INSERT INTO visits_high (id, n) VALUES (:id, 5)", 15),
        ("UPDATE visits SET id = 16 WHERE id = :id", 5),
        ("DELETE FROM visits_high WHERE id = :id", 11),
        ("UPDATE visits SET n = n + :id", 1),
    ] {
        assert_right_after(&db, write, id, &rows).await;
    }
}

#[tokio::test]
async fn tables_that_inherit() {
    let (_test, db) = with(
        "CREATE TABLE places (id int PRIMARY KEY, name text); \
         CREATE TABLE cities (PRIMARY KEY (id), people int) INHERITS (places); \
         INSERT INTO places VALUES (1, 'a'); INSERT INTO cities VALUES (1, 'b', 5), (2, 'c', 6)",
    )
    .await;
    let rows = [
        ("places.name", 1),
        ("places.name", 2),
        ("places.name", 3),
        ("cities.name", 1),
        ("cities.name", 2),
    ];
    for (write, id) in [
        ("UPDATE cities SET name = 'd' WHERE id = :id", 1),
        ("UPDATE places SET name = 'e' WHERE id = :id", 2),
        ("UPDATE ONLY places SET name = 'f' WHERE id = :id", 1),
        ("INSERT INTO cities (id, name) VALUES (:id, 'g')", 3),
        ("DELETE FROM places WHERE id = :id", 2),
    ] {
        assert_right_after(&db, write, id, &rows).await;
    }
}

#[tokio::test]
async fn views() {
    let (_test, db) = with(
        "CREATE VIEW rich AS SELECT * FROM accounts WHERE balance >= 50; \
         CREATE VIEW shifted AS SELECT id + 1 AS id, balance FROM accounts; \
         CREATE MATERIALIZED VIEW kept AS SELECT * FROM accounts",
    )
    .await;
    let rows = [
        ("accounts.balance", 1),
        ("accounts.balance", 2),
        ("rich.balance", 1),
        ("rich.balance", 2),
        ("shifted.balance", 2),
        ("shifted.balance", 3),
    ];
    for (write, id) in [
        ("UPDATE accounts SET balance = 70 WHERE id = :id", 1),
        ("UPDATE accounts SET balance = 7 WHERE id = :id", 2),
        ("UPDATE rich SET balance = 80 WHERE id = :id", 1),
        ("DELETE FROM rich WHERE id = :id", 1),
        ("INSERT INTO rich (id, balance) VALUES (:id, 90)", 1),
        ("UPDATE accounts SET balance = balance + :id", 1),
    ] {
        assert_right_after(&db, write, id, &rows).await;
    }
}

#[tokio::test]
async fn rules_and_triggers() {
    let (_test, db) = with(
        "CREATE TABLE ruled (id int PRIMARY KEY, n int); \
         CREATE RULE other AS ON DELETE TO ruled DO INSTEAD UPDATE ruled SET n = n + 100; \
         INSERT INTO ruled VALUES (1, 1), (2, 2); \
         CREATE TABLE triggered (id int PRIMARY KEY, n int); \
         INSERT INTO triggered VALUES (1, 1), (2, 2); \
         CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF pg_trigger_depth() = 1 THEN UPDATE triggered SET n = n + 100; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER other AFTER UPDATE ON triggered FOR EACH ROW EXECUTE FUNCTION other(); \
         CREATE TABLE moved (id int PRIMARY KEY, n int); \
         CREATE FUNCTION move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id = NEW.id + 10; RETURN NEW; END $$; \
         CREATE TRIGGER move BEFORE INSERT ON moved FOR EACH ROW EXECUTE FUNCTION move()",
    )
    .await;
    let ruled = [("ruled.n", 1), ("ruled.n", 2)];
    assert_right_after(&db, "DELETE FROM ruled WHERE id = :id", 1, &ruled).await;
    let triggered = [("triggered.n", 1), ("triggered.n", 2)];
    let update = "UPDATE triggered SET n = 0 WHERE id = :id";
    assert_right_after(&db, update, 1, &triggered).await;
    let moved = [("moved.n", 1), ("moved.n", 11)];
    let insert = "INSERT INTO moved (id, n) VALUES (:id, 0)";
    assert_right_after(&db, insert, 1, &moved).await;
}

#[tokio::test]
async fn a_trigger_of_which_is_declared_what_it_writes_may_change_the_key() {
    let (test, _) = with(
        "CREATE TABLE moved (id int PRIMARY KEY, n int); \
         CREATE FUNCTION move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id = NEW.id + 10; RETURN NEW; END $$; \
         CREATE TRIGGER move BEFORE INSERT ON moved FOR EACH ROW EXECUTE FUNCTION move()",
    )
    .await;
    let db = open(&test, |options| {
        let declared = Declarations::new().triggers_write("moved", ["accounts"]);
        options.cache.declarations = declared;
    })
    .await;
    let moved = [("moved.n", 1), ("moved.n", 11)];
    let insert = "INSERT INTO moved (id, n) VALUES (:id, 0)";
    assert_right_after(&db, insert, 1, &moved).await;
}

#[tokio::test]
async fn rows_that_a_policy_hides() {
    let (_test, db) = with(
        "CREATE TABLE secrets (id int PRIMARY KEY, n int); INSERT INTO secrets VALUES (1, 1), (2, 2); \
         ALTER TABLE secrets ENABLE ROW LEVEL SECURITY; ALTER TABLE secrets FORCE ROW LEVEL SECURITY; \
         CREATE POLICY few ON secrets USING (n < 5)",
    )
    .await;
    let secrets = [("secrets.n", 1), ("secrets.n", 2)];
    let update = "UPDATE secrets SET n = n + 1 WHERE id = :id";
    assert_right_after(&db, update, 1, &secrets).await;
}

#[tokio::test]
async fn another_table_of_the_same_name() {
    let (_test, db) = with(
        "CREATE SCHEMA shop; CREATE TABLE shop.accounts (LIKE public.accounts INCLUDING ALL); \
         INSERT INTO shop.accounts VALUES (1, 1), (2, 2)",
    )
    .await;
    keep(&db, &[1]).await;
    let update = db.sql("UPDATE shop.accounts SET balance = 5 WHERE id = :id");
    update.bind("id", 1).execute().await.unwrap();
    assert!(is_kept(&db, 1).await, "a row of another table");
    let rows = [("shop.accounts.balance", 1), ("public.accounts.balance", 1)];
    let update = "UPDATE shop.accounts SET balance = 6 WHERE id = :id";
    assert_right_after(&db, update, 1, &rows).await;
    run(&db, "DROP TABLE accounts").await;
    run(&db, "ALTER TABLE shop.accounts SET SCHEMA public").await;
    assert_eq!(super::balance(&db, 1).await, Some(6));
}
