//! What one sink has still to be told: the newest word of each incident, of no more than a few.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::Notify;

use super::Alert;

/// What became of the alerts for one sink.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SinkStatistics {
    /// Alerts that were sent.
    pub sent: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
    /// Alerts that were not sent because there was newer word of the same incident before they
    /// could be.
    pub replaced: u64,
    /// Alerts that were given up, because the sink refused them for good or too many waited.
    pub dropped: u64,
    /// Alerts that are being sent, or wait for it.
    pub waiting: u64,
}

/// The alerts on their way to one sink.
#[derive(Debug)]
pub(super) struct Outbox {
    sink: String,
    most: usize,
    waiting: Mutex<Waiting>,
    /// Something has come, or nothing will any more.
    news: Notify,
    sent: AtomicU64,
    failed_attempts: AtomicU64,
    replaced: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    /// One of each incident, those first that came first.
    alerts: VecDeque<Arc<Alert>>,
    is_one_being_sent: bool,
    is_closed: bool,
}

impl Outbox {
    pub(super) fn new(sink: &str, most: usize) -> Self {
        Self {
            sink: sink.to_owned(),
            most: most.max(1),
            waiting: Mutex::default(),
            news: Notify::new(),
            sent: AtomicU64::default(),
            failed_attempts: AtomicU64::default(),
            replaced: AtomicU64::default(),
            dropped: AtomicU64::default(),
        }
    }

    pub(super) fn sink(&self) -> &str {
        &self.sink
    }

    /// Puts in the newest word of an incident: what waits of it is replaced.
    pub(super) fn offer(&self, alert: &Arc<Alert>) {
        let mut waiting = self.waiting();
        match waiting.of(&alert.incident) {
            Some(place) => {
                *place = Arc::clone(alert);
                count(&self.replaced);
            }
            None => self.push(&mut waiting, Arc::clone(alert)),
        }
        drop(waiting);
        self.news.notify_one();
    }

    /// Nothing comes any more.
    pub(super) fn close(&self) {
        self.waiting().is_closed = true;
        self.news.notify_one();
    }

    /// What is to be sent next; none when nothing comes any more. There is one who asks.
    pub(super) async fn next(&self) -> Option<Arc<Alert>> {
        loop {
            {
                let mut waiting = self.waiting();
                if let Some(alert) = waiting.alerts.pop_front() {
                    waiting.is_one_being_sent = true;
                    return Some(alert);
                }
                if waiting.is_closed {
                    return None;
                }
            }
            self.news.notified().await;
        }
    }

    /// It has arrived.
    pub(super) fn sent(&self) {
        self.waiting().is_one_being_sent = false;
        count(&self.sent);
    }

    /// It will never arrive.
    pub(super) fn refused(&self) {
        self.waiting().is_one_being_sent = false;
        count(&self.failed_attempts);
        count(&self.dropped);
    }

    /// It has not arrived this time. It waits behind the others, unless there is newer word.
    pub(super) fn failed(&self, alert: Arc<Alert>) {
        count(&self.failed_attempts);
        let mut waiting = self.waiting();
        waiting.is_one_being_sent = false;
        match waiting.of(&alert.incident) {
            Some(_) => count(&self.replaced),
            None => self.push(&mut waiting, alert),
        }
    }

    pub(super) fn statistics(&self) -> SinkStatistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let waiting = {
            let waiting = self.waiting();
            waiting.alerts.len() as u64 + u64::from(waiting.is_one_being_sent)
        };
        SinkStatistics {
            sent: read(&self.sent),
            failed_attempts: read(&self.failed_attempts),
            replaced: read(&self.replaced),
            dropped: read(&self.dropped),
            waiting,
        }
    }

    fn push(&self, waiting: &mut Waiting, alert: Arc<Alert>) {
        if waiting.alerts.len() >= self.most
            && let Some(oldest) = waiting.alerts.pop_front()
        {
            count(&self.dropped);
            let (sink, incident) = (&self.sink, &oldest.incident);
            tracing::warn!(
                sink,
                incident,
                "an alert was dropped: too many incidents are waiting"
            );
        }
        waiting.alerts.push_back(alert);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        let waiting = self.waiting.lock();
        waiting.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// What waits of this incident.
    fn of(&mut self, incident: &str) -> Option<&mut Arc<Alert>> {
        let mut alerts = self.alerts.iter_mut();
        alerts.find(|alert| alert.incident == incident)
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
