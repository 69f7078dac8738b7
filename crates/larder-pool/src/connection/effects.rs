//! What a transaction has written so far, by savepoint, and who wants to hear of its end.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::TransactionSettings;
use crate::written::{Effects, Note, Written};

/// What somebody does once a transaction has ended.
pub(crate) type Hook = Box<dyn FnOnce() + Send>;

/// What was noted in a transaction, by whoever runs inside it.
#[derive(Default)]
pub(crate) struct Notes {
    taken: Mutex<Taken>,
    /// Under what the transaction runs.
    settings: Option<TransactionSettings>,
}

#[derive(Default)]
struct Taken {
    notes: Vec<Note>,
    /// The transaction has ended.
    over: bool,
}

impl Notes {
    /// Says whether the transaction is still open, so that it takes the note.
    pub(crate) fn add(&self, note: &Note) -> bool {
        let mut taken = self.lock();
        if !taken.over {
            taken.notes.push(Arc::clone(note));
        }
        !taken.over
    }

    /// Under what the transaction runs.
    pub(crate) fn settings(&self) -> Option<&TransactionSettings> {
        self.settings.as_ref()
    }

    fn so_far(&self) -> Vec<Note> {
        self.lock().notes.clone()
    }

    /// The transaction has ended; it takes no more.
    fn end(&self) -> Vec<Note> {
        let mut taken = self.lock();
        taken.over = true;
        std::mem::take(&mut taken.notes)
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was written and asked for in a transaction, a level for it and for each savepoint.
#[derive(Default)]
pub(crate) struct TransactionEffects {
    levels: Vec<Level>,
    /// Those of a savepoint that is rolled back stay: they are of use to whoever forgets too much.
    notes: Arc<Notes>,
}

#[derive(Default)]
struct Level {
    written: Effects,
    after_commit: Vec<Hook>,
    after_rollback: Vec<Hook>,
}

impl TransactionEffects {
    /// A transaction or a savepoint begins.
    pub(crate) fn deepen(&mut self) {
        if self.levels.is_empty() {
            self.notes = Arc::default();
        }
        self.levels.push(Level::default());
    }

    /// The transaction that has just begun runs under these.
    pub(crate) fn run_under(&mut self, settings: TransactionSettings) {
        self.notes = Arc::new(Notes {
            settings: Some(settings),
            ..Notes::default()
        });
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.levels.is_empty()
    }

    /// What is noted in the transaction that is open.
    pub(crate) fn notes(&self) -> Arc<Notes> {
        Arc::clone(&self.notes)
    }

    pub(crate) fn wrote(&mut self, written: Written, unclear: bool) {
        if let Some(level) = self.levels.last_mut() {
            level.written.add(written, unclear);
        }
    }

    /// Gives the hook back where no transaction is open.
    pub(crate) fn after_commit(&mut self, hook: Hook) -> Result<(), Hook> {
        match self.levels.last_mut() {
            Some(level) => {
                level.after_commit.push(hook);
                Ok(())
            }
            None => Err(hook),
        }
    }

    /// Gives the hook back where no transaction is open.
    pub(crate) fn after_rollback(&mut self, hook: Hook) -> Result<(), Hook> {
        match self.levels.last_mut() {
            Some(level) => {
                level.after_rollback.push(hook);
                Ok(())
            }
            None => Err(hook),
        }
    }

    /// The innermost savepoint is released: what it wrote belongs to the level below.
    pub(crate) fn release(&mut self) {
        let Some(released) = self.levels.pop() else {
            return;
        };
        if let Some(level) = self.levels.last_mut() {
            level.written.merge(released.written);
            level.after_commit.extend(released.after_commit);
            level.after_rollback.extend(released.after_rollback);
        }
    }

    /// The innermost level is rolled back: what it wrote never was. Gives what is to be done.
    pub(crate) fn roll_back(&mut self) -> Vec<Hook> {
        self.levels
            .pop()
            .map(|level| level.after_rollback)
            .unwrap_or_default()
    }

    /// All levels are rolled back.
    pub(crate) fn roll_back_all(&mut self) -> Vec<Hook> {
        drop(self.notes.end());
        std::mem::take(&mut self.levels)
            .into_iter()
            .flat_map(|level| level.after_rollback)
            .collect()
    }

    /// What the whole transaction has written so far.
    pub(crate) fn written(&self) -> Effects {
        let mut written = Effects::default();
        for level in &self.levels {
            written.merge(level.written.clone());
        }
        written.add_notes(self.notes.so_far());
        written
    }

    /// The whole transaction has ended: what it wrote, and what is to be done if it was committed.
    pub(crate) fn take(&mut self) -> (Effects, Vec<Hook>) {
        let mut written = Effects::default();
        let mut hooks = Vec::new();
        for level in std::mem::take(&mut self.levels) {
            written.merge(level.written);
            hooks.extend(level.after_commit);
        }
        written.add_notes(self.notes.end());
        (written, hooks)
    }
}

impl fmt::Debug for TransactionEffects {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TransactionEffects")
            .field("levels", &self.levels.len())
            .finish_non_exhaustive()
    }
}

/// Runs hooks. One that panics costs nobody else anything: it is logged.
pub(crate) fn run(hooks: Vec<Hook>) {
    for hook in hooks {
        if catch_unwind(AssertUnwindSafe(hook)).is_err() {
            tracing::error!("a hook after a transaction panicked");
        }
    }
}
