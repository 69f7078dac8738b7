//! What a pool does when nobody asks for anything: it closes what is dead or no longer wanted,
//! opens what is missing, warns of those who hold a connection for long, and moves its limit.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use futures::FutureExt;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::admission::Queue;
use crate::checkout::{Counters, Pooled};
use crate::pool::Inner;

/// How often it looks.
const LOOK: Duration = Duration::from_secs(1);

/// Looks after a pool until it is gone or shut down.
pub(crate) async fn look_after(
    pool: Weak<Inner>,
    counters: Arc<Counters>,
    queue: Arc<Queue>,
    held_warning: Option<Duration>,
) {
    // Late by a quarter at most.
    let look = held_warning.map_or(LOOK, |held| {
        (held / 4).clamp(Duration::from_millis(10), LOOK)
    });
    let mut looks = interval(look);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut may_grow = Instant::now();
    loop {
        let pressed = async {
            // What was opened last has to be of use first.
            sleep_until(may_grow).await;
            queue.pressed().await;
        };
        let is_pressed = tokio::select! {
            _ = looks.tick() => false,
            () = counters.closed.notified() => {
                match pool.upgrade() {
                    Some(pool) => pool.refill(),
                    None => return,
                }
                continue;
            }
            () = pressed => true,
        };
        let Some(pool) = pool.upgrade() else {
            return;
        };
        if pool.shelf.is_shut() {
            return;
        }
        if is_pressed {
            pool.grow();
            may_grow = Instant::now() + queue.bounds().0;
        } else {
            pool.sweep();
            pool.refill();
            pool.warn_of_holders(held_warning);
            pool.take_advice(look);
        }
    }
}

impl Inner {
    /// Closes idle connections that have died, are too old, or that nobody has wanted for long.
    fn sweep(&self) {
        let Some(shelf) = self.shelf.get() else {
            return;
        };
        for _ in 0..shelf.state().idle_connections {
            if self.queue.waiting() > 0 || shelf.state().idle_connections == 0 {
                return;
            }
            // It is judged as it goes back, behind all others.
            let Some(Ok(mut pooled)) = shelf.get_owned().now_or_never() else {
                return;
            };
            pooled.returned = Instant::now();
            drop(pooled);
        }
    }

    /// Opens connections until there are as many as are kept open, in a task of its own.
    pub(crate) fn refill(self: &Arc<Self>) {
        let is_due = !self.shelf.is_shut() && self.missing() > 0;
        if !is_due || self.refilling.swap(true, Ordering::AcqRel) {
            return;
        }
        let pool = Arc::downgrade(self);
        let at_once = self.options.connect_parallelism;
        self.runtime.spawn(async move {
            while let Some(pool) = pool.upgrade() {
                let missing = pool.missing().min(at_once);
                if missing == 0 || pool.shelf.is_shut() {
                    break;
                }
                // The next look tries again, and the pauses between attempts are the supply's.
                let opened = futures::future::join_all((0..missing).map(|_| pool.open_one()));
                if opened.await.contains(&false) {
                    break;
                }
            }
            if let Some(pool) = pool.upgrade() {
                pool.refilling.store(false, Ordering::Release);
            }
        });
    }

    /// How many connections are missing that are kept open.
    fn missing(&self) -> usize {
        let there = self.counters.open.load(Ordering::Relaxed) + self.counters.supply.connecting();
        self.options.kept_open().saturating_sub(there)
    }

    async fn open_one(&self) -> bool {
        match self.counters.supply.connect(&self.connector).await {
            Ok(connection) => {
                self.counters.connected();
                let lifetime = self.options.max_lifetime;
                let pooled = Box::new(Pooled::new(connection, &self.counters, lifetime));
                // No room: others have opened as many meanwhile.
                self.shelf
                    .get()
                    .is_some_and(|shelf| shelf.add(pooled).is_ok())
            }
            Err(error) => {
                self.counters.connect_failed(&error);
                false
            }
        }
    }

    fn warn_of_holders(&self, threshold: Option<Duration>) {
        let Some(threshold) = threshold else {
            return;
        };
        for holder in self.counters.holders.held_since(threshold) {
            tracing::warn!(
                pool = self.options.name,
                "a connection is held longer than {threshold:?} (pool.held_warning): by {holder}"
            );
            self.counters.held_long.fetch_add(1, Ordering::Relaxed);
            self.options
                .observer
                .tell(|observer| observer.held_long(&holder));
        }
    }

    fn grow(&self) {
        self.advise(|advisor| advisor.pressed());
    }

    fn take_advice(&self, look: Duration) {
        let waits = self.queue.take_waits();
        let in_use = self.in_use();
        // Periods are as long where it looks more often.
        let looks = LOOK.as_millis() / look.as_millis().max(1);
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        if looks <= 1 || u128::from(turn).is_multiple_of(looks) || waits.long > 0 {
            self.advise(|advisor| advisor.look(in_use, waits));
        }
    }

    fn advise(&self, look: impl FnOnce(&mut crate::advisor::Advisor) -> bool) {
        let mut advisor = self.advisor.lock().unwrap_or_else(PoisonError::into_inner);
        if !look(&mut advisor) {
            return;
        }
        let advice = advisor.advice().clone();
        drop(advisor);
        let before = self.queue.limit();
        self.queue.set_limit(advice.limit);
        tracing::info!(
            pool = self.options.name,
            before,
            limit = advice.limit,
            reason = advice.reason.as_str(),
            "the limit of the pool moves: {advice}"
        );
        self.options
            .observer
            .tell(|observer| observer.limit_moved(&advice));
    }
}
