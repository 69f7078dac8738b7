//! The monitor's own way to the server: a connection beside the pool, kept from check to check, so
//! that a pool in trouble is not taken for a database in trouble.

use std::time::{Duration, Instant};

use larder_database::{Database, Error, sql};
use larder_pool::Connection;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::DatabaseKind;

/// A connection that only the probes use, one after the other. The first to use it in a check is the
/// one that pings; it alone connects.
pub(super) struct ServerLink {
    database: Database,
    kind: DatabaseKind,
    limit: Duration,
    connection: Mutex<Option<Connection>>,
}

/// There is no answer.
pub(super) enum Unanswered {
    /// None came in time.
    Silent(Duration),
    /// The one connection that there is does something else.
    Busy,
    /// The server, or the way to it, refused.
    Failed(Box<Error>),
}

impl From<Error> for Unanswered {
    fn from(error: Error) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl ServerLink {
    pub(super) fn new(database: &Database, kind: DatabaseKind, limit: Duration) -> Self {
        Self {
            database: database.clone(),
            kind,
            limit,
            connection: Mutex::new(None),
        }
    }

    /// How long the server takes to answer now.
    pub(super) async fn ping(&self) -> Result<Duration, Unanswered> {
        match self.kind {
            DatabaseKind::Server => {
                let pinging = timeout(self.limit, self.ping_server());
                pinging.await.unwrap_or(Err(Unanswered::Silent(self.limit)))
            }
            DatabaseKind::Embedded => self.ping_embedded().await,
        }
    }

    async fn ping_server(&self) -> Result<Duration, Unanswered> {
        // What is dropped halfway is not used again: it is put back only when it has answered.
        let mut place = self.connection.lock().await;
        if let Some(mut connection) = place.take()
            && let Ok(took) = ping(&mut connection).await
        {
            *place = Some(connection);
            return Ok(took);
        }
        // The server may have closed it, which is no fault if it lets us in again.
        let mut connection = self.database.connect_apart().await?;
        let took = ping(&mut connection).await?;
        *place = Some(connection);
        Ok(took)
    }

    /// There is one connection, and those who need it come first.
    async fn ping_embedded(&self) -> Result<Duration, Unanswered> {
        let pool = self.database.pool_status();
        if pool.in_use > 0 || pool.waiting > 0 {
            return Err(Unanswered::Busy);
        }
        let mut session = self.database.session().await?;
        Ok(ping(&mut session).await?)
    }

    /// Asks the server something else. `None` if it cannot be asked: the ping tells why.
    pub(super) async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&mut Connection) -> Result<T, Error>,
    ) -> Option<Result<T, Error>> {
        let asking = async {
            let mut place = self.connection.lock().await;
            let mut connection = place.take()?;
            let answer = question(&mut connection).await;
            // After an error it may be lost; the next ping makes another one.
            if answer.is_ok() {
                *place = Some(connection);
            }
            Some(answer)
        };
        timeout(self.limit, asking).await.ok().flatten()
    }
}

async fn ping(connection: &mut Connection) -> Result<Duration, Error> {
    let began = Instant::now();
    sql("SELECT 1").fetch_scalar_on::<i32>(connection).await?;
    Ok(began.elapsed())
}
