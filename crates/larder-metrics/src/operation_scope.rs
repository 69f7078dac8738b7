//! Which service the current task works for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::service::{Outcome, ServiceRecorder};

#[cfg(test)]
mod tests;

tokio::task_local! {
    static CURRENT: Current;
}

/// What a task does.
#[derive(Clone, Default)]
struct Current {
    service: Option<Arc<ServiceRecorder>>,
    /// The innermost operation of the service.
    operation: Option<&'static str>,
    /// From which duration on statements are slow, where the program says so.
    slow_after: Option<Duration>,
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
        let service = CURRENT.try_with(|current| current.service.clone());
        service.ok().flatten()
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
        let current = Current {
            service: service.into(),
            operation: None,
            ..Self::whole()
        };
        CURRENT.scope(current, future).await
    }

    /// Takes along into a spawned task all that the current one works for: service, operation, and
    /// from when on its statements are slow.
    ///
    /// # Cancel safety
    ///
    /// It is as safe to drop as `future`.
    pub fn carry<F: Future>(future: F) -> impl Future<Output = F::Output> {
        // Taken when it is made: where it is polled first, another task runs.
        CURRENT.scope(Self::whole(), future)
    }

    /// Runs `future`, whose statements are slow from this duration on, and not from
    /// [`QueryOptions::slow_threshold`](crate::QueryOptions) on. The innermost one counts;
    /// [`QueryOptions::slow_thresholds`](crate::QueryOptions) come before it.
    ///
    /// # Cancel safety
    ///
    /// It is as safe to drop as `future`.
    pub fn slow_after<F: Future>(
        threshold: Duration,
        future: F,
    ) -> impl Future<Output = F::Output> {
        let current = Current {
            slow_after: Some(threshold),
            ..Self::whole()
        };
        CURRENT.scope(current, future)
    }

    /// Asks `find` with service, operation and threshold of the current task, if it has any.
    pub(crate) fn threshold(
        find: impl FnOnce(Option<(&str, Option<&'static str>)>, Option<Duration>) -> Duration,
    ) -> Option<Duration> {
        let found = CURRENT.try_with(|current| {
            let service = current.service.as_deref();
            let class = service.map(|service| (service.name(), current.operation));
            find(class, current.slow_after)
        });
        found.ok()
    }

    fn whole() -> Current {
        CURRENT.try_with(Clone::clone).unwrap_or_default()
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
        let current = Current {
            service: Some(service),
            operation: Some(operation),
            ..Self::whole()
        };
        let result = CURRENT.scope(current, future).await;
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
        let _ = CURRENT.try_with(|current| current.service.as_deref().map(count));
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
