//! The reads that are made again and again, and what has happened lately.

use std::collections::{HashMap, VecDeque};

use crate::chance::Chance;
use crate::read::Read;
use crate::schema::FAMILIES;

/// So many reads of a family are remembered.
const READS: usize = 24;

/// So many events are remembered.
const EVENTS: usize = 400;

/// What is remembered.
pub(crate) struct Memory {
    reads: Vec<VecDeque<Read>>,
    events: VecDeque<(u64, String)>,
    /// When a read was last right.
    right: HashMap<Read, u64>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self {
            reads: vec![VecDeque::new(); FAMILIES],
            events: VecDeque::new(),
            right: HashMap::new(),
        }
    }

    /// Remembers a read of these families.
    pub(crate) fn add(&mut self, read: &Read, families: u32) {
        for (family, reads) in self.reads.iter_mut().enumerate() {
            if families & 1 << family == 0 || reads.contains(read) {
                continue;
            }
            if reads.len() == READS {
                reads.pop_front();
            }
            reads.push_back(read.clone());
        }
    }

    /// Some reads of a family, each once.
    pub(crate) fn some(&self, family: u32, most: usize, chance: &mut Chance) -> Vec<Read> {
        let reads = &self.reads[family as usize];
        let from = chance.place(reads.len());
        let all = reads.iter().cycle().skip(from);
        all.take(most.min(reads.len())).cloned().collect()
    }

    /// Notes that something was written.
    pub(crate) fn written(&mut self, step: u64, what: String) {
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back((step, what));
    }

    /// Notes that a read was right.
    pub(crate) fn was_right(&mut self, step: u64, read: &Read) {
        if self.right.len() > 50_000 {
            self.right.clear();
        }
        self.right.insert(read.clone(), step);
    }

    /// What was written since a read was last right.
    pub(crate) fn since_right(&self, read: &Read) -> Vec<String> {
        let since = self.right.get(read).copied().unwrap_or(0);
        let events = self.events.iter().filter(|(step, _)| *step > since);
        events
            .map(|(step, what)| format!("step {step}: {what}"))
            .collect()
    }
}
