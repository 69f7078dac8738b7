//! Who has connections, since when, and whether he will ever give them back.

use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::thread::ThreadId;
use std::time::Duration;

use tokio::time::Instant;

use crate::connection::Link;
use crate::observer::Observer;

tokio::task_local! {
    static LABEL: Arc<str>;
}

/// Runs a future whose connections are held in this name: errors, warnings and the status of a
/// pool show it beside the place in the code. It belongs to the task: what the future spawns has
/// no name.
///
/// # Cancel safety
///
/// It is as safe to drop as `future`.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let answer = larder_pool::holding_as("nightly report", async { 42 }).await;
/// assert_eq!(answer, 42);
/// # }
/// ```
pub async fn holding_as<F: Future>(name: impl Into<Arc<str>>, future: F) -> F::Output {
    LABEL.scope(name.into(), future).await
}

/// Who has a connection, and since when.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Holder {
    /// The name given by [`holding_as`], or else by the observer of the pool, if there is one.
    pub name: Option<Arc<str>>,
    /// Where in the code it was asked for.
    pub location: &'static Location<'static>,
    /// For how long he has had it.
    pub held_for: Duration,
    /// Whether a statement is running on it.
    pub is_busy: bool,
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(formatter, "`{name}` ")?;
        }
        write!(
            formatter,
            "at {}:{} for {:?}{}",
            self.location.file(),
            self.location.line(),
            self.held_for,
            if self.is_busy {
                ", running a statement"
            } else {
                ""
            }
        )
    }
}

/// Who asks for a connection.
#[derive(Clone)]
pub(crate) struct Caller {
    location: &'static Location<'static>,
    name: Option<Arc<str>>,
    flow: Flow,
}

/// What runs one thing after the other: a task, or a branch of one that is woken by itself.
#[derive(Clone)]
struct Flow {
    waker: Waker,
    runner: Runner,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    Task(tokio::task::Id),
    Thread(ThreadId),
}

impl Runner {
    pub(crate) fn current() -> Self {
        tokio::task::try_id().map_or_else(|| Self::Thread(std::thread::current().id()), Self::Task)
    }
}

impl Caller {
    /// The one who polls with this waker.
    pub(crate) fn new(
        location: &'static Location<'static>,
        waker: &Waker,
        observer: &Observer,
    ) -> Self {
        let name = LABEL.try_with(Arc::clone).ok();
        Self {
            location,
            name: name.or_else(|| observer.holder_name()),
            flow: Flow {
                waker: waker.clone(),
                runner: Runner::current(),
            },
        }
    }

    pub(crate) fn runner(&self) -> Runner {
        self.flow.runner
    }

    pub(crate) fn as_holder(&self) -> Holder {
        Holder {
            name: self.name.clone(),
            location: self.location,
            held_for: Duration::ZERO,
            is_busy: false,
        }
    }
}

/// The connections of a pool that may have a holder.
#[derive(Default)]
pub(crate) struct Holders(Mutex<Vec<Arc<Slot>>>);

/// Who holds one connection, as long as it is open.
pub(crate) struct Slot {
    /// It may be another one by now, where the first was lost.
    link: Mutex<Weak<Link>>,
    hold: Mutex<Option<Hold>>,
    /// He who has it is another than he who asked for it.
    moved: AtomicBool,
}

struct Hold {
    caller: Caller,
    since: Instant,
    warned: bool,
}

/// How far the work has come on all connections that one flow holds.
#[derive(PartialEq, Eq)]
pub(crate) struct Standstill(Vec<(usize, u64)>);

impl Holders {
    pub(crate) fn add(&self, link: &Arc<Link>) -> Arc<Slot> {
        let slot = Arc::new(Slot {
            link: Mutex::new(Arc::downgrade(link)),
            hold: Mutex::new(None),
            moved: AtomicBool::new(false),
        });
        self.slots().push(Arc::clone(&slot));
        slot
    }

    pub(crate) fn remove(&self, slot: &Arc<Slot>) {
        self.slots().retain(|other| !Arc::ptr_eq(other, slot));
    }

    /// All who have a connection, the longest first.
    pub(crate) fn all(&self) -> Vec<Holder> {
        let mut holders: Vec<_> = self
            .slots()
            .iter()
            .filter_map(|slot| slot.holder())
            .collect();
        holders.sort_by_key(|holder| std::cmp::Reverse(holder.held_for));
        holders
    }

