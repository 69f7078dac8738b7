//! What is advised about results, from what became of them.

use std::time::Duration;

use diesel::prelude::*;
use larder_cache::Clock;
use larder_database::{
    AdviceConfidence, CacheAdvice, CacheVerdict, Database, DatabaseOptions, ManualClock,
};
use larder_testing::TestDatabase;

use super::second_tier::{connected, options as redis, sharing, written};
use super::{LONG, accounts, balances};
use crate::support::{self, open, open_alone, until};

const SECOND: Duration = Duration::from_secs(1);

/// A database with accounts whose results live by a clock that the test moves, and to the
/// moment.
async fn timed(change: impl FnOnce(&mut DatabaseOptions)) -> (TestDatabase, Database, ManualClock) {
    let test = support::accounts().await;
    let (clock, time) = Clock::manual();
    let db = open_alone(&test, |options| {
        options.cache.clock = clock;
        options.cache.jitter = 0.0;
        options.cache.early_refresh = 0.0;
        options.cache.hot_writes = 0;
        change(options);
    })
    .await;
    (test, db, time)
}

/// Reads the balances, to be kept for so long.
async fn read(db: &Database, ttl: Duration) -> i64 {
    let query = accounts::table.select(accounts::balance);
    let read = db.cached(query.order(accounts::id)).ttl(ttl);
    read.load::<i64>().await.unwrap()[0]
}

async fn write(db: &Database) {
    let update = db.sql("UPDATE accounts SET balance = balance + 1 WHERE id = 1");
    update.execute().await.unwrap();
}

/// The only advice there is.
fn only(db: &Database) -> CacheAdvice {
    let mut advice = db.cache_advice();
    assert_eq!(advice.len(), 1, "{advice:#?}");
    advice.remove(0)
}

#[tokio::test]
async fn what_comes_back_unchanged_should_live_longer() {
    let (_test, db, time) = timed(|_| {}).await;
    for n in 0..40 {
        for _ in 0..3 {
            read(&db, SECOND * 10).await;
        }
        time.advance(SECOND * 11);
        if n < 25 {
            assert_eq!(db.cache_advice(), [], "too little was seen");
        }
    }
    let advice = only(&db);
    let CacheVerdict::Lengthen { from, to } = advice.verdict else {
        panic!("{advice}");
    };
    assert_eq!(from, SECOND * 10);
    // Without a write in seven minutes, nine of ten live five at least.
    assert_eq!(to, SECOND * 320);
    let seen = &advice.evidence;
    assert_eq!((seen.loads, seen.hits, seen.joined), (40, 80, 0));
    assert_eq!(
        (seen.nothing_kept, seen.time_up, seen.invalidated),
        (1, 39, 0)
    );
    assert_eq!((seen.unchanged, seen.changed, seen.lost), (39, 0, 0));
    assert_eq!(seen.followed_for, SECOND * 11 * 39);
    assert_eq!(
        (seen.ttl, seen.ttl_varies, seen.by_time),
        (from, false, false)
    );
    assert!(seen.load_time > Duration::ZERO && seen.bytes > 0);
    assert_eq!(seen.observed_for, SECOND * 11 * 40);
    assert_eq!(advice.confidence, AdviceConfidence::Low);
    // Of the 327 loads in an hour hardly any would be left.
    let saved = advice.saves.queries_per_hour;
    assert!(saved > 300.0 && saved < 327.3, "{saved}");
    let explained = db.explain_cache(
        accounts::table
            .select(accounts::balance)
            .order(accounts::id),
    );
    let explained = explained.await.unwrap();
    assert_eq!(advice.class, explained.fingerprint);
    assert_eq!(advice.statement, Some(explained.statement));
    let text = advice.to_string();
    assert!(text.starts_with("lengthen 10s to 320s "), "{text}");
    assert!(
        text.contains("39 of 39") && text.lines().count() == 2,
        "{text}"
    );
    let json = serde_json::to_value(&advice).unwrap();
    assert_eq!(json["verdict"]["lengthen"]["to"]["secs"], 320);
    assert_eq!(json["evidence"]["unchanged"], 39);
}

