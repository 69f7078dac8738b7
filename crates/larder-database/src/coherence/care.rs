//! What goes on in the background: removing what has expired, and looking for changes of
//! definitions that others made.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::Picture;
use crate::database::Inner;

/// How often the catalog is looked at, so that another's change of definitions is noticed
/// within a minute.
const LOOK: Duration = Duration::from_secs(30);

/// Takes a picture of the catalog whenever a reader would like to have one, until the database is
/// shut down or nobody holds it any more.
pub(crate) async fn take_pictures(database: Weak<Inner>, picture: Arc<Picture>) {
    /// As long as it cannot be taken, or does not stay, it is not tried more often than this.
    const PAUSE: Duration = Duration::from_millis(250);
    loop {
        picture.wanted().await;
        let Some(database) = database.upgrade() else {
            return;
        };
        if database.pool.is_shut_down() {
            return;
        }
        if let Err(error) = database.picture_that_holds().await {
            tracing::debug!("failed to look at the catalog: failed to {error}");
        }
        drop(database);
        sleep(PAUSE).await;
    }
}

/// Goes on until the database is shut down or nobody holds it any more.
pub(crate) async fn care_for(database: Weak<Inner>, every: Duration) {
    let mut ticks = interval(every.clamp(Duration::from_millis(1), LOOK));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut looked = Instant::now();
    loop {
        ticks.tick().await;
        let Some(database) = database.upgrade() else {
            return;
        };
        if database.pool.is_shut_down() {
            return;
        }
        database.cache.clean_up();
        database.watcher.settle_doubts();
        // So that those are told of that cooled while nobody read or wrote them.
        database.watcher.heat.hot();
        // Without a picture nothing is cached by it yet.
        if looked.elapsed() >= LOOK && database.picture.current().is_some() {
            looked = Instant::now();
            match database.look_at_catalog().await {
                Ok(true) => {
                    tracing::info!(
                        "definitions have changed in the database: the cache begins anew"
                    );
                }
                Ok(false) => {}
                // The picture stays: an outage, or a pool in use to the last connection, must not
                // take the cache away too.
                Err(error) => {
                    tracing::warn!("failed to look for changes of definitions: failed to {error}");
                }
            }
        }
    }
}
