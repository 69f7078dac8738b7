//! The series of statements, found by what a statement is without building a key.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use metrics::{Counter, Histogram};
use quick_cache::Equivalent;
use quick_cache::sync::Cache;

use super::{QueryError, QueryObservation};
use crate::handle::Opened;
use crate::labels::{Bounded, Bounds, FINGERPRINTS, OTHER};
use crate::names;

/// How many handles are kept. Those that are used least are made again when they are needed.
const KEPT: usize = 2_048;

/// The value of the label `db_system_name`.
const SYSTEM: &str = "postgresql";

/// The handles of the series that a recorder writes into.
pub(super) struct QuerySeries {
    bounds: &'static Bounds,
    legacy_names: bool,
    by_kind: Cache<OwnedKey, Arc<Opened<Handles>>>,
    by_fingerprint: Cache<OwnedFingerprint, Opened<Histogram>>,
    slow_by_fingerprint: Cache<OwnedFingerprint, Opened<Counter>>,
}

/// The handles for one kind of statements.
struct Handles {
    duration: Histogram,
    rows: Histogram,
    slow: Counter,
    legacy: Option<LegacyHandles>,
}

struct LegacyHandles {
    queries: Counter,
    duration: Histogram,
    slow: Counter,
}

impl QuerySeries {
    pub(super) fn new(bounds: &'static Bounds, legacy_names: bool) -> Self {
        Self {
            bounds,
            legacy_names,
            by_kind: Cache::new(KEPT),
            by_fingerprint: Cache::new(KEPT),
            // Slow statements have few kinds, and time to open a series.
            slow_by_fingerprint: Cache::new(FINGERPRINTS),
        }
    }

    pub(super) fn record(&self, query: &QueryObservation<'_>, slow: bool) {
        let key = Key::of(query);
        let known = self
            .by_kind
            .get(&key)
            .filter(|handles| handles.is_current());
        let handles = known.unwrap_or_else(|| self.open(&key));
        let seconds = query.duration.as_secs_f64();
        handles.duration.record(seconds);
        if query.error.is_none() {
            handles.rows.record(query.rows as f64);
        }
        if slow {
            handles.slow.increment(1);
            self.record_slow(query);
        }
        if let Some(legacy) = &handles.legacy {
            legacy.queries.increment(1);
            legacy.duration.record(seconds);
            if slow {
                legacy.slow.increment(1);
            }
        }
    }

    pub(super) fn record_fingerprint(&self, query: &QueryObservation<'_>) {
        let key = FingerprintKey::of(query);
        let known = self.by_fingerprint.get(&key);
        let handle = known.filter(Opened::is_current).unwrap_or_else(|| {
            let fingerprint = key.limited(&self.bounds.fingerprints);
            let labels = &[key.pool, fingerprint.as_str()];
            let handle = Opened::new(|| names::STATEMENT_DURATION.histogram(labels));
            self.by_fingerprint.insert(key.kept(), handle.clone());
            handle
        });
        handle.record(query.duration.as_secs_f64());
    }

    fn record_slow(&self, query: &QueryObservation<'_>) {
        let key = FingerprintKey::of(query);
        let known = self.slow_by_fingerprint.get(&key);
        let handle = known.filter(Opened::is_current).unwrap_or_else(|| {
            let fingerprint = key.limited(&self.bounds.slow_fingerprints);
            let labels = &[key.pool, fingerprint.as_str()];
            let handle = Opened::new(|| names::SLOW_BY_FINGERPRINT.counter(labels));
            self.slow_by_fingerprint.insert(key.kept(), handle.clone());
            handle
        });
        handle.increment(1);
    }

    #[cold]
    fn open(&self, key: &Key<'_>) -> Arc<Opened<Handles>> {
        let handles = Arc::new(Opened::new(|| self.handles(self.limited(*key))));
        self.by_kind.insert(key.kept(), Arc::clone(&handles));
        handles
    }

