//! Results get old when the test says so, to the moment.

use std::time::Duration;

use larder_testing::{Database, DatabaseOptions, ReadOrigin, TestDatabase, observe, stop_clock};

use crate::menus::{MIGRATIONS, Menus, price};

const SECOND: Duration = Duration::from_secs(1);

/// As many different reads as it takes to notice one that ends by chance.
async fn read_many(db: &Database) {
    for n in 0..100 {
        db.sql("SELECT count(*) FROM menus WHERE id > :n")
            .bind("n", n)
            .cached()
            .fetch_scalar::<i64>()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn results_live_until_the_test_has_moved_the_clock_past_their_time() {
    let (test, time) = TestDatabase::create_timed(MIGRATIONS).await.unwrap();
    let db = test.database();
    test.observe(read_many(db)).await.assert_queries(100);
    time.advance(SECOND * 59);
    test.observe(read_many(db)).await.assert_hits(100);
    time.advance(SECOND);
    let observed = test.observe(read_many(db)).await;
    observed.assert_hits(0).assert_queries(100);
}

#[tokio::test]
async fn a_decorated_function_lives_by_the_clock_too() {
    let (test, time) = TestDatabase::create_timed(MIGRATIONS).await.unwrap();
    let menus = Menus::new(test.database());
    test.observe(menus.total(7)).await.assert_queries(2);
    time.advance(SECOND * 599);
    test.observe(menus.total(7)).await.assert_queries(0);
    time.advance(SECOND);
    let observed = test.observe(menus.total(7)).await;
    observed.assert_origins("menus:total", &[ReadOrigin::Loaded]);
    assert_eq!(observed.output.unwrap(), 42);
}

#[tokio::test]
async fn what_takes_long_to_load_is_not_loaded_before_its_time() {
    let (test, time) = TestDatabase::create_timed(MIGRATIONS).await.unwrap();
    let db = test.database();
    for n in 0..20 {
        let slow = || {
            db.cached_call("slow").argument(&n).run(async {
                time.advance(SECOND * 30);
                price(db, 1).await
            })
        };
        slow().await.unwrap();
        time.advance(SECOND * 29);
        test.observe(slow()).await.assert_hits(1).assert_misses(0);
    }
}

#[tokio::test]
async fn a_table_that_a_test_fills_is_kept_from_at_once() {
    let (test, _time) = TestDatabase::create_timed(MIGRATIONS).await.unwrap();
    let menus = Menus::new(test.database());
    // More than count as too many a second, whatever the machine has to do.
    let db = test.database();
    for _ in 0..1_500 {
        db.sql("UPDATE menus SET price = 7")
            .execute()
            .await
            .unwrap();
    }
    menus.total(7).await.unwrap();
    test.observe(menus.total(7)).await.assert_hits(1);
}

#[tokio::test]
async fn a_busy_machine_makes_nothing_go() {
    let (test, _time) = TestDatabase::create_timed(MIGRATIONS).await.unwrap();
    let db = test.database();
    price(db, 1).await.unwrap();
    // This is the only thread of the runtime: meanwhile nobody looks at the log.
    std::thread::sleep(SECOND * 3 / 2);
    test.observe(price(db, 1)).await.assert_hits(1);
}

#[tokio::test]
async fn options_are_changed_beside_the_clock() {
    let change = |options: &mut DatabaseOptions| options.cache.ttl = SECOND * 5;
    let (test, time) = TestDatabase::create_timed_with(MIGRATIONS, change)
        .await
        .unwrap();
    let db = test.database();
    test.observe(price(db, 1)).await.assert_misses(1);
    time.advance(SECOND * 4);
    test.observe(price(db, 1)).await.assert_hits(1);
    time.advance(SECOND);
    test.observe(price(db, 1)).await.assert_misses(1);
}

#[tokio::test]
async fn a_database_that_the_test_opens_has_a_clock_of_its_own() {
    let (test, time) = TestDatabase::create_timed(MIGRATIONS).await.unwrap();
    if test.is_embedded() {
        return; // It has one connection, and the other database could have none.
    }
    let mut options = DatabaseOptions::from_url(test.url()).unwrap();
    let others_time = stop_clock(&mut options);
    let other = Database::open(options).await.unwrap();
    for db in [test.database(), &other] {
        price(db, 1).await.unwrap();
        observe(db, price(db, 1)).await.assert_hits(1);
    }
    others_time.advance(SECOND * 60);
    observe(&other, price(&other, 1)).await.assert_misses(1);
    test.observe(price(test.database(), 1)).await.assert_hits(1);
    time.advance(SECOND * 60);
    test.observe(price(test.database(), 1))
        .await
        .assert_misses(1);
}
