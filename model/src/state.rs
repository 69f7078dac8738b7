//! What there is at one moment: transactions, processes with their caches, Redis.
//!
//! Sets of transactions are bitmasks ([`Transactions`]); a value is the set of the writes that it
//! contains ([`Writes`]), a write being one transaction's effect on one table. So "older than" is
//! "does not contain", and there are finitely many values.

/// How many transactions a model can have at most.
pub(crate) const MOST_TRANSACTIONS: usize = 3;
/// The tables that the value of the key depends on.
pub(crate) const TABLES: usize = 2;
/// The table that a load reads first; the other one is [`SECOND_TABLE`].
pub(crate) const FIRST_TABLE: u8 = 0b01;
/// The table that a load reads last.
pub(crate) const SECOND_TABLE: u8 = 0b10;

/// A set of transactions, a bit each.
pub(crate) type Transactions = u8;
/// A set of tables, a bit each.
pub(crate) type Tables = u8;
/// A set of writes: for each transaction, the [`Tables`] where its effect is seen.
pub(crate) type Writes = u8;

/// The set of this transaction alone.
pub(crate) fn only(transaction: u8) -> Transactions {
    1 << transaction
}

/// What a transaction wrote to these tables.
pub(crate) fn writes_of(transaction: u8, tables: Tables) -> Writes {
    tables << (usize::from(transaction) * TABLES)
}

/// All at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    /// The processes do the same, so that it does not matter which is which.
    pub(crate) interchangeable: bool,
    pub(crate) transactions: [Transaction; MOST_TRANSACTIONS],
    pub(crate) processes: [Process; 2],
    /// What Redis may answer with: the value that it has, and one that it may be restored to.
    /// Which is which does not matter, as it can change at any time. It may also answer that it
    /// has nothing.
    pub(crate) redis: [Option<Stored>; 2],
    /// Those whose rows are pruned from the log: what is below the horizon.
    pub(crate) pruned: Transactions,
    /// Those that were committed longer ago than `max_staleness`.
    pub(crate) overdue: Transactions,
    /// Committed without a row in the log (only with a defect).
    pub(crate) unlogged: Transactions,
    /// The promises that a served call has broken, see [`crate::properties`].
    pub(crate) broken: u8,
}

/// A transaction that writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Transaction {
    pub(crate) stage: Stage,
    /// The process that waits for its answer; none after that process crashed.
    pub(crate) owner: Option<u8>,
    pub(crate) touches: Tables,
}

/// How far a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Stage {
    #[default]
    NotBegun,
    /// It has written, and its COMMIT may be on its way: it can land at any time from now on,
    /// whether or not its process still lives, or never.
    Open,
    /// COMMIT has landed; the caller does not know yet.
    Committed,
    /// The caller knows.
    Acknowledged,
}

/// A value in Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) value: Writes,
    /// The transactions that were visible before its load.
    pub(crate) snapshot: Transactions,
}

/// A process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) up: bool,
    /// The invalidations that it knows, by their rows or by the horizon.
    pub(crate) known: Transactions,
    /// Of `known`, those that it is just learning: one of two steps is done.
    pub(crate) learning: Transactions,
    /// Those that were committed before its last poll, and which that poll did not tell of.
    /// Always empty without a defect.
    pub(crate) missed: Transactions,
    /// The entry, if its counters are current (one that is not is never served).
    pub(crate) l1: Option<Writes>,
    pub(crate) flights: [Flight; 2],
    /// The flight that stands in the place of the key, the one that may be joined.
    pub(crate) place: Option<u8>,
    pub(crate) readers: [Reader; 2],
    /// Its last poll began less than `max_staleness` ago.
    pub(crate) leased: bool,
    pub(crate) poll: Option<Poll>,
}

/// A poll that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Poll {
    /// What was committed when it began.
    pub(crate) committed: Transactions,
    /// What its answer tells of.
    pub(crate) tells: Transactions,
    /// It began less than `max_staleness` ago.
    pub(crate) recent: bool,
}

/// A load under way, or a fetch from Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Flight {
    pub(crate) stage: FlightStage,
    /// The counters taken before it began are unchanged.
    pub(crate) current: bool,
    pub(crate) snapshot: Transactions,
    pub(crate) value: Writes,
}

/// How far a flight is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FlightStage {
    /// There is none.
    #[default]
    Free,
    /// The counters are taken.
    Departed,
    /// It has a value from Redis, which was accepted.
    Fetched,
    /// The snapshot is taken.
    Captured,
    /// The first table is read.
    HalfLoaded,
    /// Both tables are read.
    Loaded,
}

/// A caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reader {
    pub(crate) waits_for: Option<u8>,
    /// Another caller's flight.
    pub(crate) joined: bool,
    /// What its process knew, and had acknowledged, when it called.
    pub(crate) known: Transactions,
    /// What was overdue when it called.
    pub(crate) overdue: Transactions,
}

impl Process {
    /// As it is when it starts, before it has read the log.
    pub(crate) fn new() -> Self {
        Self {
            up: true,
            known: 0,
            learning: 0,
            missed: 0,
            l1: None,
            flights: [Flight::default(); 2],
            place: None,
            readers: [Reader::default(); 2],
            leased: true,
            poll: None,
        }
    }

    /// What it has learned entirely.
    pub(crate) fn learned(&self) -> Transactions {
        self.known & !self.learning
    }

    /// Whether somebody waits for the flight.
    pub(crate) fn is_awaited(&self, flight: u8) -> bool {
        self.readers
            .iter()
            .any(|reader| reader.waits_for == Some(flight))
    }
}

impl State {
    /// Nothing has happened.
    pub(crate) fn new(interchangeable: bool) -> Self {
        Self {
            interchangeable,
            transactions: [Transaction::default(); MOST_TRANSACTIONS],
            processes: [Process::new(); 2],
            redis: [None; 2],
            pruned: 0,
            overdue: 0,
            unlogged: 0,
            broken: 0,
        }
    }

    /// The transactions for which this holds.
    fn those(&self, holds: impl Fn(&Transaction) -> bool) -> Transactions {
        (0..)
            .zip(&self.transactions)
            .filter(|(_, transaction)| holds(transaction))
            .fold(0, |set, (number, _)| set | only(number))
    }

    /// What is committed.
    pub(crate) fn committed(&self) -> Transactions {
        self.those(|transaction| transaction.stage >= Stage::Committed)
    }

    /// What this process has told its callers to be committed.
    pub(crate) fn acknowledged_by(&self, process: u8) -> Transactions {
        self.those(|transaction| {
            transaction.stage == Stage::Acknowledged && transaction.owner == Some(process)
        })
    }

    /// What is open, written by this process.
    pub(crate) fn open_in(&self, process: u8) -> Transactions {
        self.those(|transaction| {
            transaction.stage == Stage::Open && transaction.owner == Some(process)
        })
    }

    /// Those that have written to one of the tables.
    pub(crate) fn touching(&self, tables: Tables) -> Transactions {
        self.those(|transaction| transaction.touches & tables != 0)
    }

    /// All that these transactions have written.
    pub(crate) fn writes(&self, transactions: Transactions) -> Writes {
        (0..)
            .zip(&self.transactions)
            .filter(|(number, _)| transactions & only(*number) != 0)
            .fold(0, |writes, (number, transaction)| {
                writes | writes_of(number, transaction.touches)
            })
    }

    /// What of these transactions the value does not contain.
    pub(crate) fn lacks(&self, value: Writes, transactions: Transactions) -> Writes {
        self.writes(transactions) & !value
    }
}
