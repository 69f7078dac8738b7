//! Decorated functions that call others: what the inner one rests on, the outer one rests on.

use std::time::Duration;

use larder::{cache_put, cached};
use larder_database::{Database, Error};

use super::{Runs, Stop, execute, explained, number, opened, tables_of, timed};

#[cached(ttl = "1h", tags("inner"), skip(runs))]
async fn inner(db: &Database, runs: &Runs) -> Result<i64, Error> {
    runs.ran();
    number(db, "SELECT sum(balance)::bigint FROM accounts").await
}

#[cached(ttl = "1h", skip(inner_runs, runs))]
async fn outer(db: &Database, inner_runs: &Runs, runs: &Runs) -> Result<i64, Error> {
    runs.ran();
    let sum = inner(db, inner_runs).await?;
    Ok(sum + number(db, "SELECT count(*) FROM notes").await?)
}

#[cached(ttl = "1h", skip(inner_runs, outer_runs, runs))]
async fn outermost(
    db: &Database,
    inner_runs: &Runs,
    outer_runs: &Runs,
    runs: &Runs,
) -> Result<i64, Error> {
    runs.ran();
    Ok(outer(db, inner_runs, outer_runs).await? * 10)
}

#[tokio::test]
async fn a_hit_inside_passes_on_what_its_entry_rests_on() {
    let (_test, db) = opened().await;
    let all: [Runs; 3] = Default::default();
    let [inner_runs, outer_runs, runs] = &all;
    let counts = || all.each_ref().map(Runs::count);
    inner(&db, inner_runs).await.unwrap();
    outer(&db, inner_runs, outer_runs).await.unwrap();
    let call = || outermost(&db, inner_runs, outer_runs, runs);
    let why = explained(&db, call()).await;
    assert_eq!(counts(), [1, 1, 1], "those inside were kept");
    assert_eq!(why.not_cached, None);
    assert_eq!(
        tables_of(&why),
        (vec!["public.accounts", "public.notes"], vec![]),
        "{why}"
    );
    // Only the innermost has read it.
    execute(&db, "UPDATE accounts SET balance = 50").await;
    assert_eq!(call().await.unwrap(), 1_010);
    assert_eq!(counts(), [2, 2, 2]);
    // The innermost has not read it, and stays.
    execute(&db, "INSERT INTO notes (text) VALUES ('two')").await;
    assert_eq!(call().await.unwrap(), 1_020);
    assert_eq!(counts(), [2, 3, 3]);
    db.invalidate().tag("inner").await.unwrap();
    assert_eq!(call().await.unwrap(), 1_020);
    assert_eq!(counts(), [3, 4, 4], "a tag of what it was given");
    execute(&db, "INSERT INTO others VALUES (1)").await;
    call().await.unwrap();
    assert_eq!(counts(), [3, 4, 4]);
}

#[tokio::test]
async fn one_inside_that_must_not_be_kept_keeps_none_around_it() {
    #[cached(ttl = "1h")]
    async fn moving(db: &Database) -> Result<i64, Error> {
        number(db, "SELECT floor(random() * 1e15)::bigint").await
    }
    #[cached(ttl = "1h")]
    async fn around(db: &Database) -> Result<i64, Error> {
        moving(db).await
    }
    let (_test, db) = opened().await;
    let why = explained(&db, around(&db)).await;
    assert!(why.not_cached.is_some(), "{why}");
    assert_ne!(around(&db).await.unwrap(), around(&db).await.unwrap());
}

#[tokio::test]
async fn one_inside_that_writes_keeps_none_around_it() {
    #[cache_put(ttl = "1h", name = "price")]
    async fn raise(db: &Database) -> Result<i64, Error> {
        let raised = db.sql("UPDATE prices SET price = price + 1 RETURNING price");
        Ok(raised.returning::<Price>().await?[0].price)
    }
    #[cached(ttl = "1h")]
    async fn around(db: &Database) -> Result<i64, Error> {
        raise(db).await
    }
    #[derive(diesel::QueryableByName)]
    struct Price {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        price: i64,
    }
    let (_test, db) = opened().await;
    for then in [8, 9] {
        let why = explained(&db, async {
            assert_eq!(around(&db).await.unwrap(), then, "it runs each time");
        });
        let why = why.await.not_cached;
        assert!(
            why.as_deref().is_some_and(|why| why.contains("write")),
            "{why:?}"
        );
    }
}