    /// Those who have held a connection for so long, each once.
    pub(crate) fn held_since(&self, threshold: Duration) -> Vec<Holder> {
        let slots = self.slots();
        let late = slots.iter().filter(|slot| slot.is_late(threshold));
        late.filter_map(|slot| slot.holder()).collect()
    }

    /// Where all these connections stand if this caller holds as many, and nothing runs on any
    /// of them. `None` otherwise.
    pub(crate) fn standstill(&self, caller: &Caller, held: usize) -> Option<Standstill> {
        let slots = self.slots();
        let mine: Option<Vec<_>> = slots
            .iter()
            .filter(|slot| slot.is_held_by(caller))
            .map(|slot| Some((Arc::as_ptr(slot).addr(), slot.idle_at()?)))
            .collect();
        mine.filter(|mine| mine.len() == held).map(Standstill)
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Arc<Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    pub(crate) fn hold(&self, caller: Caller, now: Instant) {
        self.moved.store(false, Ordering::Relaxed);
        *self.held() = Some(Hold {
            caller,
            since: now,
            warned: false,
        });
    }

    /// It comes back. Gives for how long it was away.
    pub(crate) fn release(&self, now: Instant) -> Option<Duration> {
        let hold = self.held().take()?;
        Some(now.duration_since(hold.since))
    }

    /// Who uses it: if it is another one than he who asked for it, it was passed on.
    pub(crate) fn used_by(&self, asked: Runner) {
        if Runner::current() != asked {
            self.moved.store(true, Ordering::Relaxed);
        }
    }

    fn holder(&self) -> Option<Holder> {
        let held = self.held();
        let hold = held.as_ref()?;
        let is_busy = self.link().is_some_and(|link| link.is_busy());
        Some(Holder {
            held_for: hold.since.elapsed(),
            is_busy,
            ..hold.caller.as_holder()
        })
    }

    fn is_late(&self, threshold: Duration) -> bool {
        let mut held = self.held();
        let Some(hold) = held.as_mut() else {
            return false;
        };
        let is_late = !hold.warned && hold.since.elapsed() >= threshold;
        hold.warned |= is_late;
        is_late
    }

    fn is_held_by(&self, caller: &Caller) -> bool {
        !self.moved.load(Ordering::Relaxed)
            && self.held().as_ref().is_some_and(|hold| {
                let (theirs, mine) = (&hold.caller.flow, &caller.flow);
                theirs.runner == mine.runner && theirs.waker.will_wake(&mine.waker)
            })
    }

    /// How many statements have been sent on it, if none is running.
    fn idle_at(&self) -> Option<u64> {
        let link = self.link()?;
        (!link.is_busy()).then(|| link.sent())
    }

    /// It goes on over another link.
    pub(crate) fn is_now(&self, link: &Arc<Link>) {
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(link);
    }

    fn link(&self) -> Option<Arc<Link>> {
        let link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        link.upgrade()
    }

    fn held(&self) -> MutexGuard<'_, Option<Hold>> {
        self.hold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection was asked for by somebody who has all connections of the pool already: the wait
/// could not end.
#[derive(Debug, Clone)]
pub struct NestedCheckoutError {
    pub(crate) pool: String,
    pub(crate) caller: Holder,
    pub(crate) held: Vec<Holder>,
}

impl NestedCheckoutError {
    /// The name of the pool.
    pub fn pool(&self) -> &str {
        &self.pool
    }

    /// Who asked.
    pub fn caller(&self) -> &Holder {
        &self.caller
    }

    /// The connections that he has, the one that he has had for longest first.
    pub fn held(&self) -> &[Holder] {
        &self.held
    }
}

impl fmt::Display for NestedCheckoutError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "get a connection from pool `{}` at {}:{}: the task that asks has all {} of its connections, and would wait for itself; give back or pass on what was opened ",
            self.pool,
            self.caller.location.file(),
            self.caller.location.line(),
            self.held.len(),
        )?;
        for (number, holder) in self.held.iter().take(3).enumerate() {
            if number > 0 {
                formatter.write_str(", ")?;
            }
            holder.fmt(formatter)?;
        }
        Ok(())
    }
}

impl std::error::Error for NestedCheckoutError {}
