//! The service asks too much or the wrong thing: sessions that are held, statements that fail,
//! statements that are slow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use larder::health::HealthReport;
use larder_database::Database;
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;
use tokio::task::JoinSet;

use super::named::{Faulty, instance};

#[tokio::test]
async fn a_pool_whose_sessions_are_held_is_the_cause() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let builder = instance(test.url())
        .set("pool.size", 3)
        .set("pool.overflow", 0);
    let mut faulty = Faulty::start(builder, "pool").await;
    let db = faulty.larder.db().clone();
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(db.session().await.unwrap());
    }
    // Others want one, again and again: of a few who get none nothing is said yet.
    let mut callers = JoinSet::new();
    for _ in 0..5 {
        let db = db.clone();
        callers.spawn(async move {
            loop {
                let _ = db.session().await;
            }
        });
    }
    let report = faulty.is_named(&["saturated"]).await;
    let cure = report.causes[0].cure.as_deref().unwrap();
    assert!(cure.contains("who holds connections for long"), "{cure}");
    let follows = |report: &HealthReport| {
        let acquire = report.probe("acquire").unwrap();
        acquire.follows.as_deref() == Some("pool")
    };
    faulty.until("waiting follows", follows).await;
    callers.shutdown().await;
    drop(sessions);
    faulty.until_over().await;
}

/// Two who send a statement over and over.
struct Senders {
    go_on: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Senders {
    fn of(db: &Database, statement: &'static str) -> Self {
        let (go_on, mut tasks) = (Arc::new(AtomicBool::new(true)), JoinSet::new());
        for _ in 0..2 {
            let (db, go_on) = (db.clone(), Arc::clone(&go_on));
            tasks.spawn(async move {
                while AtomicBool::load(&go_on, Ordering::Relaxed) {
                    let _ = db.sql(statement).execute().await;
                }
            });
        }
        Self { go_on, tasks }
    }

    /// They end after a statement: one that is broken off has failed.
    async fn stop(self) {
        self.go_on.store(false, Ordering::Relaxed);
        self.tasks.join_all().await;
    }
}

#[tokio::test]
async fn statements_that_fail_are_the_cause() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let builder = instance(test.url()).set("health.window", "3s");
    let mut faulty = Faulty::start(builder, "statements").await;
    let senders = Senders::of(faulty.larder.db(), "SELECT 1 / 0");
    let report = faulty.is_named(&["errors"]).await;
    assert!(
        report.causes[0].reason.contains("statements failed"),
        "{report}"
    );
    senders.stop().await;
    faulty.until_over().await;
}

#[tokio::test]
async fn statements_that_are_slow_are_the_cause() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let builder = instance(test.url())
        .set("query.slow_threshold", "20ms")
        .set("health.window", "3s");
    let mut faulty = Faulty::start(builder, "slow").await;
    let senders = Senders::of(faulty.larder.db(), "SELECT pg_sleep(0.03)");
    let report = faulty.is_named(&["slow"]).await;
    assert!(
        report.causes[0].reason.contains("took 20ms or longer"),
        "{report}"
    );
    senders.stop().await;
    faulty.until_over().await;
}
