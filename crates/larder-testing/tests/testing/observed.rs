//! What a block caused: its statements, and what became of its reads.

use std::time::Duration;

use larder_testing::ReadOrigin::{Hit, Joined, Loaded, Stale};
use larder_testing::{Database, TestDatabase, carry, sql};
use tokio::time::timeout;

use crate::menus::{MIGRATIONS, Menus, most, price};

/// Long enough for a busy machine, short enough to notice that something hangs.
const PATIENCE: Duration = Duration::from_secs(20);

async fn start() -> TestDatabase {
    TestDatabase::create(MIGRATIONS).await.unwrap()
}

#[tokio::test]
async fn statements_and_reads_of_a_block_are_counted() {
    let test = start().await;
    let db = test.database();
    let first = test.observe(price(db, 1)).await;
    assert_eq!((first.queries(), first.hits(), first.misses()), (1, 0, 1));
    let second = test
        .observe(async { (price(db, 1).await.unwrap(), price(db, 2).await.unwrap()) })
        .await;
    assert_eq!(second.output, (12, 30));
    assert_eq!(
        (second.queries(), second.hits(), second.misses()),
        (1, 1, 1)
    );
    assert_eq!(
        second.statements().collect::<Vec<_>>(),
        ["select price from menus where id = ?"]
    );
    second.assert_origins("menus", &[Hit, Loaded]);
    assert_eq!(second.reads().len(), 2);
    assert_eq!(second.origins("restaurants"), []);
}

#[tokio::test]
async fn a_transaction_counts_by_its_statements() {
    let test = start().await;
    let db = test.database();
    let observed = test
        .observe(db.transaction(async |conn| {
            sql("UPDATE menus SET price = 1").execute_on(conn).await?;
            sql("SELECT max(price) FROM menus")
                .fetch_scalar_on::<i64>(conn)
                .await
        }))
        .await;
    assert_eq!(observed.output.as_ref().unwrap(), &1);
    observed.assert_queries(2).assert_hits(0).assert_misses(0);
    // What others do meanwhile, and what was before, does not count.
    test.observe(async {}).await.assert_queries(0);
}

#[tokio::test]
async fn a_decorated_function_counts_with_what_its_body_reads() {
    let test = start().await;
    let menus = Menus::new(test.database());
    let first = test.observe(menus.total(7)).await;
    first.assert_queries(2).assert_hits(0).assert_misses(2);
    first
        .assert_origins("menus:total", &[Loaded])
        .assert_origins("menus", &[Loaded]);

    let kept = test.observe(menus.total(7)).await;
    kept.assert_queries(0).assert_hits(1).assert_misses(0);
    kept.assert_origins("menus:total", &[Hit]);

    // Of another restaurant: the read in its body is kept.
    let other = test.observe(menus.total(8)).await;
    other.assert_queries(1).assert_hits(1).assert_misses(1);
    other.assert_origins("menus", &[Hit]);

    let written = test
        .observe(async {
            menus.raise(7).await.unwrap();
            menus.total(7).await.unwrap()
        })
        .await;
    assert_eq!(written.output, 44);
    written.assert_queries(3).assert_hits(0);
}

#[tokio::test]
async fn work_that_is_spawned_counts_where_it_is_carried() {
    let test = start().await;
    let task = |id| {
        let db = test.database().clone();
        async move { price(&db, id).await.unwrap() }
    };
    let carried = test
        .observe(async { tokio::spawn(carry(task(1))).await.unwrap() })
        .await;
    carried.assert_queries(1).assert_misses(1);
    let left_alone = test
        .observe(async { tokio::spawn(task(2)).await.unwrap() })
        .await;
    left_alone.assert_queries(0).assert_misses(0);
    assert_eq!((carried.output, left_alone.output), (12, 30));
}

#[tokio::test]
async fn readers_at_one_moment_share_a_query() {
    let test = start().await;
    let db = test.database();
    let observed = test
        .observe(async { tokio::join!(most(db), most(db), most(db)) })
        .await;
    observed.assert_queries(1).assert_hits(2).assert_misses(1);
    let mut origins = observed.origins("menus");
    origins.sort_by_key(|origin| origin.as_str());
    assert_eq!(origins, [Joined, Joined, Loaded]);
}

#[tokio::test]
async fn the_innermost_block_counts() {
    let test = start().await;
    let db = test.database();
    let outer = test
        .observe(async {
            test.observe(price(db, 1)).await.assert_queries(1);
            price(db, 1).await.unwrap();
        })
        .await;
    outer.assert_queries(0).assert_hits(1);
}

/// Another number at each load, and served past its time.
async fn number(db: &Database) -> f64 {
    db.sql("SELECT random() + 0 * max(price) FROM menus")
        .cached()
        .allow_volatile()
        .stale_for(Duration::from_secs(60))
        .fetch_scalar()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_load_in_the_background_counts_when_the_block_has_waited_for_it() {
    let (test, time) = TestDatabase::create_timed(MIGRATIONS).await.unwrap();
    let db = test.database();
    let before = number(db).await;
    time.advance(Duration::from_secs(61));
    let refreshed = test
        .observe(timeout(PATIENCE, async {
            while number(db).await == before {
                tokio::task::yield_now().await;
            }
        }))
        .await;
    refreshed.output.as_ref().unwrap();
    refreshed.assert_queries(1).assert_misses(0);
    let origins = refreshed.origins("menus");
    assert_eq!((origins[0], origins[origins.len() - 1]), (Stale, Hit));
}