#[tokio::test]
async fn how_much_longer_is_known_from_the_writes() {
    let (_test, db, time) = timed(|_| {}).await;
    // A write comes with every fourth result, after six of its ten seconds.
    for n in 0..80 {
        read(&db, SECOND * 10).await;
        if n % 4 == 0 {
            time.advance(SECOND * 6);
            write(&db).await;
        } else {
            time.advance(SECOND * 11);
        }
    }
    let seen = db.cache_advice().remove(0);
    assert_eq!((seen.evidence.invalidated, seen.evidence.time_up), (20, 59));
    assert_eq!(seen.evidence.unused, 20, "no read was a hit");
    let CacheVerdict::Lengthen { to, .. } = seen.verdict else {
        panic!("{seen}");
    };
    assert!(to >= SECOND * 40 && to <= SECOND * 120, "{seen}");
}

#[tokio::test]
async fn what_is_invalidated_before_it_is_used_should_not_be_kept() {
    let (_test, db, time) = timed(|_| {}).await;
    for _ in 0..65 {
        read(&db, LONG).await;
        time.advance(SECOND * 5);
        write(&db).await;
        time.advance(SECOND * 5);
    }
    let advice = only(&db);
    assert_eq!(advice.verdict, CacheVerdict::DoNotCache, "{advice}");
    let seen = &advice.evidence;
    assert_eq!((seen.hits, seen.loads), (0, 65));
    assert_eq!((seen.invalidated, seen.unused, seen.time_up), (64, 64, 0));
    assert_eq!(seen.same_after_write, 0);
    assert!(
        seen.lifetime_median
            .is_some_and(|age| age >= SECOND * 10 && age < SECOND * 15)
    );
    assert!(advice.why.contains("64 of 64"), "{advice}");
}

#[tokio::test]
async fn what_serves_others_until_it_is_written_is_fine() {
    let (_test, db, time) = timed(|_| {}).await;
    for _ in 0..40 {
        for _ in 0..6 {
            read(&db, LONG).await;
            time.advance(SECOND * 2);
        }
        write(&db).await;
    }
    let advice = only(&db);
    assert_eq!(advice.verdict, CacheVerdict::Fine, "{advice}");
    assert!(advice.is_fine() && advice.why.contains("5.0 other reads"));
    assert_eq!(
        (advice.evidence.unused, advice.evidence.invalidated),
        (0, 39)
    );
}

#[tokio::test]
async fn what_is_asked_for_once_should_not_be_kept() {
    let (_test, db, time) = timed(|_| {}).await;
    for n in 0..200_i64 {
        let read = db.sql("SELECT count(*) FROM accounts WHERE balance > :least");
        let read = read.bind("least", n).cached().ttl(SECOND * 10);
        read.fetch_scalar::<i64>().await.unwrap();
        time.advance(SECOND * 3);
    }
    // The values do not tell classes apart.
    let advice = only(&db);
    assert_eq!(advice.verdict, CacheVerdict::DoNotCache, "{advice}");
    assert_eq!(advice.evidence.loads, 200);
    let first = advice.evidence.nothing_kept;
    assert!(
        (64..200).contains(&first),
        "not all keys are followed: {first}"
    );
    assert_eq!(advice.evidence.ended(), 0);
    assert!(!advice.to_string().contains("199"), "no values: {advice}");
}

#[tokio::test]
async fn what_is_written_too_often_to_be_kept_should_not_be_tried() {
    let (_test, db, time) = timed(|options| options.cache.hot_writes = 1).await;
    for _ in 0..70 {
        for _ in 0..3 {
            write(&db).await;
        }
        read(&db, LONG).await;
        time.advance(SECOND * 10);
    }
    let advice = only(&db);
    assert_eq!(advice.verdict, CacheVerdict::DoNotCache, "{advice}");
    assert!(advice.evidence.not_kept > 35, "{advice:#?}");
    assert!(advice.why.contains("could not be kept"), "{advice}");
}

