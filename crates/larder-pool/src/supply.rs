//! Making connections: how many at once, and how soon again after one has failed.
//!
//! While the server is well, a few connections are made at a time. As soon as an attempt fails,
//! one attempt at a time is made for all who wait, after a pause that grows with each failure
//! and is never quite the same: a server that comes back is not met by all pools at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

use crate::Error;
use crate::connect_error::ConnectError;
use crate::connection::Connection;
use crate::connector::Connector;

pub(crate) struct Supply {
    at_once: Semaphore,
    /// One at a time while there is trouble.
    probe: tokio::sync::Mutex<()>,
    trouble: Mutex<Option<Trouble>>,
    connecting: AtomicUsize,
}

/// The last attempts have failed.
#[derive(Clone)]
struct Trouble {
    failures: u32,
    again: Instant,
    last: Arc<ConnectError>,
}

impl Supply {
    /// How long to wait after a failed attempt to connect; twice as long after each further one.
    const FIRST_PAUSE: Duration = Duration::from_millis(50);
    const LONGEST_PAUSE: Duration = Duration::from_secs(1);

    pub(crate) fn new(at_once: usize) -> Self {
        Self {
            at_once: Semaphore::new(at_once.clamp(1, Semaphore::MAX_PERMITS)),
            probe: tokio::sync::Mutex::default(),
            trouble: Mutex::default(),
            connecting: AtomicUsize::new(0),
        }
    }

    /// Attempts that are under way or wait for their turn.
    pub(crate) fn connecting(&self) -> usize {
        self.connecting.load(Ordering::Relaxed)
    }

    /// Whether the last attempt failed.
    pub(crate) fn is_in_trouble(&self) -> bool {
        self.trouble().is_some()
    }

    /// Connects when it is its turn.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`]. Where trying again cannot help, who has waited for his turn gets that
    /// of an attempt that began meanwhile. Who came later waits until the pause is over, however
    /// often he asks.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it makes room for the next.
    pub(crate) async fn connect(&self, connector: &Connector) -> Result<Connection, Error> {
        let _connecting = Count::up(&self.connecting);
        let came = Instant::now();
        // It is never closed.
        let _turn = self.at_once.acquire().await;
        if !self.is_in_trouble() {
            return self.attempt(connector).await;
        }
        let _probe = self.probe.lock().await;
        // Somebody may have got through meanwhile.
        let trouble = self.trouble().clone();
        if let Some(Trouble { again, last, .. }) = trouble {
            // An older refusal may be wrong by now, a password was changed. And who gets one
            // without any wait asks again at once.
            if last.cause().is_permanent() && last.began >= came {
                return Err(Error::Connect(last));
            }
            sleep_until(again).await;
        }
        self.attempt(connector).await
    }

    async fn attempt(&self, connector: &Connector) -> Result<Connection, Error> {
        let result = connector.connect().await;
        let mut trouble = self.trouble();
        match &result {
            Ok(_) => *trouble = None,
            Err(Error::Connect(error)) => {
                let failures = trouble.as_ref().map_or(0, |trouble| trouble.failures);
                *trouble = Some(Trouble {
                    failures: failures.saturating_add(1),
                    again: Instant::now() + pause_after(failures),
                    last: Arc::clone(error),
                });
            }
            Err(_) => {}
        }
        drop(trouble);
        result
    }

    fn trouble(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pause after so many failures and one more: between half and all of what doubles each time.
fn pause_after(failures: u32) -> Duration {
    let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
    let longest = Supply::FIRST_PAUSE
        .saturating_mul(factor)
        .min(Supply::LONGEST_PAUSE);
    longest.mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// Counts something for as long as it lives, even if its future is dropped.
pub(crate) struct Count<'c>(&'c AtomicUsize);

impl<'c> Count<'c> {
    pub(crate) fn up(counter: &'c AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_differ() {
        for (failures, longest) in [(0, 50), (1, 100), (2, 200), (5, 1_000), (40, 1_000)] {
            let longest = Duration::from_millis(longest);
            for _ in 0..100 {
                let pause = pause_after(failures);
                assert!(
                    pause >= longest / 2 && pause <= longest,
                    "{failures}: {pause:?}"
                );
            }
        }
        let pauses: std::collections::HashSet<_> = (0..20).map(|_| pause_after(5)).collect();
        assert!(pauses.len() > 1, "all pools would come back at once");
    }
}
