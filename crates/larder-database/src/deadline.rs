//! The deadline of a request: so much time for all that is done for it.

use std::time::Duration;

use larder_pool::deadline;

use crate::{Database, Error};

pub use larder_pool::deadline::remaining;

impl Database {
    /// As [`within`].
    ///
    /// # Errors
    ///
    /// As [`within`].
    ///
    /// # Cancel safety
    ///
    /// It is as safe to drop as `future`.
    pub fn within<T, E: From<Error>>(
        &self,
        limit: Duration,
        future: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, E>> {
        within(limit, future)
    }
}

/// Gives a future so much time. Whatever it waits for in Larder ends at the deadline: waiting for
/// a connection, statements (on the server too), Redis, the pauses between retries. Within
/// another deadline the earlier one counts.
///
/// The deadline belongs to the task: what the future spawns has none.
///
/// # Errors
///
/// The future's own: what Larder waits for when the time is up fails with an error that names
/// it. A future that goes on all the same is dropped, with
/// [`DeadlineExceeded`](larder_pool::Error::DeadlineExceeded).
///
/// # Cancel safety
///
/// It is as safe to drop as `future`.
///
/// # Examples
///
/// ```no_run
/// # async fn example(db: larder_database::Database) -> Result<(), larder_database::Error> {
/// use std::time::Duration;
/// use larder_database::deadline;
///
/// let orders: i64 = deadline::within(Duration::from_secs(2), async {
///     db.sql("SELECT count(*) FROM orders").fetch_scalar().await
/// })
/// .await?;
/// # drop(orders);
/// # Ok(())
/// # }
/// ```
pub fn within<T, E: From<Error>>(
    limit: Duration,
    future: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, E>> {
    // On the way, so that repetitions are noticed across sessions.
    let running = deadline::within(limit, crate::request(future));
    async move {
        match running.await {
            Ok(result) => result,
            Err(error) => Err(E::from(Error::from(error))),
        }
    }
}