#[tokio::test]
async fn what_changes_within_its_time_should_live_shorter() {
    let (_test, db, time) = timed(|_| {}).await;
    let now = || {
        let read = db.sql("SELECT clock_timestamp()::text");
        read.cached().ttl(SECOND * 30).allow_volatile()
    };
    for _ in 0..40 {
        for _ in 0..2 {
            let sum = db.sql("SELECT sum(balance)::int8 FROM accounts").cached();
            let sum = sum.ttl_only(SECOND * 60).fetch_scalar::<i64>();
            sum.await.unwrap();
            now().fetch_scalar::<String>().await.unwrap();
        }
        write(&db).await;
        time.advance(SECOND * 61);
    }
    let advice = db.cache_advice();
    assert_eq!(advice.len(), 2);
    for advice in advice {
        let CacheVerdict::Shorten { from, to } = advice.verdict else {
            panic!("{advice}");
        };
        assert!(to < from / 2 && to >= SECOND, "{advice}");
        let seen = &advice.evidence;
        assert!(seen.by_time);
        assert_eq!((seen.changed, seen.unchanged, seen.invalidated), (39, 0, 0));
        assert_eq!(seen.hits, 40);
        assert!(advice.saves.queries_per_hour < 0.0, "it costs something");
    }
}

#[tokio::test]
async fn writes_that_are_not_heard_of_are_told() {
    let (test, db, time) = timed(|_| {}).await;
    for n in 0..40 {
        read(&db, SECOND * 10).await;
        if n % 3 == 0 {
            // `db` hears of no other process.
            write(test.database()).await;
        }
        time.advance(SECOND * 11);
    }
    let advice = only(&db);
    assert!(
        matches!(advice.verdict, CacheVerdict::Shorten { .. }),
        "{advice}"
    );
    assert_eq!(
        (advice.evidence.changed, advice.evidence.unchanged),
        (13, 26)
    );
    assert_eq!(advice.evidence.invalidated, 0);
    assert!(advice.why.contains("writes past Larder"), "{advice}");
}

#[tokio::test]
async fn what_verifying_finds_wrong_is_told() {
    let (test, db, time) = timed(|options| {
        options.cache.shadow = 1.0;
        options.pool.size = 8;
    })
    .await;
    let query = accounts::table.select(accounts::balance);
    for _ in 0..30 {
        let read = db.cached(query.order(accounts::id)).ttl(LONG).refresh();
        read.load::<i64>().await.unwrap();
        time.advance(SECOND * 11);
    }
    let verify = async |enough: fn(u64, u64) -> bool| loop {
        balances(&db).await;
        tokio::task::yield_now().await;
        let seen = db.shadow_statistics();
        if enough(seen.equal, seen.violations) {
            return;
        }
    };
    let patience = support::PATIENCE;
    let verified = tokio::time::timeout(patience, verify(|equal, _| equal >= 30));
    verified.await.unwrap();
    assert!(only(&db).is_fine());
    write(test.database()).await;
    let found = tokio::time::timeout(patience, verify(|_, violations| violations >= 5));
    found.await.unwrap();
    let advice = only(&db);
    let shadow = db.shadow_statistics();
    assert!(
        matches!(advice.verdict, CacheVerdict::Shorten { .. }),
        "{advice}"
    );
    assert!(advice.evidence.violations >= 5 && advice.evidence.verified >= 35);
    assert!(advice.evidence.verified <= shadow.verified);
    assert_eq!(
        (advice.evidence.refreshed, advice.evidence.time_up),
        (29, 0)
    );
}

#[tokio::test]
async fn what_makes_room_too_early_needs_more() {
    let (_test, db, time) = timed(|options| options.cache.max_entries = 8).await;
    for _ in 0..10 {
        for n in 0..40_i64 {
            let read = db.sql("SELECT count(*) FROM accounts WHERE balance > :least");
            let read = read.bind("least", n).cached().ttl(LONG);
            read.fetch_scalar::<i64>().await.unwrap();
        }
        time.advance(SECOND * 40);
    }
    let advice = only(&db);
    assert_eq!(advice.verdict, CacheVerdict::MakeRoom, "{advice:#?}");
    let seen = &advice.evidence;
    assert_eq!(seen.nothing_kept, 40);
    assert_eq!(seen.lost + seen.hits, 360, "{seen:?}");
}

