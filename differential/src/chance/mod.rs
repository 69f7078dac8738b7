//! What is read and written is chosen here, by a seed.
//!
//! A missed invalidation shows where the same thing is read before and after a write to it. So
//! not all tables and keys are equally likely: for some hundreds of steps a few of each are, and
//! then others.

mod reads;
mod writes;

use fastrand::Rng;

use crate::schema::{FAMILIES, GROUPS, KEYS, TABLES, Table};
use crate::value::Value;

/// Chooses.
pub(crate) struct Chance {
    random: Rng,
    /// The families that are likely now.
    families: Vec<u32>,
    /// Those that will be, before the others are again.
    waiting: Vec<u32>,
    /// The keys that are likely now.
    keys: Vec<u8>,
    /// The last key that the server made.
    made: u8,
}

/// So many families and keys are likely at a time.
const FEW_FAMILIES: usize = 3;
const FEW_KEYS: usize = 2;

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Self {
            random: Rng::with_seed(seed),
            families: Vec::new(),
            waiting: Vec::new(),
            keys: Vec::new(),
            made: 0,
        };
        chance.turn();
        chance
    }

    /// Makes other families and keys likely.
    pub(crate) fn turn(&mut self) {
        if self.waiting.len() < FEW_FAMILIES {
            self.waiting = (0..FAMILIES as u32).collect();
            self.random.shuffle(&mut self.waiting);
        }
        let rest = self.waiting.len() - FEW_FAMILIES;
        self.families = self.waiting.split_off(rest);
        // Neighbours: triggers lead from the one to the other.
        let pairs = self.random.choose_multiple(0..KEYS / 2, FEW_KEYS / 2);
        self.keys = pairs
            .iter()
            .flat_map(|pair| [pair * 2, pair * 2 + 1])
            .collect();
    }

    /// Tells which key the server made last.
    pub(crate) fn server_made(&mut self, key: u8) {
        self.made = key;
    }

    /// Whether something that happens once in `times` happens now.
    pub(crate) fn once_in(&mut self, times: u32) -> bool {
        self.random.u32(..times) == 0
    }

    /// A number below `end`, at least 1.
    pub(crate) fn up_to(&mut self, end: usize) -> usize {
        self.random.usize(1..=end)
    }

    /// One of several places.
    pub(crate) fn place(&mut self, length: usize) -> usize {
        self.random.usize(..length.max(1))
    }

    /// A family to read or write.
    pub(crate) fn family(&mut self) -> u32 {
        if self.once_in(10) {
            return self.random.u32(..FAMILIES as u32);
        }
        self.families[self.random.usize(..self.families.len())]
    }

    fn table(&mut self, family: u32) -> &'static Table {
        let tables: Vec<_> = TABLES
            .iter()
            .filter(|table| table.family == family)
            .collect();
        tables[self.random.usize(..tables.len())]
    }

    /// The number of a key.
    fn number(&mut self, table: &Table) -> u8 {
        if table.makes_keys && !self.once_in(3) {
            // One that comes soon.
            let ahead = self.random.u8(..3);
            return self.soon(ahead);
        }
        if self.once_in(8) {
            return self.random.u8(..KEYS);
        }
        self.keys[self.random.usize(..self.keys.len())]
    }

    /// The key that the server makes after so many others.
    fn soon(&self, ahead: u8) -> u8 {
        (self.made + ahead) % (KEYS - 1) + 1
    }

    /// The keys of a table that are likely now.
    fn likely(&self, table: &Table) -> Vec<u8> {
        if table.makes_keys {
            return (0..4).map(|ahead| self.soon(ahead)).collect();
        }
        self.keys.clone()
    }

    /// A key as the table has it.
    fn key(&mut self, table: &Table) -> Value {
        let number = self.number(table);
        table.key.value(number, self.random.u8(..))
    }

    /// A key as a statement may bind it.
    fn bound_key(&mut self, table: &Table) -> Value {
        let number = self.number(table);
        if self.once_in(3) {
            table.key.as_bound(number, self.random.u8(..))
        } else {
            table.key.value(number, self.random.u8(..))
        }
    }

    /// What `up` may be.
    fn up(&mut self, table: &Table) -> Value {
        Value::Integer(i32::from(self.number(table)))
    }

    fn group(&mut self) -> i32 {
        self.random.i32(0..GROUPS)
    }

    fn amount(&mut self) -> i64 {
        self.random.i64(1..1_000)
    }
}
