//! What an assertion says when it fails, and where.

use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Arc, Mutex};
use std::thread;

use larder_testing::{Observed, ReadOrigin, TestDatabase};

use crate::menus::{MIGRATIONS, Menus, price};

/// The message of the panic that a check ends by, and the file where it came from.
fn failure(check: impl FnOnce()) -> (String, String) {
    // The hook is one for all threads.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap();
    let seen = Arc::new(Mutex::new(None));
    let (noted, here) = (Arc::clone(&seen), thread::current().id());
    let hook: Arc<dyn Fn(&PanicHookInfo<'_>) + Send + Sync> = Arc::from(panic::take_hook());
    let usual = Arc::clone(&hook);
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() != here {
            return usual(info);
        }
        let text = info.payload_as_str().unwrap_or_default().to_owned();
        let file = info.location().unwrap().file().to_owned();
        *noted.lock().unwrap() = Some((text, file));
    }));
    let ended = panic::catch_unwind(AssertUnwindSafe(check));
    panic::set_hook(Box::new(move |info| hook(info)));
    assert!(ended.is_err(), "it should have failed");
    seen.lock().unwrap().take().unwrap()
}

/// Two calls of a function, the second one kept, and a read that may not be kept.
async fn observed() -> Observed<()> {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let (db, menus) = (test.database(), Menus::new(test.database()));
    test.observe(async {
        menus.total(7).await.unwrap();
        menus.total(7).await.unwrap();
        price(db, 2).await.unwrap();
        let now = db.sql(
            "SELECT count(*) FROM menus WHERE id = 987654 AND price < :least AND now() IS NOT NULL",
        );
        let now = now.bind("least", 123_456_i64).cached();
        now.fetch_scalar::<i64>().await.unwrap();
    })
    .await
}

const ALL: &str = "\
4 statement(s)
  select max(price) from menus
  select least(?, sum(price))::int8 from menus where restaurant = ?
  select price from menus where id = ?
  select count(*) from menus where id = ? and price < ? and now() is not null
5 cached read(s)
  loaded    menus
  loaded    menus:total
  hit       menus:total
  loaded    menus
  bypassed  menus (not kept: its result changes by itself, because of now: \
    say allow_volatile() if it may stay as it was)";

#[tokio::test]
async fn a_failed_assertion_lists_statements_and_reads_where_the_test_stands() {
    let observed = observed().await;
    observed.assert_queries(4).assert_hits(1).assert_misses(4);

    let (text, file) = failure(|| {
        observed.assert_queries(3);
    });
    assert_eq!(text, format!("expected 3 statement(s), observed 4\n{ALL}"));
    assert_eq!(file, file!());
}

#[tokio::test]
async fn each_assertion_fails_by_its_own_number() {
    let observed = observed().await;
    let checks: [(&dyn Fn(), &str); 4] = [
        (
            &|| _ = observed.assert_hits(0),
            "expected 0 hit(s), observed 1",
        ),
        (
            &|| _ = observed.assert_misses(5),
            "expected 5 miss(es), observed 4",
        ),
        (
            &|| _ = observed.assert_origins("menus:total", &[ReadOrigin::Hit]),
            "expected of the reads named \"menus:total\" [hit], observed [loaded, hit]",
        ),
        (
            &|| _ = observed.assert_origins("menus:none", &[ReadOrigin::Hit]),
            "expected of the reads named \"menus:none\" [hit], observed []",
        ),
    ];
    for (check, begins) in checks {
        let (text, file) = failure(check);
        assert_eq!(text, format!("{begins}\n{ALL}"));
        assert_eq!(file, file!());
    }
}
