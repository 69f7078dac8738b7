//! The places and the line for them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::controlled_delay::ControlledDelay;
use super::waiting::Waiting;
use crate::supply::Count;

/// Nobody is let in any more.
const CLOSED: u64 = 1 << 63;
const ONE_WAITING: u64 = 1 << 32;
const WAITING: u64 = CLOSED - ONE_WAITING;
const IN_USE: u64 = ONE_WAITING - 1;

/// Places, and those who wait for one.
///
/// While somebody waits, no place is free, unless the limit was just raised and the line has not
/// moved up yet. How many wait changes only under the lock of the line; how many places are in
/// use may change without it as long as nobody waits.
pub(crate) struct Queue {
    /// Closed, how many wait, how many places are in use: in one word, so that a place is taken
    /// and given back in one step while nobody waits.
    state: AtomicU64,
    limit: AtomicUsize,
    max_waiting: usize,
    /// Those who have a place and no connection yet.
    awaiting: AtomicUsize,
    line: Mutex<Line>,
    /// Told of each place that comes back once the queue is closed.
    returned: Notify,
    /// Told when somebody has waited for longer than the target.
    pressed: Notify,
}

/// Those who wait, in the order in which they came.
struct Line {
    waiters: BTreeMap<u64, Waiter>,
    next: u64,
    delay: ControlledDelay,
    waits: Waits,
}

struct Waiter {
    since: Instant,
    verdict: oneshot::Sender<Verdict>,
}

/// What becomes of somebody who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Admitted,
    Shed,
    Closed,
}

/// What becomes of somebody who comes.
pub(crate) enum Entry {
    Admitted(Place),
    Waiting(Waiting),
    /// As many wait as may.
    Full,
    Closed,
}

/// The waits that have ended since the last time that somebody asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Waits {
    pub(crate) count: u64,
    pub(crate) longest: Duration,
    /// How many had waited for longer than the target.
    pub(crate) long: u64,
    pub(crate) shed: u64,
}

impl Queue {
    pub(crate) fn new(limit: usize, max_waiting: usize, delay: ControlledDelay) -> Arc<Self> {
        let most = usize::try_from(IN_USE >> 1).unwrap_or(usize::MAX);
        Arc::new(Self {
            state: AtomicU64::new(0),
            limit: AtomicUsize::new(limit.clamp(1, most)),
            max_waiting: max_waiting.min(most),
            awaiting: AtomicUsize::new(0),
            line: Mutex::new(Line {
                waiters: BTreeMap::new(),
                next: 0,
                delay,
                waits: Waits::default(),
            }),
            returned: Notify::new(),
            pressed: Notify::new(),
        })
    }

