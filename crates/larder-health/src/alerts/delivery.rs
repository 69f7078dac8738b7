//! Bringing alerts to one sink, for as long as it takes.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::outbox::Outbox;
use super::{Alert, AlertError, AlertOptions, AlertSink};

/// The pause between two attempts when there is little time left.
const LAST_PAUSE: Duration = Duration::from_millis(100);

/// Brings alerts to one sink.
pub(super) struct Delivery {
    pub(super) sink: Arc<dyn AlertSink>,
    pub(super) options: Arc<AlertOptions>,
    pub(super) outbox: Arc<Outbox>,
    /// Whether this is about to end.
    pub(super) closing: watch::Receiver<bool>,
}

impl Delivery {
    /// Sends what comes until nothing comes any more. What fails for now stays until it arrives or
    /// there is newer word: a receiver that is away for an hour hears afterwards how things stand.
    pub(super) async fn run(mut self) {
        let mut failures: u32 = 0;
        while let Some(alert) = self.outbox.next().await {
            let Err(error) = self.attempt(&alert).await else {
                self.outbox.sent();
                if failures > 0 {
                    let sink = self.sink.name();
                    tracing::info!(sink, failures, "alerts arrive again");
                }
                failures = 0;
                continue;
            };
            let (sink, incident) = (self.sink.name(), &alert.incident);
            if !error.is_temporary {
                tracing::warn!(sink, incident, "failed to {error}; it is given up");
                self.outbox.refused();
                continue;
            }
            failures = failures.saturating_add(1);
            // Less and less often: it may last.
            if failures.is_power_of_two() {
                tracing::warn!(
                    sink,
                    incident,
                    failures,
                    "failed to {error}; it is tried again"
                );
            }
            self.outbox.failed(alert);
            self.pause(failures).await;
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

    /// Waits before the next attempt; at the end not for long.
    async fn pause(&mut self, failures: u32) {
        let doubled = 2_u32.saturating_pow(failures - 1);
        let pause = self.options.first_pause.saturating_mul(doubled);
        // Not all instances at the same moment.
        let share = 0.5 + fastrand::f64() / 2.0;
        let pause = pause.min(self.options.longest_pause).mul_f64(share);
        if *self.closing.borrow() {
            return sleep(pause.min(LAST_PAUSE)).await;
        }
        tokio::select! {
            () = sleep(pause) => {}
            _ = self.closing.wait_for(|is_closing| *is_closing) => {}
        }
    }
}
