//! Doubt: a write of which nobody knows whether it took effect.

use crate::slots::Slots;
use crate::versions::Versions;

/// While it lives, what was put in doubt is never current; see
/// [`Versions::doubt`](crate::Versions::doubt).
///
/// Held from the moment in which a commit's answer was lost until its outcome is known, or
/// until it can no longer take effect.
#[derive(Debug)]
#[must_use = "the doubt ends when the guard is dropped"]
pub struct Doubt {
    versions: Versions,
    /// `None` for everything.
    slots: Option<Slots>,
}

impl Doubt {
    pub(crate) fn open(versions: Versions, slots: Option<Slots>) -> Self {
        versions.count_doubt();
        Self::suspend(versions, slots)
    }

    /// The same for something that nobody doubts, but wants out of the cache for a while.
    pub(crate) fn suspend(versions: Versions, slots: Option<Slots>) -> Self {
        versions.open_doubt(slots.as_ref());
        Self { versions, slots }
    }
}

impl Drop for Doubt {
    fn drop(&mut self) {
        self.versions.close_doubt(self.slots.as_ref());
    }
}
