//! Plans of slow statements, taken in the background.

use std::time::Duration;

use diesel::prelude::{ExpressionMethods, QueryDsl};
use diesel_async::RunQueryDsl;
use larder_database::{QuerySettings, Scope};

use crate::support::{database, explained, find, run, summary};

mod tables {
    diesel::table! {
        menus (id) {
            id -> BigInt,
        }
    }
}

use tables::menus;

/// Everything is slow, and plans are asked for as they come.
fn everything_is_slow(queries: &mut QuerySettings) {
    queries.slow_threshold = Duration::ZERO;
    queries.explain_per_minute = 6_000;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_statement_gets_a_plan_for_its_values_and_without_them() {
    let test = database(everything_is_slow).await;
    let db = test.database();
    run(
        db,
        &[
            "CREATE TABLE menus (id bigint PRIMARY KEY, name text)",
            "INSERT INTO menus SELECT n, 'dish ' || n FROM generate_series(1, 5000) n",
            "ANALYZE menus",
        ],
    )
    .await;
    let read = db
        .sql("SELECT name FROM menus WHERE id = :id AND name <> :secret AND name <> 'literal'")
        .bind("id", 4_711_i64)
        .bind("secret", "Ada");
    assert_eq!(read.fetch_scalar::<String>().await.unwrap(), "dish 4711");

    let plan = explained(db, "select name from menus").await.plan.unwrap();
    assert!(!plan.analyzed);
    let node = &plan.json[0]["Plan"];
    assert_eq!(node["Node Type"], "Index Scan", "{plan:#?}");
    let condition = node["Index Cond"].as_str().unwrap();
    assert!(condition.starts_with("(menus.id = ?"), "{condition}");
    assert_eq!(node["Schema"], "public", "{plan:#?}");
    assert_eq!(node.get("Output"), None, "{plan:#?}");
    let shown = format!("{} {}", plan.json, plan.text);
    for value in ["4711", "Ada", "literal"] {
        assert!(!shown.contains(value), "{shown}");
    }
    assert!(
        plan.text
            .starts_with("Index Scan using menus_pkey on menus"),
        "{}",
        plan.text
    );
    // Nobody's statement, and no connection was spoiled for it.
    assert!(find(db, "explain").is_none());
    assert_eq!(db.pool_status().invalidated, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_on_a_shared_connection_gets_a_plan_too() {
    let test = database(everything_is_slow).await;
    let db = test.database();
    run(db, &["CREATE TABLE menus (id bigint PRIMARY KEY)"]).await;
    assert!(db.open_lanes().await.unwrap() > 0);
    let found: Vec<i64> = menus::table
        .select(menus::id)
        .filter(menus::id.eq(7))
        .load(&mut db.reader())
        .await
        .unwrap();
    assert!(found.is_empty());
    assert_eq!(db.pool_status().lanes.reads, 1);
    let plan = explained(db, "from \"menus\" where").await.plan.unwrap();
    assert!(plan.text.contains("(menus.id = ?"), "{}", plan.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_explained_and_never_run_again() {
    let test = database(|queries| {
        everything_is_slow(queries);
        queries.explain_analyze = true;
    });
    let test = test.await;
    let db = test.database();
    run(
        db,
        &[
            "CREATE TABLE visits (id bigint)",
            "CREATE SEQUENCE visitors",
            "CREATE FUNCTION visit() RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT nextval('visitors') $$",
        ],
    )
    .await;
    for (sql, part, analyzed) in [
        ("INSERT INTO visits VALUES (1)", "insert into visits", false),
        ("UPDATE visits SET id = id + 1", "update visits", false),
        ("SELECT visit() AS visitor", "as visitor", false),
        (
            "SELECT id FROM visits WHERE id > 0",
            "select id from visits",
            true,
        ),
    ] {
        run(db, &[sql]).await;
        let plan = explained(db, part).await.plan.unwrap();
        assert_eq!(plan.analyzed, analyzed, "{part}");
        let has_times = plan.json[0]["Plan"].get("Actual Rows").is_some();
        assert_eq!(has_times, analyzed, "{part}: {plan:#?}");
    }
    let id = db.sql("SELECT id FROM visits").fetch_scalar::<i64>();
    assert_eq!(id.await.unwrap(), 2, "it was run again");
    let visitor = db
        .sql("SELECT last_value FROM visitors")
        .fetch_scalar::<i64>();
    assert_eq!(visitor.await.unwrap(), 1, "it was run again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_takes_no_connection_that_somebody_could_use() {
    let test = database(everything_is_slow).await;
    let db = test.database();
    let size = db.pool_status().size;
    let mut sessions = Vec::new();
    for _ in 0..size {
        sessions.push(db.session().await.unwrap());
    }
    let session = &mut sessions[0];
    diesel::sql_query("SELECT 1 AS busy")
        .execute(session)
        .await
        .unwrap();
    // Whoever asks for a plan now would wait, or have to open one more.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let status = db.pool_status();
    assert_eq!((status.in_use, status.waiting), (size, 0));
    assert_eq!(summary(db, "as busy").plan, None);
    drop(sessions);
    explained(db, "as busy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_takes_too_long_is_given_up_and_the_connection_is_as_before() {
    let test = database(|queries| {
        everything_is_slow(queries);
        queries.explain_timeout = Duration::from_millis(100);
    });
    let test = test.await;
    let db = test.database();
    // The planner runs what it takes for a constant.
    let function = "CREATE FUNCTION constant() RETURNS int LANGUAGE plpgsql IMMUTABLE AS \
        $$ BEGIN PERFORM pg_sleep(1); RETURN 7; END $$";
    run(db, &[function]).await;
    let slow = db.sql("SELECT constant() AS seven").fetch_scalar::<i32>();
    assert_eq!(slow.await.unwrap(), 7);
    let next = db.sql("SELECT 8 AS eight").fetch_scalar::<i32>();
    assert_eq!(next.await.unwrap(), 8);
    // Plans are taken one after the other.
    explained(db, "as eight").await;
    assert_eq!(summary(db, "as seven").plan, None);
    assert_eq!(db.pool_status().invalidated, 0);
    for session in 0..db.pool_status().size {
        let open = "SELECT current_setting('transaction_read_only') || current_setting('statement_timeout')";
        let found = db.sql(open).fetch_scalar::<String>().await.unwrap();
        assert_eq!(found, "off0", "{session}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_in_a_scope_is_explained_under_it() {
    let test = database(everything_is_slow).await;
    let db = test.database();
    let scoped = db.scoped(Scope::new().setting("app.limit", "12")).unwrap();
    // Outside of the scope the planner would find no such setting, and fail.
    let sql = "SELECT n AS scoped FROM generate_series(1, 100) n WHERE n < current_setting('app.limit')::int";
    let found = scoped.sql(sql).fetch_json().await.unwrap();
    assert_eq!(found.len(), 11);
    let plan = explained(db, "as scoped").await.plan.unwrap();
    assert!(
        plan.text.contains("current_setting(?::text)"),
        "{}",
        plan.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_explained_once_and_all_of_them_within_the_budget() {
    let test = database(|queries| {
        everything_is_slow(queries);
        queries.explain_per_minute = 1;
    });
    let test = test.await;
    let db = test.database();
    let read = |sql: &'static str| db.sql(sql).fetch_scalar::<i32>();
    read("SELECT 1 AS first").await.unwrap();
    let first = explained(db, "as first").await.plan.unwrap();
    read("SELECT 1 AS first").await.unwrap();
    read("SELECT 2 AS second").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(summary(db, "as first").plan, Some(first));
    assert_eq!(summary(db, "as second").plan, None, "beyond the budget");
    assert!(summary(db, "as second").example.is_some());
}
