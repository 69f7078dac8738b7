//! What other roles and other processes do: it is not run, not taken for broken, and not trusted
//! after a crash.

use std::time::Duration;

use chrono::Utc;
use larder_analysis::analyze;
use tokio_postgres::NoTls;

use crate::shop::{Shop, at_once};

#[tokio::test]
async fn what_another_role_has_written_never_runs_with_more_rights() {
    let shop = Shop::open().await;
    // It does harm as soon as a superuser has it planned, and none before.
    let trap = "
        CREATE ROLE intruder LOGIN PASSWORD 'intruder';
        CREATE SCHEMA trap AUTHORIZATION intruder;
        SET ROLE intruder;
        CREATE FUNCTION trap.harm() RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$
        BEGIN
          IF has_function_privilege('pg_stat_reset()', 'EXECUTE') THEN
            PERFORM pg_stat_reset();
          END IF;
          RETURN true;
        END $$";
    shop.client.batch_execute(trap).await.unwrap();
    shop.execute("SELECT trap.harm(); RESET ROLE").await;
    let mut options = at_once();
    options.thresholds.slow_statement = Duration::ZERO;
    options.thresholds.statement_calls = 1;
    let analysis = shop.analyze(&options).await;
    let reset =
        "SELECT stats_reset IS NULL FROM pg_stat_database WHERE datname = current_database()";
    let is_unharmed: bool = shop.client.query_one(reset, &[]).await.unwrap().get(0);
    assert!(is_unharmed, "the function ran as a superuser");
    let mut refused = analysis.not_checked.iter();
    let refused = refused.find(|one| one.why.contains("(intruder)"));
    let refused = refused.unwrap_or_else(|| panic!("{:#?}", analysis.not_checked));
    assert!(refused.codes.contains(&"index-missing"), "{refused:?}");
    assert!(refused.why.contains("rights of postgres"), "{refused:?}");
    assert!(refused.cure.contains("as that role"), "{refused:?}");
    // What was counted of it is told all the same.
    let is_of_trap = |(name, text): &(String, String)| name == "statement" && text.contains("trap");
    let mut slow = analysis.of_code("statement-slow");
    assert!(slow.any(|one| one.evidence.iter().any(is_of_trap)));

    // That role has its own statements planned.
    let database = shop.open_as("intruder", "intruder").await;
    let own = analyze(&database, &options).await.unwrap();
    assert!(own.statements_explained >= 1, "{:#?}", own.not_checked);
}

#[tokio::test]
async fn an_index_that_another_role_builds_is_not_taken_for_broken() {
    let shop = Shop::without_extensions().await;
    shop.execute(
        "CREATE ROLE reader LOGIN PASSWORD 'reader';
         CREATE TABLE busy (id int);
         CREATE TABLE coupons (code text);
         INSERT INTO coupons VALUES ('same'), ('same')",
    )
    .await;
    let failing = "CREATE UNIQUE INDEX CONCURRENTLY coupons_code ON coupons (code)";
    shop.client.batch_execute(failing).await.unwrap_err();
    let writer = shop.connect().await;
    writer
        .batch_execute("BEGIN; INSERT INTO busy VALUES (1)")
        .await
        .unwrap();
    let builder = shop.connect().await;
    let building = tokio::spawn(async move {
        let text = "CREATE INDEX CONCURRENTLY busy_id ON busy (id)";
        builder.batch_execute(text).await
    });
    // It waits for the writer, and is there without being valid.
    let waiting = async {
        let asked = "SELECT count(*) FROM pg_stat_progress_create_index
                     WHERE index_relid = to_regclass('busy_id')";
        while shop
            .client
            .query_one(asked, &[])
            .await
            .unwrap()
            .get::<_, i64>(0)
            == 0
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .unwrap();
    let mut options = at_once();
    options.only = vec!["index-invalid".to_owned()];
    let database = shop.open_as("reader", "reader").await;
    for database in [&database, &shop.database] {
        let analysis = analyze(database, &options).await.unwrap();
        let invalid = analysis.of_code("index-invalid").map(|one| &one.object);
        assert_eq!(invalid.collect::<Vec<_>>(), ["public.coupons_code"]);
    }
    writer.batch_execute("COMMIT").await.unwrap();
    building.await.unwrap().unwrap();
}

#[tokio::test]
async fn counters_that_a_crash_has_lost_are_as_young_as_the_crash() {
    let shop = Shop::without_extensions().await;
    let asked = "SELECT stats_reset::text FROM pg_stat_bgwriter";
    let before: String = shop.client.query_one(asked, &[]).await.unwrap().get(0);
    let victim = shop.connect().await;
    let crash = Utc::now();
    victim
        .batch_execute("COPY (SELECT 1) TO PROGRAM 'kill -9 $PPID'")
        .await
        .unwrap_err();
    // The postmaster goes on, and has the server recover.
    let recovered = async {
        loop {
            if let Ok((client, connection)) = tokio_postgres::connect(&shop.url(), NoTls).await {
                tokio::spawn(connection);
                let row = client.query_one(asked, &[]).await;
                if row.is_ok_and(|row| row.get::<_, String>(0) != before) {
                    return;
                }
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), recovered)
        .await
        .unwrap();
    let database = shop.open_again().await;
    let analysis = analyze(&database, &at_once()).await.unwrap();
    // It says when it was when it had asked.
    let most = (analysis.at - crash).as_seconds_f64();
    assert!(
        analysis.statistics_age <= most,
        "{} s old, and {most} s since the crash",
        analysis.statistics_age
    );
}