#[tokio::test]
async fn what_one_inside_read_counts_although_it_failed() {
    #[cached(ttl = "1h")]
    async fn found(db: &Database, id: i32) -> Result<i64, Error> {
        super::balance(db, id).await
    }
    #[cached(ttl = "1h", skip(runs))]
    async fn balance_or_none(db: &Database, id: i32, runs: &Runs) -> Option<i64> {
        runs.ran();
        found(db, id).await.ok()
    }
    let (_test, db) = opened().await;
    let runs = Runs::default();
    for _ in 0..2 {
        assert_eq!(balance_or_none(&db, 9, &runs).await, None);
    }
    let once = runs.count();
    execute(&db, "INSERT INTO accounts VALUES (9, 9)").await;
    assert_eq!(balance_or_none(&db, 9, &runs).await, Some(9));
    assert_eq!(once, 1, "that nothing is there is kept");
}

#[tokio::test]
async fn what_was_made_of_something_past_its_time_is_not_kept() {
    #[cached(ttl = "10s", stale_for = "1h", skip(stop))]
    async fn slow(db: &Database, stop: &Stop) -> Result<i64, Error> {
        stop.pass().await;
        number(db, "SELECT count(*) FROM accounts").await
    }
    #[cached(ttl = "1h", skip(stop, runs))]
    async fn around(db: &Database, stop: &Stop, runs: &Runs) -> Result<i64, Error> {
        runs.ran();
        slow(db, stop).await
    }
    let (_test, db, time) = timed().await;
    let (stop, runs) = (Stop::new(), Runs::default());
    stop.let_one_go();
    slow(&db, &stop).await.unwrap();
    stop.reached().await;
    time.advance(Duration::from_secs(11));
    let refreshing = tokio::spawn({
        let (db, stop) = (db.clone(), stop.clone());
        async move { slow(&db, &stop).await }
    });
    stop.reached().await;
    let why = explained(&db, around(&db, &stop, &runs)).await;
    let why = why.not_cached.unwrap();
    assert!(why.contains("past its time"), "{why}");
    stop.let_one_go();
    refreshing.await.unwrap().unwrap();
    around(&db, &stop, &runs).await.unwrap();
    assert_eq!(runs.count(), 2);
    around(&db, &stop, &runs).await.unwrap();
    assert_eq!(runs.count(), 2, "of something fresh it is kept");
}

#[tokio::test]
async fn what_is_right_for_its_time_alone_bounds_the_time_of_what_is_made_of_it() {
    #[cached(ttl = "10s", allow_volatile)]
    async fn moving(db: &Database) -> Result<i64, Error> {
        number(db, "SELECT floor(random() * 1e15)::bigint").await
    }
    #[cached(ttl = "1h", skip(runs))]
    async fn around(db: &Database, way: &str, runs: &Runs) -> Result<i64, Error> {
        runs.ran();
        let rough = db.sql("SELECT sum(balance)::bigint FROM accounts").cached();
        match way {
            "volatile" => moving(db).await,
            _ => rough.ttl_only(Duration::from_secs(10)).fetch_scalar().await,
        }
    }
    let (_test, db, time) = timed().await;
    for way in ["volatile", "for its time"] {
        let runs = Runs::default();
        // It begins here, and is four seconds old when the other one is made of it.
        around(&db, way, &runs).await.unwrap();
        db.invalidate().service("nobody").await.unwrap();
        time.advance(Duration::from_secs(9));
        let before = around(&db, way, &runs).await.unwrap();
        assert_eq!(runs.count(), 1, "{way}");
        execute(&db, "UPDATE accounts SET balance = balance + 1").await;
        assert_eq!(around(&db, way, &runs).await.unwrap(), before);
        assert_eq!(runs.count(), 1, "{way}: no write makes it go");
        time.advance(Duration::from_secs(2));
        assert_ne!(around(&db, way, &runs).await.unwrap(), before);
        assert_eq!(runs.count(), 2, "{way}");
    }
}

#[tokio::test]
async fn the_time_that_is_left_is_what_bounds_it() {
    #[cached(ttl = "10s", allow_volatile)]
    async fn moving(db: &Database) -> Result<i64, Error> {
        number(db, "SELECT floor(random() * 1e15)::bigint").await
    }
    #[cached(ttl = "1h")]
    async fn around(db: &Database) -> Result<i64, Error> {
        moving(db).await
    }
    let (_test, db, time) = timed().await;
    let first = moving(&db).await.unwrap();
    time.advance(Duration::from_secs(6));
    assert_eq!(around(&db).await.unwrap(), first);
    time.advance(Duration::from_secs(5));
    assert_ne!(
        around(&db).await.unwrap(),
        first,
        "it is eleven seconds old"
    );
}
