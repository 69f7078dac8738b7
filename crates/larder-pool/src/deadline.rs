//! The deadline of a request, which all that is done for it keeps.
//!
//! [`within`] gives a future so much time. All waits inside it know what is left of it by
//! [`remaining`]: for a connection, for an answer of the server, before a retry. They end by
//! themselves, and their errors say what they waited for. Whatever else the future does is ended
//! a little later, by dropping it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::Error;

tokio::task_local! {
    static CURRENT: Arc<Deadline>;
}

/// When a request has to be over.
struct Deadline {
    at: Instant,
    limit: Duration,
    /// What is waited for now, the outermost first.
    waits: Mutex<Vec<(u64, &'static str)>>,
}

impl Deadline {
    /// So much time from now, or what is left of a deadline around it.
    fn after(limit: Duration) -> Self {
        let at = in_future(Instant::now(), limit);
        let outer = CURRENT.try_with(|outer| (outer.at, outer.limit)).ok();
        let (at, limit) = outer.filter(|outer| outer.0 <= at).unwrap_or((at, limit));
        Self {
            at,
            limit,
            waits: Mutex::default(),
        }
    }

    /// The innermost thing that is waited for.
    fn waited_for(&self) -> Option<&'static str> {
        self.waits().last().map(|(_, what)| *what)
    }

    fn waits(&self) -> MutexGuard<'_, Vec<(u64, &'static str)>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So much time after a moment. What is as good as no limit, such as [`Duration::MAX`], is a date
/// that a clock can show.
pub(crate) fn in_future(moment: Instant, limit: Duration) -> Instant {
    const THIRTY_YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    moment + limit.min(THIRTY_YEARS)
}

/// What waits inside have beyond the deadline, so that it is they who report it: they know what
/// they waited for, and they leave a connection in order.
const GRACE: Duration = Duration::from_millis(100);

/// Runs a future that has so much time. Within another deadline the earlier one counts.
///
/// Waits of Larder inside it end at the deadline by themselves; their own error is in what the
/// future returns. A future that goes on beyond it is dropped.
///
/// The deadline belongs to the task: what the future spawns has none.
///
/// # Errors
///
/// [`Error::DeadlineExceeded`] if the future was dropped. It names what Larder was waiting for. What
/// the future had sent by then may have taken effect, or take effect later.
///
/// # Cancel safety
///
/// It is as safe to drop as `future`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use larder_pool::deadline;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let left = deadline::within(Duration::from_secs(2), async { deadline::remaining() }).await;
/// assert!(left.unwrap().is_some_and(|left| left <= Duration::from_secs(2)));
/// assert_eq!(deadline::remaining(), None);
///
/// let late = deadline::within(Duration::from_millis(1), std::future::pending::<()>()).await;
/// assert!(late.is_err());
/// # }
/// ```
pub fn within<F: Future>(
    limit: Duration,
    future: F,
) -> impl Future<Output = Result<F::Output, Error>> {
    // Boxed before it is in a future of ours, which would hold it twice.
    let future = Box::pin(future);
    async move {
        let deadline = Arc::new(Deadline::after(limit));
        let mut running = std::pin::pin!(CURRENT.scope(Arc::clone(&deadline), future));
        match timeout_at(deadline.at + GRACE, running.as_mut()).await {
            Ok(output) => Ok(output),
            Err(_) => Err(Error::DeadlineExceeded {
                limit: deadline.limit,
                waited_for: deadline.waited_for(),
            }),
        }
    }
}

/// How much time the request of the current task has left: zero once its deadline has passed,
/// `None` where it has no deadline.
pub fn remaining() -> Option<Duration> {
    CURRENT
        .try_with(|deadline| deadline.at.saturating_duration_since(Instant::now()))
        .ok()
}

/// The earlier one of a limit and what is left.
pub(crate) fn at_most(limit: Option<Duration>) -> Option<Duration> {
    match (limit, remaining()) {
        (Some(limit), Some(left)) => Some(limit.min(left)),
        (limit, left) => limit.or(left),
    }
}

/// Waits for something for as long as the request has time. `what` reads after "while waiting
/// for". `None` if it did not come in time.
///
/// # Cancel safety
///
/// It is as safe to drop as `future`.
pub async fn in_time<F: Future>(what: &'static str, future: F) -> Option<F::Output> {
    let Some(left) = remaining() else {
        return Some(future.await);
    };
    let _waiting = Wait::begin(what);
    tokio::time::timeout(left, future).await.ok()
}

/// The time that the request had in all, if that has passed or is about to.
pub(crate) fn passed() -> Option<Duration> {
    limit().filter(|_| remaining().is_some_and(|left| left < GRACE))
}

/// The time that the request had in all, if its deadline has passed.
pub(crate) fn over() -> Option<Duration> {
    let over = CURRENT.try_with(|deadline| {
        let is_over = deadline.at <= Instant::now();
        is_over.then_some(deadline.limit)
    });
    over.ok().flatten()
}

/// Whether the request of the current task has a deadline that has passed.
pub(crate) fn is_over() -> bool {
    remaining() == Some(Duration::ZERO)
}

/// The time that the request had in all, for errors.
pub(crate) fn limit() -> Option<Duration> {
    CURRENT.try_with(|deadline| deadline.limit).ok()
}

/// Something that is waited for, for as long as this lives.
#[must_use = "it ends when it is dropped"]
pub(crate) struct Wait(Option<(Arc<Deadline>, u64)>);

impl Wait {
    /// Says what is waited for: a phrase that reads after "while waiting for".
    pub(crate) fn begin(what: &'static str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let Ok(deadline) = CURRENT.try_with(Arc::clone) else {
            return Self(None);
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        deadline.waits().push((number, what));
        Self(Some((deadline, number)))
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some((deadline, number)) = &self.0 {
            deadline.waits().retain(|(other, _)| other != number);
        }
    }
}
