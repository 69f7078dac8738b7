//! When Redis is left alone.
//!
//! It is asked while it answers. After a few failures in a row, or when its connection is lost,
//! nobody asks it any more, so nobody waits. Whether it is well again finds the supervisor out,
//! not who reads.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// So many failures in a row are too many.
const FAILURES: u32 = 3;

const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

type Callback = Arc<dyn Fn(bool) + Send + Sync>;

/// What went wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It took too long, or Redis could not answer.
    Failed,
    /// The connection is of no use any more.
    Lost,
}

pub(super) struct Breaker {
    open: AtomicBool,
    failures: AtomicU32,
    /// The number of the connection whose failures count. Calls on an older one may still be
    /// failing when the next is there.
    connection: AtomicU64,
    opened: Notify,
    callbacks: Mutex<Vec<Callback>>,
}

impl Breaker {
    /// Open, until a connection is there.
    pub(super) fn new() -> Self {
        Self {
            open: AtomicBool::new(true),
            failures: AtomicU32::new(0),
            connection: AtomicU64::new(0),
            opened: Notify::new(),
            callbacks: Mutex::default(),
        }
    }

    /// Whether Redis may be asked.
    pub(super) fn is_closed(&self) -> bool {
        !self.open.load(Ordering::Acquire)
    }

    /// A call on this connection was answered.
    pub(super) fn succeeded(&self) {
        // Most calls succeed: they take no cache line from each other.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// A call on this connection failed. True if that was one too many.
    pub(super) fn failed(&self, connection: u64, fault: Fault) -> bool {
        if self.connection.load(Ordering::Acquire) != connection {
            return false;
        }
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if fault == Fault::Failed && failures < FAILURES {
            return false;
        }
        if self.open.swap(true, Ordering::AcqRel) {
            return false;
        }
        self.opened.notify_one();
        self.tell(false);
        true
    }

    /// Redis answered the supervisor on this connection.
    pub(super) fn close(&self, connection: u64) {
        self.connection.store(connection, Ordering::Release);
        self.failures.store(0, Ordering::Relaxed);
        if self.open.swap(false, Ordering::AcqRel) {
            self.tell(true);
        }
    }

    /// Ends when it is open.
    pub(super) async fn opened(&self) {
        while self.is_closed() {
            self.opened.notified().await;
        }
    }

    /// Calls this whenever it closes (true) or opens (false).
    pub(super) fn on_change(&self, callback: Callback) {
        let mut callbacks = self
            .callbacks
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        callbacks.push(callback);
    }

    fn tell(&self, closed: bool) {
        let callbacks = {
            let callbacks = self
                .callbacks
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            callbacks.clone()
        };
        for callback in callbacks {
            callback(closed);
        }
    }
}

/// Pauses between tries: a random part of a time that doubles, so that many processes do not
/// come at once.
pub(super) struct Pauses {
    longest: Duration,
}

impl Pauses {
    pub(super) fn new() -> Self {
        Self {
            longest: SHORTEST_PAUSE,
        }
    }

    pub(super) fn next(&mut self) -> Duration {
        let pause = self.longest.mul_f64(fastrand::f64());
        self.longest = (self.longest * 2).min(LONGEST_PAUSE);
        pause
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn closed(connection: u64) -> Breaker {
        let breaker = Breaker::new();
        breaker.close(connection);
        breaker
    }

    #[test]
    fn three_failures_in_a_row_open_it() {
        let breaker = closed(1);
        for _ in 0..5 {
            assert!(!breaker.failed(1, Fault::Failed));
            assert!(!breaker.failed(1, Fault::Failed));
            breaker.succeeded();
        }
        assert!(breaker.is_closed());
        assert!(!breaker.failed(1, Fault::Failed));
        assert!(!breaker.failed(1, Fault::Failed));
        assert!(breaker.failed(1, Fault::Failed));
        assert!(!breaker.is_closed());
        // Once.
        assert!(!breaker.failed(1, Fault::Failed));
    }

    #[test]
    fn a_lost_connection_opens_it_at_once_and_an_older_one_does_not() {
        let breaker = closed(2);
        assert!(!breaker.failed(1, Fault::Lost));
        assert!(breaker.is_closed());
        assert!(breaker.failed(2, Fault::Lost));
        breaker.close(3);
        assert!(breaker.is_closed());
    }

    #[test]
    fn changes_are_told_once() {
        let breaker = Breaker::new();
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        breaker.on_change(Arc::new(move |closed| heard.lock().unwrap().push(closed)));
        breaker.close(1);
        breaker.close(1);
        for _ in 0..5 {
            breaker.failed(1, Fault::Failed);
        }
        breaker.close(2);
        assert_eq!(*told.lock().unwrap(), [true, false, true]);
    }

    #[test]
    fn pauses_double_and_are_random() {
        let longest = |n: usize| {
            let pause = |_| {
                let mut pauses = Pauses::new();
                (0..n).for_each(|_| assert!(pauses.next() <= LONGEST_PAUSE));
                pauses.next()
            };
            let all: Vec<Duration> = (0..200).map(pause).collect();
            (*all.iter().min().unwrap(), *all.iter().max().unwrap())
        };
        let (shortest, first) = longest(0);
        assert!(first <= SHORTEST_PAUSE && first > SHORTEST_PAUSE / 2 && shortest < first / 2);
        let (_, late) = longest(20);
        assert!(late <= LONGEST_PAUSE && late > LONGEST_PAUSE / 2);
    }
}
