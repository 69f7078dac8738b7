//! Cached reads: what is kept, for whom, and when it goes.

mod advice;
mod cached_crate;
mod coherence;
mod composite;
mod decorated;
mod definitions;
mod events;
mod flights;
mod many;
mod options;
mod reads;
mod second_tier;
mod shadow;
mod transactions;

use std::sync::Arc;
use std::time::Duration;

use diesel::prelude::*;
use larder_database::{Database, DatabaseOptions};
use larder_testing::TestDatabase;

use crate::support::{self, open};

diesel::table! {
    /// The table that `accounts()` makes.
    accounts (id) {
        id -> Integer,
        balance -> BigInt,
    }
}

/// A database with accounts, and a pool of some connections with a cache.
pub(super) async fn cached_accounts() -> (TestDatabase, Database) {
    let test = support::accounts().await;
    let db = open(&test, |options| options.pool.size = 8).await;
    (test, db)
}

/// Long enough that nothing expires in a test.
pub(super) const LONG: Duration = Duration::from_secs(3600);

/// The balances of all accounts, through the cache.
pub(super) async fn balances(db: &Database) -> Arc<[i64]> {
    db.cached(
        accounts::table
            .select(accounts::balance)
            .order(accounts::id),
    )
    .ttl(LONG)
    .load()
    .await
    .unwrap()
}

/// Whether a read of the balances is served from the cache now. Reading fills the cache.
pub(super) async fn is_kept(db: &Database) -> bool {
    let before = db.cache_statistics().hits;
    balances(db).await;
    db.cache_statistics().hits > before
}

/// A second process, as far as the first one can tell.
pub(super) async fn other_process(test: &TestDatabase) -> Database {
    Database::open(DatabaseOptions::from_url(test.url()).unwrap())
        .await
        .unwrap()
}
