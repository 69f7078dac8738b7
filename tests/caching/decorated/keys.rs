//! What tells results of decorated functions apart, and which of them are kept at all.

use std::fmt::Display;
use std::hash::Hash;
use std::time::Duration;

use larder::cached;
use larder::services::CachedCalls;
use larder_database::{Database, Error};

use super::{Bank, Runs, balance, number, opened, set_balance, timed};

mod first {
    use super::*;

    #[cached(ttl = "1h")]
    pub(super) async fn total(db: &Database) -> Result<i64, Error> {
        number(db, "SELECT sum(balance)::bigint FROM accounts").await
    }
}

mod second {
    use super::*;

    #[cached(ttl = "1h")]
    pub(super) async fn total(db: &Database) -> Result<i64, Error> {
        number(db, "SELECT count(*) FROM owners").await
    }
}

#[tokio::test]
async fn functions_of_one_name_in_two_modules_do_not_share() {
    let (_test, db) = opened().await;
    for _ in 0..2 {
        assert_eq!(first::total(&db).await.unwrap(), 200);
        assert_eq!(second::total(&db).await.unwrap(), 2);
    }
    assert_eq!(db.cache_statistics().hits, 2);
}

#[cached(ttl = "1h", skip(runs))]
async fn joined_texts(db: &Database, left: &str, right: &str, runs: &Runs) -> String {
    runs.ran();
    let accounts = number(db, "SELECT count(*) FROM accounts").await.unwrap();
    format!("{left}|{right}|{accounts}")
}

#[cached(ttl = "1h", skip(runs))]
async fn shown<T: Display + Hash>(db: &Database, value: T, runs: &Runs) -> String {
    let accounts = number(db, "SELECT count(*) FROM accounts").await.unwrap();
    format!(
        "{} {value} {accounts} {}",
        std::any::type_name::<T>(),
        runs.ran()
    )
}

#[tokio::test]
async fn other_arguments_and_types_are_other_results() {
    let (_test, db) = opened().await;
    let runs = Runs::default();
    for _ in 0..2 {
        assert_eq!(joined_texts(&db, "a", "bc", &runs).await, "a|bc|2");
        assert_eq!(joined_texts(&db, "ab", "c", &runs).await, "ab|c|2");
        assert_eq!(joined_texts(&db, "", "abc", &runs).await, "|abc|2");
    }
    assert_eq!(runs.count(), 3);
    let runs = Runs::default();
    for _ in 0..2 {
        // Their bytes are the same.
        assert_eq!(shown(&db, 1_u32, &runs).await, "u32 1 2 1");
        assert_eq!(shown(&db, 1_i32, &runs).await, "i32 1 2 2");
        assert_eq!(shown(&db, "1", &runs).await, "&str 1 2 3");
        assert_eq!(
            shown(&db, "1".to_owned(), &runs).await,
            "alloc::string::String 1 2 4"
        );
    }
    assert_eq!(runs.count(), 4);
}

#[tokio::test]
async fn a_tag_that_an_argument_decides_makes_only_those_go() {
    #[cached(ttl = "1h", tags("branch:{branch}"), skip(runs))]
    async fn of_branch(db: &Database, branch: u8, runs: &Runs) -> Result<i64, Error> {
        runs.ran();
        number(db, "SELECT count(*) FROM accounts").await
    }
    let (_test, db) = opened().await;
    let runs = Runs::default();
    for branch in [1, 2, 1, 2] {
        of_branch(&db, branch, &runs).await.unwrap();
    }
    assert_eq!(runs.count(), 2);
    db.invalidate().tag("branch:1").await.unwrap();
    for branch in [1, 2, 1, 2] {
        of_branch(&db, branch, &runs).await.unwrap();
    }
    assert_eq!(runs.count(), 3);
}

impl Bank {
    #[cached(ttl = "1h", key(self.region, id))]
    async fn of_region(&self, id: i32, _trace: f64) -> Result<String, Error> {
        self.runs.ran();
        Ok(format!("{} {}", self.region, balance(self.db(), id).await?))
    }
}

