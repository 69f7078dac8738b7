//! What the operations of services did.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use metrics::Histogram;
use serde::Serialize;

use crate::handle::Opened;
use crate::labels::{Bounds, OTHER};
use crate::names;
use crate::scrape::Scrape;
use crate::window::ratio;

#[cfg(test)]
mod tests;

/// How a call of an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It gave a result.
    Success,
    /// It gave an error or panicked.
    Error,
    /// Its future was dropped before it ended.
    Cancelled,
}

impl Outcome {
    /// The outcome as one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Counts, exactly, what the operations of one service did.
///
/// Queries, hits and misses are counted by what runs in its
/// [`OperationScope`](crate::OperationScope). A read that is a hit sends no query; a miss
/// usually sends one.
pub struct ServiceRecorder {
    name: Arc<str>,
    /// The value of the label `database`; without it there are no series.
    database: Option<Arc<str>>,
    queries: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    calls: AtomicU64,
    errors: AtomicU64,
    nanoseconds: AtomicU64,
    durations: RwLock<HashMap<(&'static str, Outcome), Opened<Histogram>>>,
    bounds: &'static Bounds,
}

/// What a service did since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ServiceStatistics {
    /// Calls of operations that ended.
    pub calls: u64,
    /// Statements sent.
    pub queries: u64,
    /// Cached reads that the cache answered.
    pub hits: u64,
    /// Cached reads that it did not.
    pub misses: u64,
    /// The share of cached reads that the cache answered, from 0 to 1; 0 if there were none.
    pub hit_rate: f64,
    /// Calls that failed. Calls whose caller went away did not.
    pub errors: u64,
    /// The mean duration of a call in milliseconds.
    pub avg_ms: f64,
    /// The duration of all calls together in milliseconds.
    pub total_ms: f64,
}

impl ServiceRecorder {
    fn new(name: String, database: Option<Arc<str>>, bounds: &'static Bounds) -> Self {
        Self {
            name: name.into(),
            database,
            queries: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
            durations: RwLock::default(),
            bounds,
        }
    }

    /// The name of the service.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of the service, shared.
    #[must_use]
    pub fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// A statement was sent.
    pub fn record_query(&self) {
        self.queries.fetch_add(1, Ordering::Relaxed);
    }

    /// A cached read was answered by the cache.
    pub fn record_hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// A cached read was not answered by the cache.
    pub fn record_miss(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    /// A call of an operation ended. [`OperationScope::measure`](crate::OperationScope::measure)
    /// calls it.
    pub fn record_call(&self, operation: &'static str, duration: Duration, outcome: Outcome) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        if outcome == Outcome::Error {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(database) = &self.database {
            self.duration(database, operation, outcome).record(duration);
        }
    }

    fn duration(
        &self,
        database: &str,
        operation: &'static str,
        outcome: Outcome,
    ) -> Opened<Histogram> {
        let durations = self.durations.read();
        let known = durations.unwrap_or_else(PoisonError::into_inner);
        let duration = known.get(&(operation, outcome));
        if let Some(duration) = duration.filter(|duration| duration.is_current()) {
            return duration.clone();
        }
        drop(known);
        let (service, limited) = self.limited(operation);
        let labels = &[database, service, limited, outcome.as_str()];
        let duration = Opened::new(|| names::SERVICE_OPERATION_DURATION.histogram(labels));
        let durations = self.durations.write();
        durations
            .unwrap_or_else(PoisonError::into_inner)
            .insert((operation, outcome), duration.clone());
        duration
    }

    /// The values of the labels `service` and `operation`, bounded.
    fn limited(&self, operation: &'static str) -> (&str, &'static str) {
        let service = self.bounds.services.limit(&self.name);
        let both = format!("{service}:{operation}");
        let is_known = self.bounds.operations.admits(&both);
        (service, if is_known { operation } else { OTHER })
    }

