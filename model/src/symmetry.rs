//! States that differ only in names are explored once.
//!
//! Which transaction is called the first, which flight of a process, which of its readers or which
//! value in Redis, and, where both do the same, which process: that changes nothing. So the hash of a state, by which
//! the checker knows it again, is made of the smallest encoding under all such renamings. The
//! states themselves keep their names, so a path of actions can be read and replayed.

use std::hash::{Hash, Hasher};

use crate::state::{
    Flight, MOST_TRANSACTIONS, Process, Reader, Stage, State, Stored, TABLES, Transactions, Writes,
    only,
};

/// Bits of a set of transactions.
const SET: u32 = MOST_TRANSACTIONS as u32;
/// Bits of a set of writes.
const WRITES: u32 = SET * TABLES as u32;
/// In which order the transactions can stand.
const ORDERS: [[u8; MOST_TRANSACTIONS]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];
/// The renaming of each order: what becomes of every set of transactions, and of writes.
const RENAMINGS: [Renaming; 6] = renamings();

/// What becomes of sets when the transactions stand in another order.
#[derive(Clone, Copy)]
struct Renaming {
    sets: [Transactions; 1 << SET],
    writes: [Writes; 1 << WRITES],
}

const fn renamings() -> [Renaming; 6] {
    let mut all = [Renaming {
        sets: [0; 1 << SET],
        writes: [0; 1 << WRITES],
    }; 6];
    let mut order = 0;
    while order < ORDERS.len() {
        let mut place = 0;
        while place < MOST_TRANSACTIONS {
            let old = ORDERS[order][place] as usize;
            let mut set = 0;
            while set < 1 << SET {
                all[order].sets[set] |= ((set >> old & 1) << place) as u8;
                set += 1;
            }
            let mut writes = 0;
            while writes < 1 << WRITES {
                let tables = writes >> (old * TABLES) & 0b11;
                all[order].writes[writes] |= (tables << (place * TABLES)) as u8;
                writes += 1;
            }
            place += 1;
        }
        order += 1;
    }
    all
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.code().hash(hasher);
    }
}

impl State {
    /// The same for all states that differ only in names.
    pub(crate) fn code(&self) -> (u64, u128, u128) {
        let straight = self.smallest(false);
        if self.interchangeable {
            straight.min(self.smallest(true))
        } else {
            straight
        }
    }

    /// The smallest encoding, with the processes as they stand or the other way round.
    fn smallest(&self, swapped: bool) -> (u64, u128, u128) {
        let keys = [0, 1, 2].map(|transaction| self.transaction_code(transaction, swapped));
        let mut smallest = (u64::MAX, 0, 0);
        for (order, renaming) in ORDERS.iter().zip(&RENAMINGS) {
            if self.is_sorted(order, &keys) {
                smallest = smallest.min(self.encoded(order, &keys, renaming, swapped));
            }
        }
        smallest
    }

    /// Whether the transactions stand in ascending order; those that have not begun are all the
    /// same, and one order of them is enough.
    fn is_sorted(&self, order: &[u8; MOST_TRANSACTIONS], keys: &[u64; MOST_TRANSACTIONS]) -> bool {
        order.windows(2).all(|pair| {
            let [one, other] = [usize::from(pair[0]), usize::from(pair[1])];
            keys[one] < keys[other]
                || keys[one] == keys[other]
                    && (one < other || self.transactions[one].stage != Stage::NotBegun)
        })
    }

    fn transaction_code(&self, number: u8, swapped: bool) -> u64 {
        let transaction = &self.transactions[usize::from(number)];
        let owner = match transaction.owner {
            Some(process) => 1 + u64::from(process ^ u8::from(swapped)),
            None => 0,
        };
        let mut code = transaction.stage as u64;
        for (part, bits) in [(owner, 2), (transaction.touches.into(), 2)] {
            code = code << bits | part;
        }
        for set in [self.pruned, self.overdue, self.unlogged] {
            code = code << 1 | u64::from(set & only(number) != 0);
        }
        code
    }

    fn encoded(
        &self,
        order: &[u8; MOST_TRANSACTIONS],
        keys: &[u64; MOST_TRANSACTIONS],
        renaming: &Renaming,
        swapped: bool,
    ) -> (u64, u128, u128) {
        let mut shared = u64::from(self.broken);
        for transaction in order {
            shared = shared << 9 | keys[usize::from(*transaction)];
        }
        let [one, other] = self.redis.map(|stored| stored_code(stored, renaming));
        for stored in [one.min(other), one.max(other)] {
            shared = shared << (1 + WRITES + SET) | stored;
        }
        let [one, other] = self
            .processes
            .map(|process| smallest_process(&process, renaming));
        if swapped {
            (shared, other, one)
        } else {
            (shared, one, other)
        }
    }
}

fn stored_code(stored: Option<Stored>, renaming: &Renaming) -> u64 {
    stored.map_or(0, |stored| {
        let value = u64::from(renaming.writes[usize::from(stored.value)]);
        let snapshot = u64::from(renaming.sets[usize::from(stored.snapshot)]);
        1 << (WRITES + SET) | value << SET | snapshot
    })
}

/// The smaller encoding of the two that differ in the names of the flights.
fn smallest_process(process: &Process, renaming: &Renaming) -> u128 {
    let straight = process_code(process, renaming, 0);
    if process.flights[0] == process.flights[1] && process.flights[0] == Flight::default() {
        return straight;
    }
    straight.min(process_code(process, renaming, 1))
}

/// `first`: the flight that is called the first.
fn process_code(process: &Process, renaming: &Renaming, first: u8) -> u128 {
    let set = |transactions: Transactions| u128::from(renaming.sets[usize::from(transactions)]);
    let writes = |writes: Writes| u128::from(renaming.writes[usize::from(writes)]);
    let name = |flight: Option<u8>| flight.map_or(0, |flight| 1 + u128::from(flight ^ first));
    let mut code = u128::from(process.up) << 1 | u128::from(process.leased);
    let mut append = |part: u128, bits: u32| code = code << bits | part;
    append(set(process.known), SET);
    append(set(process.learning), SET);
    append(set(process.missed), SET);
    append(
        process.l1.map_or(0, |value| 1 << WRITES | writes(value)),
        1 + WRITES,
    );
    append(name(process.place), 2);
    for number in [first, first ^ 1] {
        let flight = &process.flights[usize::from(number)];
        append(flight.stage as u128, 3);
        append(flight.current.into(), 1);
        append(set(flight.snapshot), SET);
        append(writes(flight.value), WRITES);
    }
    let reader_code = |reader: &Reader| {
        let waits = name(reader.waits_for) << 1 | u128::from(reader.joined);
        (waits << SET | set(reader.known)) << SET | set(reader.overdue)
    };
    let [one, other] = [0, 1].map(|number| reader_code(&process.readers[number]));
    append(one.min(other), 3 + 2 * SET);
    append(one.max(other), 3 + 2 * SET);
    let poll = process.poll.map_or(0, |poll| {
        let sets = set(poll.committed) << SET | set(poll.tells);
        (1 << (2 * SET) | sets) << 1 | u128::from(poll.recent)
    });
    append(poll, 2 + 2 * SET);
    code
}
