//! The statements that lanes carry: prepared once on each, and how long they take.

use std::any::TypeId;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use larder_sql::StatementProfile;
use quick_cache::sync::Cache as Memo;
use smallvec::SmallVec;
use tokio::sync::OnceCell;
use tokio_postgres::Statement as Prepared;
use xxhash_rust::xxh3::Xxh3;

use super::moment::{Moment, SharedMoment};
use super::status::BypassReason;
use crate::connection::{Reuse, Statement};

/// What is known of the statements that lanes were asked to carry, bounded.
pub(super) struct LaneStatements(Memo<Key, Arc<LaneStatement>>);

/// What a statement is found by.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    /// The text follows from the type of the query.
    Static(TypeId),
    /// The hash of text and types.
    Text(u128),
}

impl Key {
    fn of(statement: &Statement) -> Self {
        if let Reuse::Static(id) = statement.reuse {
            return Self::Static(id);
        }
        let mut hash = Xxh3::new();
        hash.update(statement.sql.as_bytes());
        for oid in &statement.binds.oids {
            hash.update(&oid.to_le_bytes());
        }
        Self::Text(hash.digest128())
    }
}

impl LaneStatements {
    /// As many prepared statements as a connection of the pool keeps.
    const MOST: usize = 256;

    pub(super) fn new() -> Self {
        Self(Memo::new(Self::MOST))
    }

    pub(super) fn get(&self, statement: &Statement) -> Option<Arc<LaneStatement>> {
        let known = self.0.get(&Key::of(statement))?;
        (*known.sql == *statement.sql).then_some(known)
    }

    /// Remembers a statement. Of one that is not worth keeping this is only that it was there:
    /// it has to come again before it is prepared.
    pub(super) fn insert(
        &self,
        statement: &Statement,
        profile: Arc<StatementProfile>,
    ) -> Arc<LaneStatement> {
        let known = Arc::new(LaneStatement {
            sql: statement.sql.as_str().into(),
            profile,
            prepared: Mutex::default(),
            usual_micros: AtomicU64::new(0),
            away: Away::default(),
        });
        self.0.insert(Key::of(statement), Arc::clone(&known));
        known
    }
}

/// A statement that lanes carry.
pub(super) struct LaneStatement {
    sql: Box<str>,
    pub(super) profile: Arc<StatementProfile>,
    /// By the number of the lane that it is prepared on.
    prepared: Mutex<SmallVec<[(u64, Preparation); 4]>>,
    /// How long it usually holds a lane; 0 where it never did.
    usual_micros: AtomicU64,
    away: Away,
}

/// A statement as it is prepared on one lane, by whoever needs it first.
pub(super) type Preparation = Arc<OnceCell<Prepared>>;

impl LaneStatement {
    /// The place where it is prepared on a lane. `open` says which lanes are left, so that those
    /// that are gone are forgotten.
    pub(super) fn preparation(&self, lane: u64, is_open: impl Fn(u64) -> bool) -> Preparation {
        let mut all = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, preparation)) = all.iter().find(|(other, _)| *other == lane) {
            return Arc::clone(preparation);
        }
        all.retain(|(other, _)| is_open(*other));
        let preparation = Preparation::default();
        all.push((lane, Arc::clone(&preparation)));
        preparation
    }

    /// It has to be prepared anew on this lane.
    pub(super) fn forget(&self, lane: u64) {
        let mut all = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(other, _)| *other != lane);
    }

    /// Why it takes the pool for the time being, if it does.
    pub(super) fn is_away(&self) -> Option<BypassReason> {
        self.away.reason()
    }

    /// It takes the pool from now on, for this reason.
    pub(super) fn send_away(&self, reason: BypassReason) {
        self.away.begin(reason);
    }

    /// It has held a lane for this long.
    pub(super) fn took(&self, time: Duration, slow_after: Duration) {
        /// The share of the newest time in what is usual is one in this many.
        const WEIGHT: u64 = 4;
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
        let before = self.usual_micros.load(Ordering::Relaxed);
        let usual = match before {
            0 => time,
            before => before - before / WEIGHT + time / WEIGHT,
        };
        if Duration::from_micros(usual) > slow_after {
            // What comes after is judged by itself.
            self.usual_micros.store(0, Ordering::Relaxed);
            self.send_away(BypassReason::Slow);
        } else {
            self.usual_micros.store(usual, Ordering::Relaxed);
        }
    }
}

/// The time for which a statement takes the pool. It may try a lane again after that: it may have
/// been slow because the server was, and large because of its values.
#[derive(Default)]
struct Away {
    until: SharedMoment,
    reason: AtomicU8,
    /// How often it was sent away.
    times: AtomicU32,
}

impl Away {
    const FIRST: Duration = Duration::from_secs(60);
    const LONGEST: Duration = Duration::from_secs(3600);

    fn begin(&self, reason: BypassReason) {
        let times = self.times.fetch_add(1, Ordering::Relaxed).min(16);
        let time = Self::FIRST.saturating_mul(1 << times).min(Self::LONGEST);
        self.reason.store(reason as u8, Ordering::Relaxed);
        self.until.set(Moment::now().after(time));
    }

    fn reason(&self) -> Option<BypassReason> {
        if self.times.load(Ordering::Relaxed) == 0 || Moment::now() >= self.until.get() {
            return None;
        }
        let reason = usize::from(self.reason.load(Ordering::Relaxed));
        BypassReason::ALL.get(reason).copied()
    }
}
