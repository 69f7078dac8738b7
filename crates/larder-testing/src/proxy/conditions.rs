//! What holds for all connections of a proxy, and which connections there are.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::moment::Rules;

/// How long the end of connections is waited for. The thread of the proxy has little else to do.
const PATIENCE: Duration = Duration::from_secs(10);

/// What holds for all connections.
#[derive(Clone)]
pub(super) struct Conditions {
    /// Where new ones lead.
    pub(super) to: SocketAddr,
    /// Whether nothing passes, by direction.
    pub(super) held: [bool; 2],
    pub(super) delay: Duration,
    /// Bytes a second.
    pub(super) rate: Option<usize>,
    /// How often all connections were ended, and how the last time.
    pub(super) ends: u64,
    pub(super) ending: Ending,
    /// How often one direction of all was ended.
    pub(super) halves: [u64; 2],
    /// How often everything was let through again.
    pub(super) resumed: u64,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Reset,
    Closed,
}

/// The way to the server.
pub(super) struct Way {
    /// Whether the messages are PostgreSQL's.
    pub(super) reads_along: bool,
    pub(super) rules: Rules,
    conditions: watch::Sender<Conditions>,
    /// The connections, each with how often all had been ended when it came.
    open: Mutex<BTreeMap<u64, u64>>,
    ended: Condvar,
}

impl Way {
    pub(super) fn new(to: SocketAddr, reads_along: bool) -> Self {
        Self {
            reads_along,
            rules: Rules::default(),
            conditions: watch::Sender::new(Conditions {
                to,
                held: [false; 2],
                delay: Duration::ZERO,
                rate: None,
                ends: 0,
                ending: Ending::Reset,
                halves: [0; 2],
                resumed: 0,
            }),
            open: Mutex::default(),
            ended: Condvar::new(),
        }
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Conditions)) {
        self.conditions.send_modify(change);
    }

    pub(super) fn watch(&self) -> watch::Receiver<Conditions> {
        self.conditions.subscribe()
    }

    /// Ends all connections and waits until they are gone.
    pub(super) fn end_all(&self, ending: Ending) {
        // Whoever comes in between is one of those or comes after it.
        let open = self.lock();
        self.change(|conditions| {
            conditions.ends += 1;
            conditions.ending = ending;
        });
        let ends = self.conditions.borrow().ends;
        let waited = self.ended.wait_timeout_while(open, PATIENCE, |open| {
            open.values().any(|came| *came < ends)
        });
        drop(waited);
    }

    pub(super) fn open_connections(&self) -> usize {
        self.lock().len()
    }

    /// Enters a connection, for as long as what is returned lives.
    pub(super) fn enter(&self) -> Entry<'_> {
        let mut open = self.lock();
        let number = open.last_key_value().map_or(0, |(last, _)| last + 1);
        let ends = self.conditions.borrow().ends;
        open.insert(number, ends);
        Entry {
            way: self,
            number,
            ends,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, u64>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is open.
pub(super) struct Entry<'w> {
    way: &'w Way,
    number: u64,
    /// How often all had been ended when it came.
    pub(super) ends: u64,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.way.lock().remove(&self.number);
        self.way.ended.notify_all();
    }
}
