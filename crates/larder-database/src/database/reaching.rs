//! What is asked of the server before a database is ready: now, or as soon as it can be reached.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::Inner;
use crate::Error;
use crate::fleet::{Fleet, follow};
use crate::options::Hints;
use crate::sql::sql;

/// What has to be asked, and how.
pub(super) struct Reaching {
    pub(super) install_log: bool,
    pub(super) hints: Hints,
}

impl Reaching {
    /// Asks: for the server's version, and where the cache is shared for the log that is followed
    /// from then on.
    pub(super) async fn reach(&self, inner: &Arc<Inner>) -> Result<(), Error> {
        let version = sql("SHOW server_version")
            .fetch_scalar_on::<String>(&mut *inner.pool.session().await?)
            .await?;
        if let Some(fleet) = &inner.fleet {
            self.begin_to_follow(inner, fleet).await?;
        }
        // Known once everything is there. Asked again after a failure, the server may have
        // another one by now.
        let _ = inner.server_version.set(version);
        Ok(())
    }

    async fn begin_to_follow(&self, inner: &Arc<Inner>, fleet: &Arc<Fleet>) -> Result<(), Error> {
        let following = inner.begin_to_follow(fleet, self.install_log);
        let follower = Box::pin(following).await?;
        if let Some(tier) = inner.second_tier.as_ref()
            && self.hints == Hints::Redis
        {
            follower.hint_through(tier, fleet);
        }
        tokio::spawn(follow(Arc::downgrade(inner), follower));
        Ok(())
    }

    /// Asks until there is an answer. Until then nothing is served from a cache that is shared.
    pub(super) async fn keep_trying(self, database: Weak<Inner>) {
        const PAUSE: Duration = Duration::from_millis(500);
        while let Some(inner) = database.upgrade() {
            if inner.pool.is_shut_down() {
                return;
            }
            match self.reach(&inner).await {
                Ok(()) => {
                    tracing::info!("the database can be reached now");
                    return;
                }
                Err(error) => tracing::warn!("failed to {error}: trying again"),
            }
            drop(inner);
            tokio::time::sleep(PAUSE).await;
        }
    }
}