    /// The key with bounded values.
    fn limited<'a>(&self, key: Key<'a>) -> Key<'a> {
        let limited = Key {
            collection: key
                .collection
                .map(|name| self.bounds.collections.limit(name)),
            error: key.error.map(|error| match error {
                QueryError::SqlState(code) => {
                    QueryError::SqlState(self.bounds.sqlstates.limit(code))
                }
                class @ QueryError::Class(_) => class,
            }),
            ..key
        };
        if self.bounds.combinations.admits(&format!("{limited:?}")) {
            return limited;
        }
        Key {
            collection: Some(OTHER),
            error: limited.error.map(|_| QueryError::Class(OTHER)),
            ..limited
        }
    }

    fn handles(&self, key: Key<'_>) -> Handles {
        let Key {
            pool,
            operation,
            collection,
            error,
        } = key;
        let collection = collection.unwrap_or_default();
        let error_type = error.as_ref().map(QueryError::as_str).unwrap_or_default();
        let sqlstate = match error {
            Some(QueryError::SqlState(code)) => code,
            _ => "",
        };
        Handles {
            duration: names::OPERATION_DURATION
                .histogram(&[SYSTEM, operation, collection, pool, error_type, sqlstate]),
            rows: names::RETURNED_ROWS.histogram(&[operation, collection]),
            slow: names::SLOW_STATEMENTS.counter(&[pool, operation, collection]),
            legacy: self.legacy_names.then(|| {
                let query_type = query_type(operation);
                let status = match &error {
                    None => "success",
                    Some(error) if error.is_failure() => "error",
                    // The predecessor had no word for it; its rate of errors stays that of errors.
                    Some(_) => "cancelled",
                };
                LegacyHandles {
                    queries: names::LEGACY_QUERIES.counter(&[query_type, status]),
                    duration: names::LEGACY_QUERY_DURATION.histogram(&[query_type]),
                    slow: names::LEGACY_SLOW_QUERIES.counter(&[query_type]),
                }
            }),
        }
    }
}

/// The predecessor's type of a statement.
fn query_type(operation: &str) -> &'static str {
    ["select", "insert", "update", "delete"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(operation))
        .unwrap_or(OTHER)
}

/// What decides the series of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key<'a> {
    pool: &'a str,
    operation: &'static str,
    collection: Option<&'a str>,
    error: Option<QueryError<'a>>,
}

impl<'a> Key<'a> {
    fn of(query: &QueryObservation<'a>) -> Self {
        Self {
            pool: query.pool,
            operation: query.operation,
            collection: query.collection,
            error: query.error,
        }
    }

    fn kept(self) -> OwnedKey {
        OwnedKey {
            pool: self.pool.into(),
            operation: self.operation,
            collection: self.collection.map(Into::into),
            error: self.error.map(|error| match error {
                QueryError::SqlState(code) => OwnedError::SqlState(code.into()),
                QueryError::Class(class) => OwnedError::Class(class),
            }),
        }
    }
}

/// A [`Key`] for keeping.
#[derive(PartialEq, Eq)]
struct OwnedKey {
    pool: Box<str>,
    operation: &'static str,
    collection: Option<Box<str>>,
    error: Option<OwnedError>,
}

#[derive(PartialEq, Eq)]
enum OwnedError {
    SqlState(Box<str>),
    Class(&'static str),
}

impl OwnedKey {
    fn borrowed(&self) -> Key<'_> {
        Key {
            pool: &self.pool,
            operation: self.operation,
            collection: self.collection.as_deref(),
            error: self.error.as_ref().map(|error| match error {
                OwnedError::SqlState(code) => QueryError::SqlState(code),
                OwnedError::Class(class) => QueryError::Class(class),
            }),
        }
    }
}

impl Hash for OwnedKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.borrowed().hash(state);
    }
}

impl Equivalent<OwnedKey> for Key<'_> {
    fn equivalent(&self, key: &OwnedKey) -> bool {
        *self == key.borrowed()
    }
}

/// What decides the series of a single statement.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct FingerprintKey<'a> {
    pool: &'a str,
    fingerprint: u64,
}

impl<'a> FingerprintKey<'a> {
    fn of(query: &QueryObservation<'a>) -> Self {
        Self {
            pool: query.pool,
            fingerprint: query.fingerprint,
        }
    }

    /// The value of the label, bounded.
    fn limited(self, bound: &Bounded) -> String {
        let fingerprint = format!("{:016x}", self.fingerprint);
        bound.limit(&fingerprint).to_owned()
    }

    fn kept(self) -> OwnedFingerprint {
        OwnedFingerprint {
            pool: self.pool.into(),
            fingerprint: self.fingerprint,
        }
    }
}

/// A [`FingerprintKey`] for keeping.
#[derive(PartialEq, Eq)]
struct OwnedFingerprint {
    pool: Box<str>,
    fingerprint: u64,
}

impl OwnedFingerprint {
    fn borrowed(&self) -> FingerprintKey<'_> {
        FingerprintKey {
            pool: &self.pool,
            fingerprint: self.fingerprint,
        }
    }
}

impl Hash for OwnedFingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.borrowed().hash(state);
    }
}

impl Equivalent<OwnedFingerprint> for FingerprintKey<'_> {
    fn equivalent(&self, key: &OwnedFingerprint) -> bool {
        *self == key.borrowed()
    }
}