#[tokio::test]
async fn a_field_of_the_service_can_be_part_of_the_key() {
    let (_test, db) = opened().await;
    let bank = Bank::new(&db);
    let north = Bank {
        region: "north",
        ..bank.clone()
    };
    for number in [0.5, 0.7] {
        assert_eq!(bank.of_region(1, number).await.unwrap(), "south 100");
        assert_eq!(north.of_region(1, number).await.unwrap(), "north 100");
    }
    assert_eq!(bank.runs.count(), 2);
    db.invalidate().service("bank").await.unwrap();
    bank.of_region(1, 0.5).await.unwrap();
    assert_eq!(bank.runs.count(), 3, "it belongs to the service");
}

#[tokio::test]
async fn nothing_found_is_kept_until_something_is_there() {
    #[cached(ttl = "1h", skip(runs))]
    async fn find(db: &Database, id: i32, runs: &Runs) -> Option<i64> {
        runs.ran();
        balance(db, id).await.ok()
    }
    #[cached(ttl = "1h", skip_none, skip(runs))]
    async fn find_again(db: &Database, id: i32, runs: &Runs) -> Option<i64> {
        runs.ran();
        balance(db, id).await.ok()
    }
    #[cached(ttl = "1h", skip_none, skip(runs))]
    async fn find_or_fail(db: &Database, id: i32, runs: &Runs) -> Result<Option<i64>, Error> {
        runs.ran();
        Ok(balance(db, id).await.ok())
    }
    let (_test, db) = opened().await;
    let [kept, again, or_fail]: [Runs; 3] = Default::default();
    for _ in 0..2 {
        assert_eq!(find(&db, 7, &kept).await, None);
        assert_eq!(find_again(&db, 7, &again).await, None);
        assert_eq!(find_or_fail(&db, 7, &or_fail).await.unwrap(), None);
    }
    assert_eq!([kept.count(), again.count(), or_fail.count()], [1, 2, 2]);
    let why = super::explained(&db, find_again(&db, 7, &again)).await;
    assert!(why.not_cached.is_some_and(|why| why.contains("None")));
    // Another row.
    let insert = db.sql("INSERT INTO accounts (id, balance) VALUES (:id, 8)");
    insert.bind("id", 8).execute().await.unwrap();
    assert_eq!(find(&db, 7, &kept).await, None);
    assert_eq!(kept.count(), 1);
    let insert = db.sql("INSERT INTO accounts (id, balance) VALUES (:id, 7)");
    insert.bind("id", 7).execute().await.unwrap();
    for _ in 0..2 {
        assert_eq!(find(&db, 7, &kept).await, Some(7));
        assert_eq!(find_again(&db, 7, &again).await, Some(7));
        assert_eq!(find_or_fail(&db, 7, &or_fail).await.unwrap(), Some(7));
    }
    assert_eq!([kept.count(), again.count(), or_fail.count()], [2, 4, 3]);
}

#[tokio::test]
async fn a_condition_decides_call_by_call() {
    #[cached(ttl = "1h", condition = "id < 2", skip(runs))]
    async fn some(db: &Database, id: i32, runs: &Runs) -> Result<i64, Error> {
        runs.ran();
        balance(db, id).await
    }
    let (_test, db) = opened().await;
    let [one, two]: [Runs; 2] = Default::default();
    for _ in 0..3 {
        some(&db, 1, &one).await.unwrap();
        some(&db, 2, &two).await.unwrap();
    }
    assert_eq!([one.count(), two.count()], [1, 3]);
}

#[tokio::test]
async fn past_its_time_it_stands_in_for_an_error_until_a_write_makes_it_wrong() {
    #[cached(ttl = "10s", stale_if_error = "1h", skip(fails))]
    async fn fragile(db: &Database, fails: bool) -> Result<i64, Error> {
        let balance = balance(db, 1).await?;
        if fails {
            Err(Error::NotFound)
        } else {
            Ok(balance)
        }
    }
    let (_test, db, time) = timed().await;
    assert!(fragile(&db, true).await.is_err(), "nothing is kept yet");
    assert_eq!(fragile(&db, false).await.unwrap(), 100);
    assert_eq!(fragile(&db, true).await.unwrap(), 100, "it is kept");
    time.advance(Duration::from_secs(11));
    assert_eq!(fragile(&db, true).await.unwrap(), 100, "past its time");
    time.advance(Duration::from_secs(3_700));
    assert!(fragile(&db, true).await.is_err(), "far past it");
    assert_eq!(fragile(&db, false).await.unwrap(), 100);
    time.advance(Duration::from_secs(11));
    set_balance(&db, 1, 5).await;
    assert!(
        fragile(&db, true).await.is_err(),
        "a write has made it wrong"
    );
}
