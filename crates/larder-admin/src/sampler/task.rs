//! The one who reads the counters each second.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use larder_database::Database;
use larder_health::HealthMonitor;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{History, Reading, Sample};
use crate::events::Events;

/// What the sampler keeps. It costs some microseconds each second, and a bounded piece of memory.
#[derive(Debug)]
pub(crate) struct Sampler {
    history: Mutex<History>,
    events: Mutex<Events>,
    beat: watch::Sender<Beat>,
}

/// A sample was taken; those who show it live wait for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beat {
    /// How many there were.
    pub(crate) number: u64,
    /// When it was there: what is looked at later shows it.
    pub(crate) at: Instant,
}

impl Sampler {
    const EVERY: Duration = Duration::from_secs(1);

    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            history: Mutex::default(),
            events: Mutex::default(),
            beat: watch::Sender::new(Beat {
                number: 0,
                at: Instant::now(),
            }),
        })
    }

    pub(crate) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn events(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn beats(&self) -> watch::Receiver<Beat> {
        self.beat.subscribe()
    }

    /// Reads each second until it is told to stop.
    pub(crate) async fn run(
        self: Arc<Self>,
        database: Database,
        monitor: HealthMonitor,
        stopped: CancellationToken,
    ) {
        let mut cache_events = database.cache_events();
        let mut ticks = interval(Self::EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = Reading::take(&database, monitor.status());
        loop {
            tokio::select! {
                () = stopped.cancelled() => return,
                Some(event) = cache_events.recv() => self.events().note_cache(&event),
                _ = ticks.tick() => {
                    let now = Reading::take(&database, monitor.status());
                    self.note(&before, &now, &monitor);
                    before = now;
                }
            }
        }
    }

    fn note(&self, before: &Reading, now: &Reading, monitor: &HealthMonitor) {
        self.history().push(Sample::between(before, now));
        let mut events = self.events();
        events.note_health(&monitor.transitions());
        events.note_readings(before, now);
        drop(events);
        self.beat.send_modify(|beat| {
            beat.number += 1;
            beat.at = Instant::now();
        });
    }
}
