//! The pool of bb8, until it is shut down.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::checkout::Manager;

/// The connections that nobody uses.
pub(crate) struct Shelf {
    pool: Mutex<Option<bb8::Pool<Manager>>>,
    shut: AtomicBool,
}

impl Shelf {
    pub(crate) fn new(pool: bb8::Pool<Manager>) -> Self {
        Self {
            pool: Mutex::new(Some(pool)),
            shut: AtomicBool::new(false),
        }
    }

    pub(crate) fn get(&self) -> Option<bb8::Pool<Manager>> {
        self.lock().clone()
    }

    pub(crate) fn is_shut(&self) -> bool {
        self.shut.load(Ordering::Acquire)
    }

    pub(crate) fn shut(&self) {
        self.shut.store(true, Ordering::Release);
    }

    /// Closes what is idle, by forgetting the pool.
    pub(crate) fn clear(&self) {
        self.lock().take();
    }

    /// How many connections nobody uses.
    pub(crate) fn idle(&self) -> usize {
        let idle = self.get().map_or(0, |pool| pool.state().idle_connections);
        usize::try_from(idle).unwrap_or(usize::MAX)
    }

    /// Whether one of them can be taken and the next caller still gets one: that is idle too, or
    /// that is opened for him, while fewer are open than `most`.
    pub(crate) fn has_spare(&self, most: usize) -> bool {
        let Some(state) = self.get().map(|pool| pool.state()) else {
            return false;
        };
        is_spare(state.idle_connections, state.connections, most)
    }

    fn lock(&self) -> MutexGuard<'_, Option<bb8::Pool<Manager>>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_spare(idle: u32, open: u32, most: usize) -> bool {
    let may_grow = usize::try_from(open).is_ok_and(|open| open < most);
    idle >= 2 || (idle == 1 && may_grow)
}

#[cfg(test)]
mod tests {
    use super::is_spare;

    #[test]
    fn the_last_connection_is_nobodys_to_spare() {
        assert!(!is_spare(0, 3, 20), "nobody opens one for it");
        assert!(is_spare(1, 3, 20));
        assert!(!is_spare(1, 20, 20));
        assert!(is_spare(2, 20, 20));
        assert!(!is_spare(1, 1, 1), "a pool of one");
    }
}
