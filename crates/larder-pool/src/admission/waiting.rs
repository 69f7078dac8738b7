//! Waiting in the line.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::queue::{Place, Queue, Verdict};

/// Somebody in the line. Dropped, he leaves it and passes on what he was given meanwhile.
pub(crate) struct Waiting {
    queue: Arc<Queue>,
    number: u64,
    since: Instant,
    told: oneshot::Receiver<Verdict>,
    is_over: bool,
}

/// How waiting ended.
pub(crate) enum Outcome {
    Admitted(Place),
    /// Sent away because too much is asked.
    Shed {
        waited: Duration,
    },
    /// The deadline has passed.
    TimedOut,
    Closed,
}

impl Waiting {
    pub(super) fn new(
        queue: &Arc<Queue>,
        number: u64,
        since: Instant,
        told: oneshot::Receiver<Verdict>,
    ) -> Self {
        Self {
            queue: Arc::clone(queue),
            number,
            since,
            told,
            is_over: false,
        }
    }

    /// Waits for a place, at most until then.
    ///
    /// # Cancel safety
    ///
    /// May be dropped and called again.
    pub(crate) async fn outcome(&mut self, until: Instant) -> Outcome {
        let mut look = self.queue.look(self.since, Instant::now());
        loop {
            let at = look.map_or(until, |look| look.min(until));
            tokio::select! {
                biased;
                verdict = &mut self.told => return self.end(verdict.unwrap_or(Verdict::Closed)),
                () = sleep_until(at) => {}
            }
            let now = Instant::now();
            if now >= until {
                return Outcome::TimedOut;
            }
            look = self.queue.look(self.since, now);
        }
    }

    fn end(&mut self, verdict: Verdict) -> Outcome {
        self.is_over = true;
        match verdict {
            Verdict::Admitted => Outcome::Admitted(Place::new(&self.queue)),
            Verdict::Shed => Outcome::Shed {
                waited: self.since.elapsed(),
            },
            Verdict::Closed => Outcome::Closed,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.is_over || self.queue.leave(self.number) {
            return;
        }
        // The verdict was told before he could leave, and nobody has heard it.
        if self.told.try_recv() == Ok(Verdict::Admitted) {
            self.queue.give_back();
        }
    }
}
