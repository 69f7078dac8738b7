//! From reports to sinks: an outbox and a task for each sink, so that none holds up another.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::alarm::Alarm;
use super::delivery::Delivery;
use super::outbox::{Outbox, SinkStatistics};
use super::{Alert, AlertSink};
use crate::{HealthMonitor, Status};

#[cfg(test)]
mod tests;

/// When alerts are sent, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertOptions {
    /// The name of the instance in alerts, which no other one should have. `larder` by default.
    pub instance: String,
    /// The profile that it runs with, if alerts should name it. None by default.
    pub profile: Option<String>,
    /// From which status on. [`Status::Degraded`] by default.
    pub from: Status,
    /// How often an alert is repeated while it lasts. Each hour by default; `None` is never.
    pub repeat: Option<Duration>,
    /// Of how many incidents there may be word that waits for a sink. If there are more, that of
    /// the oldest is dropped, and counted. 64 by default.
    pub queue: usize,
    /// How long one attempt may take. 10 s by default.
    pub deadline: Duration,
    /// The pause after the first attempt that failed; after each further one it is twice as long.
    /// 1 s by default.
    pub first_pause: Duration,
    /// The longest pause between two attempts. 1 min by default.
    pub longest_pause: Duration,
}

impl Default for AlertOptions {
    fn default() -> Self {
        Self {
            instance: "larder".to_owned(),
            profile: None,
            from: Status::Degraded,
            repeat: Some(Duration::from_secs(3_600)),
            queue: 64,
            deadline: Duration::from_secs(10),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
        }
    }
}

/// Listens to a monitor and tells sinks.
///
/// The newest word of each incident is tried until it arrives, or the sink refuses it for good: a
/// receiver that was away hears afterwards how things stand, and not what has been meanwhile.
///
/// Dropped, it ends with what is still on its way; [`stop`](Self::stop) says farewell first.
#[derive(Debug)]
pub struct Alerter {
    outboxes: Arc<[Arc<Outbox>]>,
    closing: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// What became of the alerts of an [`Alerter`]; for whoever wants to read it from elsewhere.
#[derive(Debug, Clone)]
pub struct AlertStatistics(Arc<[Arc<Outbox>]>);

impl AlertStatistics {
    /// What became of the alerts until now, by the names of the sinks.
    #[must_use]
    pub fn read(&self) -> Vec<(String, SinkStatistics)> {
        let outboxes = self.0.iter();
        outboxes
            .map(|outbox| (outbox.sink().to_owned(), outbox.statistics()))
            .collect()
    }
}

impl Alerter {
    /// Starts to listen. Needs a tokio runtime.
    #[must_use]
    pub fn start(
        options: AlertOptions,
        monitor: &HealthMonitor,
        sinks: Vec<Arc<dyn AlertSink>>,
    ) -> Self {
        let options = Arc::new(options);
        let closing = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        let outboxes: Arc<[Arc<Outbox>]> = sinks
            .into_iter()
            .map(|sink| {
                let outbox = Arc::new(Outbox::new(sink.name(), options.queue));
                let delivery = Delivery {
                    sink,
                    options: Arc::clone(&options),
                    outbox: Arc::clone(&outbox),
                    closing: closing.subscribe(),
                };
                tasks.spawn(delivery.run());
                outbox
            })
            .collect();
        let listener = Listener {
            alarm: Alarm::new(&options),
            outboxes: Arc::clone(&outboxes),
            closing: closing.subscribe(),
        };
        tasks.spawn(listener.run(monitor.clone()));
        Self {
            outboxes,
            closing,
            tasks,
        }
    }

    /// What became of the alerts, to be read at any time.
    #[must_use]
    pub fn statistics(&self) -> AlertStatistics {
        AlertStatistics(Arc::clone(&self.outboxes))
    }

    /// Ends it: of an incident that lasts, sinks hear that nobody watches it any more
    /// ([`AlertKind::Stopped`](super::AlertKind::Stopped)), and what waits is tried for as long as
    /// `limit` allows. Where nothing waits it takes no time.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it ends at once, with what is still on its way.
    pub async fn stop(mut self, limit: Duration) {
        self.closing.send_replace(true);
        let all_end = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(limit, all_end).await.is_err() {
            for (sink, statistics) in self.statistics().read() {
                if statistics.waiting > 0 {
                    let waiting = statistics.waiting;
                    tracing::warn!(sink, waiting, "alerts were lost: there was no time left");
                }
            }
        }
    }
}

/// Makes alerts of reports, and hands them out without waiting for anybody.
struct Listener {
    alarm: Alarm,
    outboxes: Arc<[Arc<Outbox>]>,
    closing: watch::Receiver<bool>,
}

impl Listener {
    async fn run(mut self, monitor: HealthMonitor) {
        let mut reports = monitor.subscribe();
        // Who listens does not keep the monitor.
        drop(monitor);
        let mut closing = self.closing.clone();
        loop {
            let report = Arc::clone(&reports.borrow_and_update());
            if let Some(alert) = self.alarm.note(&report, Instant::now()) {
                self.tell(alert);
            }
            let due = self.alarm.due();
            let repeat = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            // In this order: what was found before the end is told before it.
            tokio::select! {
                biased;
                changed = reports.changed() => if changed.is_err() { break },
                () = repeat => {}
                _ = closing.wait_for(|is_closing| *is_closing) => break,
            }
        }
        if self
            .closing
            .wait_for(|is_closing| *is_closing)
            .await
            .is_ok()
        {
            if let Some(alert) = self.alarm.stop(Utc::now()) {
                self.tell(alert);
            }
            for outbox in self.outboxes.iter() {
                outbox.close();
            }
        }
    }

    fn tell(&self, alert: Alert) {
        let alert = Arc::new(alert);
        for outbox in self.outboxes.iter() {
            outbox.offer(&alert);
        }
    }
}