    /// What the service did since the start.
    #[must_use]
    pub fn statistics(&self) -> ServiceStatistics {
        let calls = self.calls.load(Ordering::Relaxed);
        let hits = self.hits.load(Ordering::Relaxed);
        let misses = self.misses.load(Ordering::Relaxed);
        let nanoseconds = self.nanoseconds.load(Ordering::Relaxed);
        ServiceStatistics {
            calls,
            queries: self.queries.load(Ordering::Relaxed),
            hits,
            misses,
            hit_rate: ratio(hits, hits + misses),
            errors: self.errors.load(Ordering::Relaxed),
            avg_ms: ratio(nanoseconds, calls) / 1e6,
            total_ms: nanoseconds as f64 / 1e6,
        }
    }
}

impl fmt::Debug for ServiceRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceRecorder")
            .field("name", &self.name)
            .field("statistics", &self.statistics())
            .finish_non_exhaustive()
    }
}

/// The services of an instance, by name.
///
/// ```
/// use larder_metrics::ServiceRegistry;
///
/// let services = ServiceRegistry::new("main");
/// services.recorder("restaurants").record_hit();
/// services.recorder("restaurants").record_miss();
/// assert_eq!(services.statistics()["restaurants"].hit_rate, 0.5);
/// ```
#[derive(Debug)]
pub struct ServiceRegistry {
    database: Option<Arc<str>>,
    recorders: RwLock<BTreeMap<String, Arc<ServiceRecorder>>>,
    bounds: &'static Bounds,
}

impl Default for ServiceRegistry {
    /// One that keeps statistics only, for where metrics are off.
    fn default() -> Self {
        Self {
            database: None,
            recorders: RwLock::default(),
            bounds: Bounds::of_process(),
        }
    }
}

impl ServiceRegistry {
    /// A registry whose services have series with this value of the label `database`.
    ///
    /// [`default`](Self::default) gives one that keeps statistics only, for where metrics are
    /// off.
    #[must_use]
    pub fn new(database: &str) -> Self {
        Self {
            database: Some(database.into()),
            ..Self::default()
        }
    }

    /// The recorder of the service of this name, made if it is not there yet.
    ///
    /// Names are those of services in the program, not user input: none is ever removed.
    pub fn recorder(&self, name: &str) -> Arc<ServiceRecorder> {
        let recorders = self.recorders.read();
        let known = recorders.unwrap_or_else(PoisonError::into_inner);
        if let Some(recorder) = known.get(name) {
            return Arc::clone(recorder);
        }
        drop(known);
        let recorders = self.recorders.write();
        let mut recorders = recorders.unwrap_or_else(PoisonError::into_inner);
        let recorder = recorders.entry(name.to_owned()).or_insert_with(|| {
            let database = self.database.clone();
            Arc::new(ServiceRecorder::new(name.to_owned(), database, self.bounds))
        });
        Arc::clone(recorder)
    }

    /// What each service did since the start.
    #[must_use]
    pub fn statistics(&self) -> BTreeMap<String, ServiceStatistics> {
        let recorders = self.recorders.read();
        recorders
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|(name, recorder)| (name.clone(), recorder.statistics()))
            .collect()
    }

    /// Gives what is counted here to a scrape; for a source of
    /// [`Exporter::register`](crate::Exporter::register).
    pub fn publish(&self, scrape: &mut Scrape) {
        let Some(database) = self.database.as_deref() else {
            return;
        };
        // Those beyond the bound share a name, and with it the series.
        let mut counts: BTreeMap<&str, [u64; 3]> = BTreeMap::new();
        let statistics = self.statistics();
        for (service, counted) in &statistics {
            let sums = counts.entry(self.bounds.services.limit(service));
            let sums = sums.or_default();
            let counted = [counted.queries, counted.hits, counted.misses];
            for (sum, counted) in sums.iter_mut().zip(counted) {
                *sum += counted;
            }
        }
        for (service, [queries, hits, misses]) in counts {
            scrape.counter(&names::SERVICE_QUERIES, &[database, service], queries);
            for (outcome, total) in [("hit", hits), ("miss", misses)] {
                let labels = &[database, service, outcome];
                scrape.counter(&names::SERVICE_CACHE_REQUESTS, labels, total);
            }
        }
    }
}
