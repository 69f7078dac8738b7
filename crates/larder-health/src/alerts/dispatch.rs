//! From reports to sinks: a queue and a task for each sink, so that none holds up another.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use serde::Serialize;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::alarm::Alarm;
use super::{Alert, AlertError, AlertSink};
use crate::{HealthMonitor, Status};

#[cfg(test)]
mod tests;

/// When alerts are sent, and how hard it is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertOptions {
    /// The name of the instance in alerts. `larder` by default.
    pub instance: String,
    /// From which status on. [`Status::Degraded`] by default.
    pub from: Status,
    /// How often an alert is repeated while it lasts. Each hour by default; `None` is never.
    pub repeat: Option<Duration>,
    /// How many alerts may wait for each sink. What comes then is dropped, and counted. 64 by
    /// default.
    pub queue: usize,
    /// How often each is tried before it is dropped, and counted. 8 by default.
    pub attempts: u32,
    /// How long one attempt may take. 10 s by default.
    pub deadline: Duration,
    /// The pause before the second attempt; each further one is twice as long. 1 s by default.
    pub first_pause: Duration,
    /// The longest pause between two attempts. 1 min by default.
    pub longest_pause: Duration,
}

impl Default for AlertOptions {
    fn default() -> Self {
        Self {
            instance: "larder".to_owned(),
            from: Status::Degraded,
            repeat: Some(Duration::from_secs(3_600)),
            queue: 64,
            attempts: 8,
            deadline: Duration::from_secs(10),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
        }
    }
}

/// Listens to a monitor and tells sinks. It ends when this is dropped, with what is still on its
/// way.
#[derive(Debug)]
pub struct Alerter {
    sinks: Vec<(String, Arc<Counters>)>,
    _tasks: JoinSet<()>,
}

/// What became of the alerts for one sink.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SinkStatistics {
    /// Alerts that were sent.
    pub sent: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
    /// Alerts that were given up, because no attempt succeeded or too many waited.
    pub dropped: u64,
}

#[derive(Debug, Default)]
struct Counters {
    sent: AtomicU64,
    failed_attempts: AtomicU64,
    dropped: AtomicU64,
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
        let mut tasks = JoinSet::new();
        let mut queues = Vec::new();
        let mut counted = Vec::new();
        for sink in sinks {
            let counters = Arc::new(Counters::default());
            counted.push((sink.name().to_owned(), Arc::clone(&counters)));
            let (queue, alerts) = channel(options.queue.max(1));
            queues.push(Queue {
                name: sink.name().to_owned(),
                queue,
                counters: Arc::clone(&counters),
            });
            let delivery = Delivery {
                sink,
                options: Arc::clone(&options),
                counters,
            };
            tasks.spawn(delivery.run(alerts));
        }
        tasks.spawn(listen(options, monitor.clone(), queues));
        Self {
            sinks: counted,
            _tasks: tasks,
        }
    }

    /// What became of the alerts, by the names of the sinks.
    #[must_use]
    pub fn statistics(&self) -> Vec<(String, SinkStatistics)> {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        self.sinks
            .iter()
            .map(|(name, counters)| {
                let statistics = SinkStatistics {
                    sent: read(&counters.sent),
                    failed_attempts: read(&counters.failed_attempts),
                    dropped: read(&counters.dropped),
                };
                (name.clone(), statistics)
            })
            .collect()
    }
}

/// Makes alerts of reports, and hands them out without waiting for anybody.
async fn listen(options: Arc<AlertOptions>, monitor: HealthMonitor, queues: Vec<Queue>) {
    let mut reports = monitor.subscribe();
    // Who listens does not keep the monitor.
    drop(monitor);
    let mut alarm = Alarm::new(options.instance.clone(), options.from, options.repeat);
    loop {
        let report = Arc::clone(&reports.borrow_and_update());
        if let Some(alert) = alarm.note(&report, Instant::now()) {
            let alert = Arc::new(alert);
            for queue in &queues {
                queue.offer(&alert);
            }
        }
        let due = alarm.due();
        let repeat = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = reports.changed() => if changed.is_err() { return },
            () = repeat => {}
        }
    }
}

/// The way to one sink.
struct Queue {
    name: String,
    queue: Sender<Arc<Alert>>,
    counters: Arc<Counters>,
}

impl Queue {
    fn offer(&self, alert: &Arc<Alert>) {
        if self.queue.try_send(Arc::clone(alert)).is_err() {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                sink = self.name,
                incident = alert.incident,
                "an alert was dropped: too many are waiting"
            );
        }
    }
}

/// Brings alerts to one sink.
struct Delivery {
    sink: Arc<dyn AlertSink>,
    options: Arc<AlertOptions>,
    counters: Arc<Counters>,
}

impl Delivery {
    async fn run(self, mut alerts: Receiver<Arc<Alert>>) {
        while let Some(alert) = alerts.recv().await {
            self.deliver(alert).await;
        }
    }

    async fn deliver(&self, alert: Arc<Alert>) {
        let mut pause = self.options.first_pause;
        for attempt in 1..=self.options.attempts.max(1) {
            let Err(error) = self.attempt(&alert).await else {
                self.counters.sent.fetch_add(1, Ordering::Relaxed);
                return;
            };
            let counters = &self.counters;
            counters.failed_attempts.fetch_add(1, Ordering::Relaxed);
            if !error.is_temporary || attempt >= self.options.attempts {
                counters.dropped.fetch_add(1, Ordering::Relaxed);
                let (sink, incident) = (self.sink.name(), &alert.incident);
                tracing::warn!(sink, incident, attempt, "failed to {error}; it is given up");
                return;
            }
            // Not all instances at the same moment.
            let share = 0.5 + fastrand::f64() / 2.0;
            sleep(pause.min(self.options.longest_pause).mul_f64(share)).await;
            pause = pause.saturating_mul(2);
        }
    }

    async fn attempt(&self, alert: &Arc<Alert>) -> Result<(), AlertError> {
        // In a block of its own: the call that makes the future may panic too.
        let sending = async { self.sink.send(Arc::clone(alert)).await };
        let sending = AssertUnwindSafe(sending).catch_unwind();
        match timeout(self.options.deadline, sending).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(AlertError::permanent("the sink panicked")),
            Err(_) => Err(AlertError::temporary("it took too long")),
        }
    }
}
