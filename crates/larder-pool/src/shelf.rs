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

    fn lock(&self) -> MutexGuard<'_, Option<bb8::Pool<Manager>>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
