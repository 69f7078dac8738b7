//! A slot: when something was invalidated last, and whether that is in doubt.

use std::sync::atomic::{AtomicU64, Ordering};

/// The number of the last invalidation in the low 48 bits, the number of open doubts in the
/// high 16.
///
/// One comparison answers both questions: a slot in doubt is greater than any number of an
/// invalidation. 48 bits last for nine years at a million invalidations a second.
#[derive(Default)]
pub(crate) struct Slot(AtomicU64);

const DOUBT: u64 = 1 << 48;
const NUMBER: u64 = DOUBT - 1;
const MOST_DOUBTS: u64 = u64::MAX - NUMBER;

impl Slot {
    /// Whether nothing was invalidated here after the number `as_of`, and nothing is in doubt.
    ///
    /// Acquire: whoever sees an invalidation here sees all that its writer did before it.
    pub(crate) fn is_current(&self, as_of: u64) -> bool {
        self.0.load(Ordering::Acquire) <= as_of
    }

    /// Notes an invalidation. A greater number that is there stays.
    pub(crate) fn invalidate(&self, number: u64) {
        self.update(|slot| slot & !NUMBER | (slot & NUMBER).max(number));
    }

    /// Opens a doubt.
    pub(crate) fn open_doubt(&self) {
        // A count that is full stays full for good: nothing is kept on this slot any more,
        // which is slow and never wrong.
        self.update(|slot| {
            if slot & MOST_DOUBTS == MOST_DOUBTS {
                slot
            } else {
                slot + DOUBT
            }
        });
    }

    /// Ends a doubt and notes an invalidation in one step: there is no moment in between in
    /// which what was kept before would be current again.
    pub(crate) fn close_doubt(&self, number: u64) {
        self.update(|slot| {
            let doubts = match slot & MOST_DOUBTS {
                MOST_DOUBTS => MOST_DOUBTS,
                doubts => doubts.saturating_sub(DOUBT),
            };
            doubts | (slot & NUMBER).max(number)
        });
    }

    fn update(&self, change: impl Fn(u64) -> u64) {
        let mut slot = self.0.load(Ordering::Relaxed);
        // Release: see `is_current`.
        while let Err(now) =
            self.0
                .compare_exchange_weak(slot, change(slot), Ordering::AcqRel, Ordering::Relaxed)
        {
            slot = now;
        }
    }
}
