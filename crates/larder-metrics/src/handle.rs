//! Handles that know for which recorder they were made.
//!
//! A handle made before the process has a recorder goes nowhere for ever. Components are often
//! made, and even used, before [`Exporter::install`](crate::Exporter::install); so what keeps
//! handles keeps them in this, and opens them again when a recorder was installed since.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

/// How often the recorder was installed: at most once, except in tests.
static INSTALLED: AtomicU64 = AtomicU64::new(0);

/// Handles made before are not current any more.
pub(crate) fn recorder_was_installed() {
    INSTALLED.fetch_add(1, Ordering::Release);
}

/// One or several handles, and for which recorder they were made.
#[derive(Debug, Clone)]
pub(crate) struct Opened<T> {
    installed: u64,
    handles: T,
}

impl<T> Opened<T> {
    pub(crate) fn new(open: impl FnOnce() -> T) -> Self {
        // Read first: if the recorder is installed meanwhile, they are opened once more.
        let installed = INSTALLED.load(Ordering::Acquire);
        Self {
            installed,
            handles: open(),
        }
    }

    /// Whether no recorder was installed since they were made.
    pub(crate) fn is_current(&self) -> bool {
        self.installed == INSTALLED.load(Ordering::Acquire)
    }
}

impl<T> Deref for Opened<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.handles
    }
}

/// Handles that are opened when they are first used, and again after a recorder was installed.
/// Opened before, they would make series of things that never happen.
#[derive(Debug)]
pub(crate) struct Lazy<T>(RwLock<Option<Opened<T>>>);

impl<T> Default for Lazy<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T> Lazy<T> {
    /// Uses the handles; `open` makes them where there are none, or where they are outdated.
    pub(crate) fn with(&self, open: impl FnOnce() -> T, record: impl FnOnce(&T)) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_ref().filter(|handles| handles.is_current()) {
            return record(known);
        }
        drop(known);
        let opened = Opened::new(open);
        record(&opened);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(opened);
    }
}
