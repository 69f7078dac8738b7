//! `#[larder::test]`: what a test is given, and what becomes of its database.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use larder::prelude::*;
use larder::services::MIGRATIONS;
use larder::testing::{TestCase, TestDatabase, no_migrations, run};

#[larder::test(migrations = "../migrations")]
async fn all_that_is_given_is_one_database(
    larder: Larder,
    database: Database,
    test: TestDatabase,
    reference: &Larder,
) -> larder::Result<()> {
    let name = "SELECT current_database()";
    let own: String = larder.db().sql(name).fetch_scalar().await?;
    for other in [&database, test.database(), reference.db()] {
        assert_eq!(other.sql(name).fetch_scalar::<String>().await?, own);
    }
    assert!(own.starts_with("larder_test_"));
    assert_eq!(larder.config().profile(), Profile::Test);
    let restaurants = larder.db().sql("SELECT count(*) FROM restaurants");
    assert_eq!(restaurants.fetch_scalar::<i64>().await?, 0);
    Ok(())
}

#[larder::test(settings("pool.size" = 3))]
async fn settings_stand_above_all_others(db: &Database) {
    assert_eq!(db.pool_status().size, 3);
    let tables = db.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'restaurants'");
    assert_eq!(tables.fetch_scalar::<i64>().await.unwrap(), 0);
}

#[larder::test(migrations = MIGRATIONS, flavor = "multi_thread", worker_threads = 2)]
async fn several_threads_are_several(_db: Database) {
    use tokio::runtime::{Handle, RuntimeFlavor};
    let handle = Handle::current();
    assert_eq!(handle.runtime_flavor(), RuntimeFlavor::MultiThread);
    assert_eq!(handle.metrics().num_workers(), 2);
}

#[larder::test]
#[should_panic(expected = "as it should")]
async fn a_panic_is_the_same_one_outside(_db: Database) {
    panic!("as it should");
}

/// Runs a test and gives the name of its database.
fn name_of_database(body: impl AsyncFnOnce(&Database)) -> String {
    let mut name = None;
    let case = TestCase::new("own_database::inner");
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        run(case, no_migrations(), async |fixture| {
            let database: Database = larder::testing::FromTest::from_test(fixture);
            let asked = database.sql("SELECT current_database()");
            name = Some(asked.fetch_scalar::<String>().await.unwrap());
            body(&database).await;
        });
    }));
    drop(outcome);
    name.unwrap()
}

fn is_there(name: String) -> bool {
    let mut found = None;
    run(TestCase::new("judge"), no_migrations(), async |fixture| {
        let database: Database = larder::testing::FromTest::from_test(fixture);
        let found_by = database.sql("SELECT count(*) FROM pg_database WHERE datname = :name");
        let count: i64 = found_by.bind("name", name).fetch_scalar().await.unwrap();
        found = Some(count == 1);
    });
    found.unwrap()
}

#[test]
fn the_database_is_gone_however_the_test_ends() {
    let ended = name_of_database(async |_| {});
    let panicked = name_of_database(async |_| panic!("in the test"));
    let left_in_use = name_of_database(async |database| {
        let session = database.session().await.unwrap();
        tokio::spawn(async move {
            let _session = session;
            std::future::pending::<()>().await;
        });
    });
    for name in [ended, panicked, left_in_use] {
        assert!(!is_there(name));
    }
}

/// What the variable says is done: it is set for the next test alone.
#[larder::test]
async fn fails_if_it_is_told_to(db: Database) -> Result<(), String> {
    let name: String = db
        .sql("SELECT current_database()")
        .fetch_scalar()
        .await
        .unwrap();
    println!("in {name}.");
    match std::env::var_os("LARDER_TEST_FAIL") {
        Some(_) => Err("as it was told".to_owned()),
        None => Ok(()),
    }
}

#[test]
fn the_database_of_a_test_that_failed_is_kept_if_that_is_asked() {
    for keep in ["", "0", "1"] {
        let failed = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "own_database::fails_if_it_is_told_to",
                "--nocapture",
            ])
            .env("LARDER_TEST_FAIL", "1")
            .env("LARDER_TEST_KEEP", keep)
            .output()
            .unwrap();
        assert!(!failed.status.success());
        let said = String::from_utf8_lossy(&failed.stdout).into_owned()
            + &String::from_utf8_lossy(&failed.stderr);
        let (_, rest) = said.split_once("in larder_test").unwrap();
        let name = format!("larder_test{}", rest.split_once('.').unwrap().0);
        let is_named = said.contains(&format!("its database is kept, with the name {name}"));
        assert_eq!(is_named, keep == "1", "{said}");
        assert_eq!(is_there(name.clone()), keep == "1");
        if keep == "1" {
            run(TestCase::new("judge"), no_migrations(), async |fixture| {
                let database: Database = larder::testing::FromTest::from_test(fixture);
                let drop = format!("DROP DATABASE {name} WITH (FORCE)");
                database.sql(drop).execute().await.unwrap();
            });
        }
    }
}
