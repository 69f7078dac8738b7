//! What a second instance, as of another process, finds in Redis.

use std::time::Duration;

use larder::Larder;
use larder::prelude::Point;
use tokio::time::{sleep, timeout};

use crate::error::Error;
use crate::reads::nearby;

/// How long it may take until both are connected to Redis, and the list is there.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reads a list here, and again through a second instance; says how many of its reads Redis
/// answered. `None` where there is no Redis, and nothing is done.
pub(crate) async fn hits_of_a_second_instance(
    larder: &Larder,
    place: Point,
) -> Result<Option<u64>, Error> {
    if larder.db().redis_available().is_none() {
        return Ok(None);
    }
    let second = Larder::from_env().await?;
    let hits = read_twice(larder, &second, place).await;
    second.shutdown().await?;
    hits.map(Some)
}

async fn read_twice(first: &Larder, second: &Larder, place: Point) -> Result<u64, Error> {
    let ready = |larder: &Larder| {
        let follower = larder.db().follower_statistics();
        larder.db().redis_available() == Some(true)
            && follower.is_some_and(|follower| follower.has_lease)
    };
    // Without Redis, or where it is slow, the reads go to the database: nothing to fail for.
    until(|| ready(first) && ready(second)).await;
    nearby(&first.restaurants(), place).await?;
    until(|| is_written(first)).await;
    nearby(&second.restaurants(), place).await?;
    let tier = second.db().second_tier_statistics();
    Ok(tier.map_or(0, |tier| tier.hits))
}

/// Whether all that was given to Redis is there, or was dropped.
fn is_written(larder: &Larder) -> bool {
    let (redis, tier) = (
        larder.db().redis_statistics(),
        larder.db().second_tier_statistics(),
    );
    redis
        .zip(tier)
        .is_none_or(|(redis, tier)| redis.puts + redis.puts_dropped >= tier.stored)
}

/// Waits for what happens in the background, and not for ever.
async fn until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    let _ = timeout(PATIENCE, waiting).await;
}
