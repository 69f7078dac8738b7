//! What goes on in the background: removing what has expired, and looking for changes of
//! definitions that others made.

use std::sync::Weak;
use std::time::Duration;

use larder_cache::Cause;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::database::Inner;

/// How often the catalog is looked at, so that another's change of definitions is noticed
/// within a minute.
const LOOK: Duration = Duration::from_secs(30);

/// Goes on until the database is shut down or nobody holds it any more.
pub(crate) async fn care_for(database: Weak<Inner>, every: Duration) {
    let mut ticks = interval(every.min(LOOK));
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
        // Without a picture nothing is cached by it yet.
        if looked.elapsed() >= LOOK && database.picture.current().is_some() {
            looked = Instant::now();
            if let Err(error) = look(&database).await {
                // As long as it cannot be looked at, nothing is cached by it.
                database.picture.changed();
                tracing::debug!(%error, "failed to look at the catalog");
            }
        }
    }
}

async fn look(database: &Inner) -> Result<(), crate::Error> {
    let mut session = database.pool.session().await?;
    if database.picture.refresh(&mut session).await? {
        tracing::info!("definitions have changed in the database: the cache begins anew");
        database.cache.invalidate_everything(Cause::Schema);
    }
    Ok(())
}
