//! What somebody asks who watches the database: beside the pool, so that a pool in trouble neither
//! holds up the question nor is the answer.

use std::time::Duration;

use larder_pool::Connection;

use crate::{Database, Error};

impl Database {
    /// Makes a connection beside the pool: by the same options, but in no queue and counted
    /// nowhere. It is closed when it is dropped, and when the database is shut down.
    ///
    /// # Errors
    ///
    /// If no connection can be made, or the database was shut down.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it closes what it opened.
    pub async fn connect_apart(&self) -> Result<Connection, Error> {
        Ok(self.inner().pool.connect_apart(|_, _| {}).await?)
    }

    /// How long Redis takes to answer now. `None` if there is none, if it is not asked because it is
    /// unavailable, and if it does not answer within `limit`.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn ping_redis(&self, limit: Duration) -> Option<Duration> {
        let tier = self.inner().second_tier.as_ref()?;
        tier.redis().ping(limit).await
    }

    /// Why Redis is unavailable, as it was logged; `None` if there is none, if it is available, or
    /// was never asked.
    pub fn redis_trouble(&self) -> Option<String> {
        self.inner().second_tier.as_ref()?.redis().trouble()
    }
}
