//! What is asked about health.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use crate::{Finding, Hysteresis, Status};

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

    /// Whether it counts for the status of the whole. If not, it informs only: what it finds is
    /// in the report, and a cause only where it explains something that counts. It does by
    /// default.
    fn counts(&self) -> bool {
        true
    }

    /// The names of the probes that are bad when this one is, and then not the cause. None by
    /// default.
    fn explains(&self) -> &[String] {
        &[]
    }

    /// How long it has to be worse or better before it counts as that; by default as
    /// [`MonitorOptions::hysteresis`](crate::MonitorOptions::hysteresis) says.
    fn hysteresis(&self) -> Option<Hysteresis> {
        None
    }

    /// How far it looks back. What it finds may be owed that long to a cause that is over already,
    /// and is not held against it then. Nothing by default: it sees what is now.
    fn memory(&self) -> Duration {
        Duration::ZERO
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
        counts: true,
        explains: Vec::new(),
        hysteresis: None,
        memory: Duration::ZERO,
    }
}

type Check = dyn Fn() -> BoxFuture<'static, Finding> + Send + Sync;

/// A probe of an async closure; made by [`probe`].
pub struct ClosureProbe {
    name: String,
    check: Box<Check>,
    at_worst: Status,
    deadline: Option<Duration>,
    counts: bool,
    explains: Vec<String>,
    hysteresis: Option<Hysteresis>,
    memory: Duration,
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

    /// It does not count for the status of the whole.
    #[must_use]
    pub fn informing_only(mut self) -> Self {
        self.counts = false;
        self
    }

    /// The names of the probes that are bad when this one is, and then not the cause.
    #[must_use]
    pub fn explaining<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.explains = names.into_iter().map(Into::into).collect();
        self
    }

    /// How long it has to be worse or better before it counts as that; by default as
    /// [`MonitorOptions::hysteresis`](crate::MonitorOptions::hysteresis) says.
    #[must_use]
    pub fn hysteresis(mut self, hysteresis: Hysteresis) -> Self {
        self.hysteresis = Some(hysteresis);
        self
    }

    /// How far it looks back; nothing by default. See [`Probe::memory`].
    #[must_use]
    pub fn memory(mut self, memory: Duration) -> Self {
        self.memory = memory;
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

    fn counts(&self) -> bool {
        self.counts
    }

    fn explains(&self) -> &[String] {
        &self.explains
    }

    fn hysteresis(&self) -> Option<Hysteresis> {
        self.hysteresis
    }

    fn memory(&self) -> Duration {
        self.memory
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

    fn counts(&self) -> bool {
        (**self).counts()
    }

    fn explains(&self) -> &[String] {
        (**self).explains()
    }

    fn hysteresis(&self) -> Option<Hysteresis> {
        (**self).hysteresis()
    }

    fn memory(&self) -> Duration {
        (**self).memory()
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
