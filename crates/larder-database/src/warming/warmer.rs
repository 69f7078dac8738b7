//! What a process knows of its own warming.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{self, watch};

use super::progress::WarmingProgress;
use super::registered::Registered;
use crate::options::CacheSettings;

/// The registered reads of a process, and how far it has come with them.
pub(crate) struct Warmer {
    /// Whether it warms without being asked.
    is_on: bool,
    /// What tells this process from others.
    pub(super) process: String,
    /// How many reads run at a time.
    pub(super) parallelism: usize,
    /// How long one of them may take.
    pub(super) deadline: Duration,
    state: Mutex<State>,
    /// One round at a time: the bound on how many run at once holds for all together.
    pub(super) turn: sync::Mutex<()>,
    calls: watch::Sender<Calls>,
}

#[derive(Default)]
struct State {
    reads: Vec<Entry>,
    progress: WarmingProgress,
    /// Rounds that run or wait.
    begun: usize,
    /// The first round has not ended.
    is_starting: bool,
}

struct Entry {
    read: Registered,
    /// It was registered after the last round began.
    is_new: bool,
}

/// What the tasks in the background are told.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Calls {
    /// How many reads were registered.
    registered: usize,
    pub(super) is_stopped: bool,
}

impl Warmer {
    pub(crate) fn new(settings: &mut CacheSettings, most_connections: usize) -> Self {
        let reads = settings.take_warmings();
        let is_on = settings.warm && settings.enabled;
        Self {
            is_on,
            process: format!("{:032x}", fastrand::u128(..)),
            parallelism: settings.warm_parallelism.clamp(1, most_connections.max(1)),
            deadline: settings.warm_timeout,
            state: Mutex::new(State {
                reads: reads
                    .into_iter()
                    .map(|read| Entry { read, is_new: true })
                    .collect(),
                is_starting: is_on,
                ..State::default()
            }),
            turn: sync::Mutex::default(),
            calls: watch::Sender::default(),
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Registers a read, in place of one of the same name.
    pub(super) fn register(&self, read: Registered) {
        let mut state = self.state();
        state.reads.retain(|known| !known.read.has_name_of(&read));
        state.reads.push(Entry { read, is_new: true });
        drop(state);
        self.calls.send_modify(|calls| calls.registered += 1);
    }

    /// Hears of what is registered, and of the end.
    pub(super) fn listen(&self) -> watch::Receiver<Calls> {
        self.calls.subscribe()
    }

    /// Ends what runs. Nothing begins any more.
    pub(crate) fn stop(&self) {
        self.calls.send_modify(|calls| calls.is_stopped = true);
    }

    /// All registered reads.
    pub(super) fn all(&self) -> Vec<Registered> {
        let mut state = self.state();
        let reads = state.reads.iter_mut().map(|entry| {
            entry.is_new = false;
            entry.read.clone()
        });
        reads.collect()
    }

    /// Those that no round has had so far.
    pub(super) fn new_ones(&self) -> Vec<Registered> {
        let mut state = self.state();
        let mut reads = Vec::new();
        for entry in state.reads.iter_mut().filter(|entry| entry.is_new) {
            entry.is_new = false;
            reads.push(entry.read.clone());
        }
        reads
    }

    /// The read of this name; otherwise the names that there are.
    pub(super) fn named(&self, name: &str) -> Result<Registered, Vec<Arc<str>>> {
        let state = self.state();
        let mut reads = state.reads.iter().map(|entry| &entry.read);
        let found = reads.clone().find(|read| &*read.name == name).cloned();
        found.ok_or_else(|| reads.by_ref().map(|read| Arc::clone(&read.name)).collect())
    }

    /// A round is about to run. It has ended when what this gives is dropped.
    pub(super) fn begin(&self) -> Round<'_> {
        self.state().begun += 1;
        Round(self)
    }

    /// Changes what is known of the progress.
    pub(super) fn note(&self, change: impl FnOnce(&mut WarmingProgress)) {
        change(&mut self.state().progress);
    }

    pub(super) fn progress(&self) -> WarmingProgress {
        let state = self.state();
        let is_asked = self.is_on && state.reads.iter().any(|entry| entry.is_new);
        WarmingProgress {
            finished: state.begun == 0 && !state.is_starting && !is_asked,
            ..state.progress.clone()
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A round that runs, or waits for its turn.
pub(super) struct Round<'a>(&'a Warmer);

impl Drop for Round<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.begun -= 1;
        state.is_starting = false;
        state.progress.running = 0;
        state.progress.rounds += 1;
    }
}