#[tokio::test]
async fn several_statements_are_a_class_by_their_name_and_rows_one_by_their_statement() {
    let (_test, db, time) = timed(|_| {}).await;
    for n in 0..40 {
        for _ in 0..2 {
            let arguments = n % 2;
            let read = db.cached_read("bank", "total", &arguments);
            let total = read.ttl(SECOND * 10).load(async move |conn| {
                let sum = larder_database::sql("SELECT sum(balance)::int8 FROM accounts");
                sum.fetch_scalar_on::<i64>(conn).await
            });
            total.await.unwrap();
            let many = db.cached_many([1, 2]).ttl(SECOND * 10).by(
                |missing| accounts::table.filter(accounts::id.eq_any(missing)),
                |account: &(i32, i64)| account.0,
            );
            assert_eq!(many.await.unwrap().len(), 2);
        }
        time.advance(SECOND * 11);
    }
    let advice = db.cache_advice();
    assert_eq!(advice.len(), 2, "{advice:#?}");
    for advice in advice {
        assert!(
            matches!(advice.verdict, CacheVerdict::Lengthen { .. }),
            "{advice}"
        );
        let seen = &advice.evidence;
        let ends = (seen.nothing_kept, seen.time_up, seen.unchanged);
        match &advice.statement {
            None => {
                assert_eq!(advice.class, "bank:total");
                assert_eq!((seen.loads, seen.hits), (40, 40));
                assert_eq!(ends, (2, 38, 0), "they are not compared");
            }
            Some(statement) => {
                assert!(statement.contains("any"), "{statement}");
                assert_eq!((seen.loads, seen.hits), (80, 80));
                assert_eq!(ends, (2, 78, 78));
            }
        }
    }
}

#[tokio::test]
async fn results_served_past_their_time_count_as_served() {
    let (_test, db, time) = timed(|_| {}).await;
    let sets = || db.cache_statistics().sets;
    for n in 1..=40 {
        let query = accounts::table.select(accounts::balance);
        let read = db.cached(query).ttl(SECOND * 10).stale_for(LONG);
        read.load::<i64>().await.unwrap();
        until("it is loaded in the background", || sets() == n).await;
        time.advance(SECOND * 11);
    }
    let advice = only(&db);
    let seen = &advice.evidence;
    assert_eq!((seen.loads, seen.hits), (40, 39));
    assert_eq!((seen.nothing_kept, seen.time_up), (1, 39));
}

#[tokio::test]
async fn what_redis_answers_is_told_apart() {
    let test = support::accounts().await;
    let one = sharing(&test).await;
    let (clock, time) = Clock::manual();
    let namespace = test.url().rsplit('/').next().unwrap().to_owned();
    let other = open(&test, |options| {
        options.redis = Some(redis());
        options.cache.namespace = namespace;
        options.cache.clock = clock;
    })
    .await;
    connected(&other).await;
    let all = async |db: &Database| {
        for n in 0..40_i64 {
            let read = db.sql("SELECT count(*) FROM accounts WHERE balance > :least");
            let read = read.bind("least", n).cached().ttl(LONG);
            read.fetch_scalar::<i64>().await.unwrap();
        }
    };
    all(&one).await;
    written(&one, 40).await;
    all(&other).await;
    time.advance(SECOND * 600);
    let counts = |advice: &CacheAdvice| {
        advice
            .statement
            .as_ref()
            .is_some_and(|text| text.contains("count"))
    };
    let advice = other.cache_advice().into_iter().find(counts);
    let seen = advice.unwrap().evidence;
    assert_eq!((seen.loads, seen.fetched), (40, 40));
    assert!(seen.fetch_time > Duration::ZERO && seen.load_time.is_zero());
}
