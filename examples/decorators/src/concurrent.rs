//! `#[concurrent_cached]` of the crate `cached`, with Larder as its store.

use std::time::Duration;

use cached::macros::concurrent_cached;
use larder::CachedStore;

use crate::{db, runs};

/// How many dishes a restaurant has.
///
/// The store cannot see what the function reads, so it is said. Writes to the table by this
/// process or another make the results go; nothing that happens to Redis is an error.
#[concurrent_cached(
    ty = "CachedStore<i64, i64>",
    create = {
        CachedStore::new(db(), "dishes")
            .depends_on_table("example_dishes")
            .ttl(Duration::from_secs(600))
    }
)]
pub(crate) async fn dishes(restaurant: i64) -> larder::Result<i64> {
    runs();
    let count = db().sql("SELECT count(*) FROM example_dishes WHERE restaurant = :restaurant");
    Ok(count.bind("restaurant", restaurant).fetch_scalar().await?)
}
