//! `#[invalidates]`: what it makes go, when, and in whose eyes.

use larder::services::CachedCalls;
use larder::{cached, invalidates};
use larder_database::{Database, Error, Hints};
use larder_testing::TestDatabase;

use super::{Bank, Runs, has_looked, number, opened, opened_with};
use crate::support::{PATIENCE, open};

#[cached(ttl = "1h", tags("all", "of:{id}"), skip(runs))]
async fn read(db: &Database, id: i32, runs: &Runs) -> Result<i64, Error> {
    runs.ran();
    number(db, "SELECT count(*) FROM accounts").await
}

impl Bank {
    #[cached(ttl = "1h")]
    async fn rate(&self, branch: i32) -> Result<i64, Error> {
        self.runs.ran();
        Ok(number(self.db(), "SELECT sum(price)::bigint FROM prices").await? + i64::from(branch))
    }

    #[invalidates(service = this_service)]
    async fn reload(&self) -> Result<(), Error> {
        Ok(())
    }

    #[invalidates(calls("rate"(branch)))]
    async fn forget_rate(&self, branch: i32) -> Result<(), Error> {
        Ok(())
    }
}

#[invalidates(tags("of:{id}"))]
async fn by_tag(db: &Database, id: i32, works: bool) -> Result<(), Error> {
    works.then_some(()).ok_or(Error::NotFound)
}

#[invalidates(tags("of:{id}"))]
async fn by_option(db: &Database, id: i32, works: bool) -> Option<()> {
    works.then_some(())
}

#[invalidates(tags("of:{id}"), condition = "id > 1")]
async fn plainly_if(db: &Database, id: i32) {}

#[invalidates(tables("accounts"))]
async fn by_table(db: &Database) {}

#[invalidates(service = "bank")]
async fn by_service(db: &Database) {}

#[invalidates(everything)]
async fn by_everything(db: &Database) {}

/// Whether it is still kept. Fills the cache.
async fn is_kept(db: &Database, id: i32) -> bool {
    let runs = Runs::default();
    read(db, id, &runs).await.unwrap();
    runs.count() == 0
}

#[tokio::test]
async fn it_takes_effect_after_success_only() {
    let (_test, db) = opened().await;
    assert!(!is_kept(&db, 1).await);
    assert!(!is_kept(&db, 2).await);
    assert!(by_tag(&db, 1, false).await.is_err());
    assert!(by_option(&db, 1, false).await.is_none());
    plainly_if(&db, 1).await;
    assert!(is_kept(&db, 1).await);
    by_tag(&db, 1, true).await.unwrap();
    assert!(!is_kept(&db, 1).await);
    by_option(&db, 1, true).await.unwrap();
    assert!(!is_kept(&db, 1).await);
    assert!(is_kept(&db, 2).await, "it has another tag");
    plainly_if(&db, 2).await;
    assert!(!is_kept(&db, 2).await);
}

#[tokio::test]
async fn each_target_makes_what_it_names_go_and_nothing_else() {
    let (_test, db) = opened().await;
    let bank = Bank::new(&db);
    // How often the function and the method for each branch have run since the last time.
    let ran = async || {
        let kept = is_kept(&db, 1).await;
        let before = bank.runs.count();
        bank.rate(1).await.unwrap();
        let between = bank.runs.count();
        bank.rate(2).await.unwrap();
        let after = bank.runs.count();
        (!kept, between > before, after > between)
    };
    assert_eq!(ran().await, (true, true, true));
    assert_eq!(ran().await, (false, false, false));
    by_table(&db).await;
    assert_eq!(ran().await, (true, false, false), "a table");
    by_service(&db).await;
    assert_eq!(ran().await, (false, true, true), "a service");
    bank.reload().await.unwrap();
    assert_eq!(ran().await, (false, true, true), "its own service");
    bank.forget_rate(2).await.unwrap();
    assert_eq!(ran().await, (false, false, true), "one call");
    by_everything(&db).await;
    assert_eq!(ran().await, (true, true, true), "everything");
}

#[tokio::test]
async fn before_it_takes_effect_before_the_body_and_whatever_that_returns() {
    #[invalidates(tags("of:1"), before)]
    async fn first(db: &Database, kept: &mut Option<bool>) -> Result<(), Error> {
        *kept = Some(is_kept(db, 1).await);
        Err(Error::NotFound)
    }
    let (_test, db) = opened().await;
    is_kept(&db, 1).await;
    let mut kept = None;
    assert!(first(&db, &mut kept).await.is_err());
    assert_eq!(kept, Some(false), "when the body began");
    assert!(!is_kept(&db, 1).await, "the body has loaded it again");
}

/// Another process on the database, that looks into the log when it is asked to.
async fn other(test: &TestDatabase) -> Database {
    open(test, |options| {
        options.pool.size = 4;
        options.cache.hints = Hints::Off;
        options.cache.max_staleness = std::time::Duration::from_secs(10);
        options.cache.poll_interval = std::time::Duration::from_millis(20);
    })
    .await
}

#[tokio::test]
async fn in_a_transaction_it_takes_effect_with_the_commit_in_all_processes() {
    let (test, db) = opened_with(|options| options.cache.hints = Hints::Off).await;
    let other = other(&test).await;
    let fill = async || {
        is_kept(&db, 1).await;
        is_kept(&other, 1).await;
        assert!(is_kept(&db, 1).await && is_kept(&other, 1).await);
    };
    for commits in [false, true] {
        fill().await;
        let outcome = db.transaction(async |_| {
            by_tag(&db, 1, true).await?;
            has_looked(&other).await;
            // Another task is not in the transaction.
            let reader = db.clone();
            let before = tokio::spawn(async move { is_kept(&reader, 1).await });
            assert!(before.await.unwrap(), "not before the commit");
            assert!(is_kept(&other, 1).await, "nor in another process");
            if commits {
                Ok(())
            } else {
                Err(Error::NotFound)
            }
        });
        assert_eq!(outcome.await.is_ok(), commits);
        assert_eq!(is_kept(&db, 1).await, !commits, "at once here");
        has_looked(&other).await;
        assert_eq!(is_kept(&other, 1).await, !commits, "and there soon");
    }
}

#[tokio::test]
async fn outside_of_one_the_other_processes_hear_of_it_too() {
    let (test, db) = opened().await;
    let other = other(&test).await;
    is_kept(&other, 1).await;
    by_tag(&db, 1, true).await.unwrap();
    let gone = async { while is_kept(&other, 1).await {} };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
}
