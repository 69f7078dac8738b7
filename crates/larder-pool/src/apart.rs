//! A connection beside the pool: for what must neither wait in its queue nor be observed.

use std::sync::Arc;

use crate::{Connection, Error, Pool, PoolerMode};

impl Pool {
    /// What stands between the pool and the server, as its options say.
    pub fn pooler(&self) -> PoolerMode {
        self.0.connector.pooler()
    }

    /// Makes a connection beside the pool: by the same options (TLS, settings, deadlines), but
    /// in no queue, counted nowhere and told to no [`PoolObserver`](crate::PoolObserver).
    ///
    /// After a LISTEN on it, `on_notification` is told the channel and the payload of each
    /// notification. It is called by the task that reads from the server, so it must be quick
    /// and must not wait; if it panics, the connection is lost.
    ///
    /// The connection is closed when it is dropped, and by [`shutdown`](Self::shutdown) once
    /// the sessions have come back, whatever runs on it then.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`] if no connection can be made within `connect_timeout`,
    /// [`Error::ShutDown`] after [`Pool::shutdown`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, it closes what it opened.
    pub async fn connect_apart(
        &self,
        on_notification: impl Fn(&str, &str) + Send + Sync + 'static,
    ) -> Result<Connection, Error> {
        self.connect_apart_with(&[], on_notification).await
    }

    /// The same with further settings of the server, by name and value, that hold on this
    /// connection: behind a pooler in transaction mode, in each of its transactions.
    ///
    /// # Errors
    ///
    /// As [`connect_apart`](Self::connect_apart).
    ///
    /// # Cancel safety
    ///
    /// As [`connect_apart`](Self::connect_apart).
    pub async fn connect_apart_with(
        &self,
        settings: &[(&str, &str)],
        on_notification: impl Fn(&str, &str) + Send + Sync + 'static,
    ) -> Result<Connection, Error> {
        if self.is_shut_down() {
            return Err(self.is_gone());
        }
        let on_notification = Arc::new(on_notification);
        let connector = self.0.connector.apart(settings, on_notification);
        let connection = connector.connect().await?;
        // Made while the pool was shut down, it may have come too late to be closed with it.
        if self.is_shut_down() {
            return Err(self.is_gone());
        }
        Ok(connection)
    }
}
