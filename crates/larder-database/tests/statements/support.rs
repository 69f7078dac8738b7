//! A database of the test's own, without tables, and what is known of a statement on it.

use std::time::Duration;

use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use larder_database::{Database, QuerySettings, StatementSummary};
use larder_testing::TestDatabase;

/// No tables at all.
struct Nothing;

impl MigrationSource<Pg> for Nothing {
    fn migrations(&self) -> diesel::migration::Result<Vec<Box<dyn Migration<Pg>>>> {
        Ok(Vec::new())
    }
}

/// A database with these settings of `query`.
pub(crate) async fn database(change: impl FnOnce(&mut QuerySettings)) -> TestDatabase {
    let test = TestDatabase::create_with(Nothing, |options| {
        // Nothing is slow by accident.
        options.queries.slow_threshold = Duration::from_secs(3_600);
        change(&mut options.queries);
    });
    test.await.unwrap()
}

/// What is known of the one statement whose text contains this.
pub(crate) fn summary(db: &Database, part: &str) -> StatementSummary {
    find(db, part).unwrap_or_else(|| panic!("nothing is known of {part}: {:#?}", db.statements()))
}

pub(crate) fn find(db: &Database, part: &str) -> Option<StatementSummary> {
    let mut known = db.statements().into_iter();
    known.find(|one| one.text.contains(part))
}

/// Runs statements that return nothing, one after the other.
pub(crate) async fn run(db: &Database, statements: &[&str]) {
    for statement in statements {
        db.sql(*statement).execute().await.unwrap();
    }
}

/// What is known of a statement once its plan is there.
pub(crate) async fn explained(db: &Database, part: &str) -> StatementSummary {
    let plan = async {
        loop {
            if let Some(summary) = find(db, part).filter(|summary| summary.plan.is_some()) {
                return summary;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let limit = Duration::from_secs(60);
    let found = tokio::time::timeout(limit, plan).await;
    found.unwrap_or_else(|_| panic!("no plan: {:#?}", find(db, part)))
}