    /// Takes a place if one is free and nobody waits: without a lock.
    pub(crate) fn try_enter(self: &Arc<Self>) -> Option<Place> {
        let limit = self.limit();
        let taken = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |state| {
                let is_free = state & (CLOSED | WAITING) == 0 && in_use(state) < limit;
                is_free.then(|| state + 1)
            });
        taken.is_ok().then(|| Place::new(self))
    }

    /// Takes a place, or a place in the line.
    pub(crate) fn enter(self: &Arc<Self>, now: Instant) -> Entry {
        let mut line = self.line();
        loop {
            let state = self.state.load(Ordering::Acquire);
            let is_free = state & WAITING == 0 && in_use(state) < self.limit();
            let next = if state & CLOSED != 0 {
                return Entry::Closed;
            } else if is_free {
                state + 1
            } else if waiting(state) >= self.max_waiting {
                return Entry::Full;
            } else {
                state + ONE_WAITING
            };
            // Fails where a place was given back meanwhile.
            if self
                .state
                .compare_exchange(state, next, Ordering::AcqRel, Ordering::Relaxed)
                .is_err()
            {
                continue;
            }
            if is_free {
                return Entry::Admitted(Place::new(self));
            }
            let (verdict, told) = oneshot::channel();
            let number = line.next;
            line.next += 1;
            line.waiters.insert(
                number,
                Waiter {
                    since: now,
                    verdict,
                },
            );
            line.delay.joined(now);
            self.shed(&mut line, now);
            return Entry::Waiting(Waiting::new(self, number, now, told));
        }
    }

    /// Looks at the line: sends away who has waited too long. Gives when somebody who has waited
    /// since then has to look again.
    pub(crate) fn look(&self, since: Instant, now: Instant) -> Option<Instant> {
        let mut line = self.line();
        self.observe(&mut line, now);
        self.shed(&mut line, now);
        line.delay.next_look(since, now)
    }

    /// Somebody leaves the line. `false` where he is no longer in it: his verdict was told.
    pub(super) fn leave(&self, number: u64) -> bool {
        let mut line = self.line();
        let was_there = line.waiters.remove(&number).is_some();
        if was_there {
            self.left(&mut line);
        }
        was_there
    }

    /// How many may have a place at the same time.
    pub(crate) fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Moves the limit. Whoever has a place keeps it; who waits moves up.
    pub(crate) fn set_limit(&self, limit: usize) {
        let mut line = self.line();
        self.limit.store(limit.max(1), Ordering::Relaxed);
        let now = Instant::now();
        while in_use(self.state.load(Ordering::Acquire)) < self.limit()
            && self.admit_next(&mut line, now)
        {
            self.state.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Places that are taken.
    pub(crate) fn in_use(&self) -> usize {
        in_use(self.state.load(Ordering::Acquire))
    }

    /// Callers in the line.
    pub(crate) fn waiting(&self) -> usize {
        waiting(self.state.load(Ordering::Acquire))
    }

    /// How many have a place and no connection yet.
    pub(crate) fn awaiting(&self) -> usize {
        self.awaiting.load(Ordering::Relaxed)
    }

    /// Somebody has a place and no connection yet, for as long as this lives.
    pub(crate) fn await_connection(&self) -> Count<'_> {
        Count::up(&self.awaiting)
    }

    /// Whether those who wait too long are being sent away.
    pub(crate) fn is_overloaded(&self) -> bool {
        self.line().delay.is_overloaded(Instant::now())
    }

    /// How long a wait may be, and for how long it may be longer.
    pub(crate) fn bounds(&self) -> (Duration, Duration) {
        let line = self.line();
        (line.delay.target(), line.delay.interval())
    }

    /// The waits that have ended since this was asked last.
    pub(crate) fn take_waits(&self) -> Waits {
        std::mem::take(&mut self.line().waits)
    }

    /// Waits until somebody has waited for longer than the target.
    pub(crate) async fn pressed(&self) {
        self.pressed.notified().await;
    }

    /// Lets nobody in any more, and sends away who waits.
    pub(crate) fn close(&self) {
        let mut line = self.line();
        self.state.fetch_or(CLOSED, Ordering::AcqRel);
        while let Some((_, waiter)) = line.waiters.pop_first() {
            self.left(&mut line);
            tell(waiter, Verdict::Closed);
        }
    }

    /// Whether [`close`](Self::close) was called.
    pub(crate) fn is_closed(&self) -> bool {
        self.state.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Waits until all places have come back to a queue that is closed.
    pub(crate) async fn emptied(&self) {
        loop {
            let mut returned = std::pin::pin!(self.returned.notified());
            // Listening before looking, so that no return is missed in between.
            returned.as_mut().enable();
            if self.in_use() == 0 {
                return;
            }
            returned.await;
        }
    }

    /// A place has come back: the next one gets it, or nobody does.
    pub(super) fn give_back(&self) {
        let unlocked = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |state| {
                (state & (CLOSED | WAITING) == 0).then(|| state - 1)
            });
        if unlocked.is_ok() {
            return;
        }
        let mut line = self.line();
        let is_surplus = self.in_use() > self.limit();
        if is_surplus || !self.admit_next(&mut line, Instant::now()) {
            self.state.fetch_sub(1, Ordering::AcqRel);
        }
        if self.is_closed() {
            self.returned.notify_waiters();
        }
    }

    /// Tells the next one that he has a place. `false` where nobody waits.
    fn admit_next(&self, line: &mut Line, now: Instant) -> bool {
        self.observe(line, now);
        self.shed(line, now);
        // The newest are the ones whose callers are still there. Few are served in order: what
        // is left of a line that is gone would otherwise be served last.
        let newest_first = line.delay.is_overloaded(now) && line.waiters.len() > self.limit();
        let next = if newest_first {
            line.waiters.pop_last()
        } else {
            line.waiters.pop_first()
        };
        let Some((_, waiter)) = next else {
            return false;
        };
        let waited = now.duration_since(waiter.since);
        line.delay.served(now);
        line.waits.count += 1;
        line.waits.longest = line.waits.longest.max(waited);
        line.waits.long += u64::from(waited >= line.delay.target());
        self.left(line);
        tell(waiter, Verdict::Admitted);
        true
    }

    fn observe(&self, line: &mut Line, now: Instant) {
        let Some(oldest) = line.oldest(now) else {
            return;
        };
        if line.delay.observe(oldest, now) {
            self.pressed.notify_one();
        }
        if self.awaiting() > 0 {
            // Connections are being opened: what it can do is not known yet.
            line.delay.is_growing();
        }
    }

    /// Sends away those who have waited too long, while it is overloaded, and those who are too
    /// many. As many as there are places may always wait: each of them is served after one turn
    /// of the pool, and a wait for slow work is not a line.
    fn shed(&self, line: &mut Line, now: Instant) {
        let is_too_much = |line: &Line| {
            let is_late = |oldest| oldest >= line.delay.target();
            let waiting = line.waiters.len();
            waiting > self.limit()
                && (waiting > line.delay.room() || line.oldest(now).is_some_and(is_late))
        };
        while line.delay.is_overloaded(now) && is_too_much(line) {
            let Some((_, waiter)) = line.waiters.pop_first() else {
                return;
            };
            line.delay.shed(now);
            line.waits.shed += 1;
            self.left(line);
            tell(waiter, Verdict::Shed);
        }
    }

    /// Somebody is no longer in the line.
    fn left(&self, line: &mut Line) {
        self.state.fetch_sub(ONE_WAITING, Ordering::AcqRel);
        if line.waiters.is_empty() {
            line.delay.line_is_empty();
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// For how long the one who came first has waited.
    fn oldest(&self, now: Instant) -> Option<Duration> {
        let (_, first) = self.waiters.first_key_value()?;
        Some(now.duration_since(first.since))
    }
}

/// Who is in the line listens: he leaves it before he stops.
fn tell(waiter: Waiter, verdict: Verdict) {
    // A test may drop the listener by itself; nobody else does.
    let _ = waiter.verdict.send(verdict);
}

fn in_use(state: u64) -> usize {
    usize::try_from(state & IN_USE).unwrap_or(usize::MAX)
}

fn waiting(state: u64) -> usize {
    usize::try_from((state & WAITING) / ONE_WAITING).unwrap_or(usize::MAX)
}

/// A place. Dropped, it goes to the next in line.
pub(crate) struct Place {
    queue: Arc<Queue>,
}

impl Place {
    pub(super) fn new(queue: &Arc<Queue>) -> Self {
        Self {
            queue: Arc::clone(queue),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queue.give_back();
    }
}
