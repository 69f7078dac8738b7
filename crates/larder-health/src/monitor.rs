//! The monitor: asks the probes, remembers, tells.

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::join_all;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::history::{Check, History, Outcome};
use crate::thresholds::ConsecutiveFailures;
use crate::{Finding, HealthRecord, HealthReport, Hysteresis, Probe, Status, Transition};

#[cfg(test)]
mod tests;

/// How a [`HealthMonitor`] works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitorOptions {
    /// How often [`HealthMonitor::run`] checks. 30 s by default.
    pub interval: Duration,
    /// How long a probe may take, if it says nothing itself. 5 s by default.
    pub deadline: Duration,
    /// How bad failures in a row are: 3 unhealthy, 10 critical by default.
    pub failures: ConsecutiveFailures,
    /// How long something has to be worse or better before it counts as that, for probes that say
    /// nothing themselves: two checks in a row by default.
    pub hysteresis: Hysteresis,
}

impl Default for MonitorOptions {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            deadline: Duration::from_secs(5),
            failures: ConsecutiveFailures::default(),
            hysteresis: Hysteresis::default(),
        }
    }
}

/// Asks probes how well they are, and remembers what they found. Clones share it.
///
/// Probes are asked at the same time, each with a deadline. One that panics or does not answer
/// has *failed*; so has one that gives [`Finding::failed`]. A failure is degraded; the third in
/// a row is unhealthy, the tenth critical. A status [settles](Hysteresis): one blip changes
/// nothing. The status of the whole is that of the worst probe that counts, and the report names
/// the cause: what is wrong and no other probe that is wrong explains.
///
/// Each change of the status is an event of target `larder::health`: at level warn if it is
/// worse, info if it is better.
#[derive(Clone)]
pub struct HealthMonitor(Arc<Inner>);

struct Inner {
    options: MonitorOptions,
    probes: Vec<Arc<dyn Probe>>,
    history: Mutex<History>,
    /// The last report, for those who wait for one.
    told: watch::Sender<Arc<HealthReport>>,
    /// One check at a time: failures in a row are counted by checks.
    turn: tokio::sync::Mutex<()>,
    wall_clock: Box<dyn Fn() -> DateTime<Utc> + Send + Sync>,
}

impl HealthMonitor {
    /// A monitor that has not checked yet. It starts nothing: spawn [`run`](Self::run).
    #[must_use]
    pub fn new(options: MonitorOptions, probes: Vec<Arc<dyn Probe>>) -> Self {
        Self::with_wall_clock(options, probes, Utc::now)
    }

    fn with_wall_clock(
        options: MonitorOptions,
        probes: Vec<Arc<dyn Probe>>,
        wall_clock: impl Fn() -> DateTime<Utc> + Send + Sync + 'static,
    ) -> Self {
        let history = History::new(&probes, options.hysteresis);
        let told = watch::Sender::new(Arc::new(history.report(Instant::now())));
        Self(Arc::new(Inner {
            history: Mutex::new(history),
            told,
            options,
            probes,
            turn: tokio::sync::Mutex::new(()),
            wall_clock: Box::new(wall_clock),
        }))
    }

    /// The options that it was made with.
    #[must_use]
    pub fn options(&self) -> &MonitorOptions {
        &self.0.options
    }

    /// Checks at once and then at each interval, until it is dropped.
    ///
    /// # Cancel safety
    ///
    /// It is made for being dropped. A check that is under way is not recorded.
    pub async fn run(self) {
        let mut interval = interval(self.0.options.interval.max(Duration::from_millis(1)));
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            self.check().await;
        }
    }

    /// Asks all probes now, after a check that is under way.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the end, nothing is recorded.
    pub async fn check_now(&self) -> HealthReport {
        self.check().await;
        self.report()
    }

    /// What the last check found; from memory, it asks nobody.
    #[must_use]
    pub fn report(&self) -> HealthReport {
        self.history().report(Instant::now())
    }

    /// The status that the last check found; from memory.
    #[must_use]
    pub fn status(&self) -> Status {
        self.history().status()
    }

    /// The reports as they come: after each check, the newest. Whoever is slow misses some and holds
    /// nobody up.
    ///
    /// ```
    /// # use larder_health::{HealthMonitor, MonitorOptions, Status};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let monitor = HealthMonitor::new(MonitorOptions::default(), Vec::new());
    /// let mut reports = monitor.subscribe();
    /// tokio::spawn(monitor.run());
    /// reports.changed().await.unwrap();
    /// assert_eq!(reports.borrow_and_update().checks, 1);
    /// # });
    /// ```
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<HealthReport>> {
        self.0.told.subscribe()
    }

    /// The last 100 checks, oldest first.
    #[must_use]
    pub fn records(&self) -> Vec<HealthRecord> {
        self.history().records()
    }

    /// The last 100 changes of the status, oldest first. The first is from
    /// [`Status::Unknown`].
    #[must_use]
    pub fn transitions(&self) -> Vec<Transition> {
        self.history().transitions()
    }

    async fn check(&self) {
        let _turn = self.0.turn.lock().await;
        let began = Instant::now();
        let outcomes = join_all(self.0.probes.iter().map(|probe| self.ask(&**probe))).await;
        let now = Instant::now();
        let check = Check {
            outcomes,
            took: now - began,
            at: (self.0.wall_clock)(),
            now,
        };
        let (transition, report) = {
            let mut history = self.history();
            let transition = history.note(check, &self.0.options.failures);
            (transition, history.report(now))
        };
        self.0.told.send_replace(Arc::new(report));
        if let Some(transition) = transition {
            tell(&transition);
        }
    }

    async fn ask(&self, probe: &dyn Probe) -> Outcome {
        let began = Instant::now();
        let deadline = probe.deadline().unwrap_or(self.0.options.deadline);
        // In a block of its own: the call that makes the future may panic too.
        let check = AssertUnwindSafe(async { probe.check().await }).catch_unwind();
        let finding = match timeout(deadline, check).await {
            Ok(Ok(finding)) => finding,
            Ok(Err(panic)) => Finding::failed(format!("panicked: {}", message(&*panic))),
            Err(_) => Finding::failed(format!("no answer within {deadline:?}")),
        };
        Outcome {
            finding,
            took: began.elapsed(),
        }
    }

    fn history(&self) -> MutexGuard<'_, History> {
        let history = self.0.history.lock();
        history.unwrap_or_else(PoisonError::into_inner)
    }
}

/// The message of a panic.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}

fn tell(transition: &Transition) {
    let (from, to) = (transition.from, transition.to);
    let reasons = transition.reasons.join("; ");
    if to > from && to > Status::Healthy {
        tracing::warn!(target: "larder::health", %from, %to, reasons, "health got worse");
    } else {
        tracing::info!(target: "larder::health", %from, %to, reasons, "health changed");
    }
}

impl fmt::Debug for HealthMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthMonitor")
            .field("options", &self.0.options)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
