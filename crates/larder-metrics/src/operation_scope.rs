//! Which service the current task works for.

use std::sync::Arc;
use std::time::Instant;

use crate::service::{Outcome, ServiceRecorder};

#[cfg(test)]
mod tests;

tokio::task_local! {
    static CURRENT: Option<Arc<ServiceRecorder>>;
}

/// Which service the current task works for.
///
/// What a future does within [`with`](Self::with) counts for that service; scopes nest, and the
/// innermost counts. A spawned task begins without a scope: carry it there.
///
/// ```
/// use larder_metrics::{OperationScope, ServiceRegistry};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let services = ServiceRegistry::new("main");
/// let restaurants = services.recorder("restaurants");
/// OperationScope::with(restaurants, async {
///     OperationScope::record_miss();
///     let scope = OperationScope::current();
///     let load = tokio::spawn(OperationScope::with(scope, async {
///         OperationScope::record_query();
///     }));
///     load.await.unwrap();
/// })
/// .await;
/// let counted = services.statistics()["restaurants"];
/// assert_eq!((counted.misses, counted.queries), (1, 1));
/// # });
/// ```
#[derive(Debug)]
pub struct OperationScope(());

impl OperationScope {
    /// The service that the current task works for.
    #[must_use]
    pub fn current() -> Option<Arc<ServiceRecorder>> {
        CURRENT.try_with(Clone::clone).ok().flatten()
    }

    /// Runs `future` for a service; with `None`, for none.
    ///
    /// # Cancel safety
    ///
    /// It is as safe to drop as `future`.
    pub async fn with<F: Future>(
        service: impl Into<Option<Arc<ServiceRecorder>>>,
        future: F,
    ) -> F::Output {
        CURRENT.scope(service.into(), future).await
    }

    /// Runs an operation of a service: `future` in the service's scope, counted and timed.
    ///
    /// An operation that calls one of the same service counts as two calls, and their times
    /// add up.
    ///
    /// # Cancel safety
    ///
    /// It is as safe to drop as `future`; dropped before the end, the call counts as cancelled.
    pub async fn measure<T, E>(
        service: Arc<ServiceRecorder>,
        operation: &'static str,
        future: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let mut call = Call {
            service: Arc::clone(&service),
            operation,
            began: Instant::now(),
            outcome: None,
        };
        let result = Self::with(service, future).await;
        call.outcome = Some(match result {
            Ok(_) => Outcome::Success,
            Err(_) => Outcome::Error,
        });
        result
    }

    /// Counts a statement for the current service, if there is one.
    pub fn record_query() {
        Self::record(ServiceRecorder::record_query);
    }

    /// Counts a read that the cache answered for the current service, if there is one.
    pub fn record_hit() {
        Self::record(ServiceRecorder::record_hit);
    }

    /// Counts a read that the cache did not answer for the current service, if there is one.
    pub fn record_miss() {
        Self::record(ServiceRecorder::record_miss);
    }

    fn record(count: impl FnOnce(&ServiceRecorder)) {
        // Outside of any scope, nobody counts.
        let _ = CURRENT.try_with(|current| current.as_deref().map(count));
    }
}

/// A call that counts when it is dropped, whatever the reason.
struct Call {
    service: Arc<ServiceRecorder>,
    operation: &'static str,
    began: Instant,
    outcome: Option<Outcome>,
}

impl Drop for Call {
    fn drop(&mut self) {
        let outcome = self.outcome.unwrap_or_else(|| {
            if std::thread::panicking() {
                Outcome::Error
            } else {
                Outcome::Cancelled
            }
        });
        self.service
            .record_call(self.operation, self.began.elapsed(), outcome);
    }
}
