//! What is asked about health.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use crate::{Finding, Status};

/// Something that can be asked how well it is.
///
/// A check may take long, never end, or panic: the [`HealthMonitor`](crate::HealthMonitor)
/// gives it a deadline and turns both into a [`Finding::failed`]. It must not block the thread.
pub trait Probe: Send + Sync + 'static {
    /// Its name in reports and metrics, one of few: `database`, `pool`, `cache`.
    fn name(&self) -> &str;

    /// Looks now.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when the deadline is over; it must not leave anything half done.
    fn check(&self) -> BoxFuture<'_, Finding>;

    /// The worst that it may be: what it finds beyond counts as this. [`Status::Critical`] by
    /// default. For what can be done without, such as a second tier of the cache, it is
    /// [`Status::Degraded`].
    fn at_worst(&self) -> Status {
        Status::Critical
    }

    /// How long a check may take; by default as long as
    /// [`MonitorOptions::deadline`](crate::MonitorOptions::deadline) says.
    fn deadline(&self) -> Option<Duration> {
        None
    }
}

/// A probe of an async closure.
///
/// ```
/// use larder_health::{Finding, Probe, Status, probe};
///
/// let disk = probe("disk", || async { Finding::healthy() }).at_worst(Status::Degraded);
/// assert_eq!(Probe::name(&disk), "disk");
/// ```
pub fn probe<F, Fut>(name: impl Into<String>, check: F) -> ClosureProbe
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Finding> + Send + 'static,
{
    ClosureProbe {
        name: name.into(),
        check: Box::new(move || Box::pin(check())),
        at_worst: Status::Critical,
        deadline: None,
    }
}

type Check = dyn Fn() -> BoxFuture<'static, Finding> + Send + Sync;

/// A probe of an async closure; made by [`probe`].
pub struct ClosureProbe {
    name: String,
    check: Box<Check>,
    at_worst: Status,
    deadline: Option<Duration>,
}

impl ClosureProbe {
    /// The worst that it may be; [`Status::Critical`] by default.
    #[must_use]
    pub fn at_worst(mut self, status: Status) -> Self {
        self.at_worst = status;
        self
    }

    /// How long a check may take; by default as long as
    /// [`MonitorOptions::deadline`](crate::MonitorOptions::deadline) says.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }
}

impl Probe for ClosureProbe {
    fn name(&self) -> &str {
        &self.name
    }

    fn check(&self) -> BoxFuture<'_, Finding> {
        (self.check)()
    }

    fn at_worst(&self) -> Status {
        self.at_worst
    }

    fn deadline(&self) -> Option<Duration> {
        self.deadline
    }
}

impl<P: Probe + ?Sized> Probe for Arc<P> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn check(&self) -> BoxFuture<'_, Finding> {
        (**self).check()
    }

    fn at_worst(&self) -> Status {
        (**self).at_worst()
    }

    fn deadline(&self) -> Option<Duration> {
        (**self).deadline()
    }
}

impl fmt::Debug for ClosureProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClosureProbe")
            .field("name", &self.name)
            .field("at_worst", &self.at_worst)
            .finish_non_exhaustive()
    }
}
