//! A flight: a load in a task of its own, and what becomes of its result.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::oneshot;
use tracing::Instrument;

use super::Cache;
use super::keep::{Kept, Landing};
use crate::error::{LoadError, LoadErrorKind};
use crate::failpoints;
use crate::flight::{Departure, Landed, Outcome};
use crate::options::Freshness;
use crate::request::{EntryName, Loaded, Served, Source};
use crate::statistics::Counters;

/// How a load's result is stored.
pub(super) struct Storing {
    pub(super) freshness: Freshness,
    pub(super) name: EntryName,
}

impl Cache {
    /// Loads as a task of its own, for a leader if there is one.
    pub(super) fn fly<V, E, F, Fut>(
        &self,
        mut departure: Departure<V, E>,
        storing: Storing,
        load: F,
        leader: Option<oneshot::Sender<Outcome<V, E>>>,
    ) where
        V: Clone + Send + Sync + 'static,
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded<V>, E>> + Send + 'static,
    {
        self.0.counters.loads.increment();
        let cache = self.clone();
        let Storing { freshness, name } = storing;
        let flight = async move {
            let began = cache.0.clock.now();
            let loading = async {
                let loaded = load().await?;
                let name = loaded.storable.then(|| name.make());
                Ok((loaded, name))
            };
            let loaded = catch_panic(loading).await;
            if failpoints::is_on("counter-after-load") {
                departure.as_of = cache.0.versions.now();
            }
            let took = cache.0.clock.now().since(began);
            let outcome = match loaded {
                Ok((loaded, name)) => Ok(cache.keep(&departure, freshness, loaded, name, took)),
                Err(error) => {
                    let counters = &cache.0.counters;
                    counters.load_failed(error.kind(), departure.is_refresh());
                    Err(error)
                }
            };
            departure.land(|| outcome.clone());
            if let Some(leader) = leader {
                // It may have gone away.
                leader.send(outcome).ok();
            }
        };
        tokio::spawn(flight.in_current_span());
    }

    /// Stores what a flight has loaded, if it is still current.
    pub(super) fn keep<V, E>(
        &self,
        departure: &Departure<V, E>,
        freshness: Freshness,
        loaded: Loaded<V>,
        name: Option<String>,
        took: Duration,
    ) -> Landed<V>
    where
        V: Clone + Send + Sync + 'static,
    {
        let landing = Landing {
            key: departure.key(),
            as_of: departure.as_of,
            flight: departure.number(),
            known: &departure.known,
            freshness,
            took,
            name,
        };
        let Kept { basis, .. } = self.0.keep(landing, &loaded);
        Landed {
            value: loaded.value,
            basis,
            fetched: loaded.kept.is_some(),
        }
    }
}

impl<V> Landed<V> {
    /// For one who led the flight, or joined it.
    pub(super) fn served(self, source: Source) -> Served<V> {
        Served {
            value: self.value,
            source: match source {
                Source::Loaded if self.fetched => Source::Fetched,
                source => source,
            },
            basis: self.basis,
        }
    }
}

/// Runs a load; a panic in it becomes an error.
///
/// Nothing that the load may have left half-done is used afterwards but what its caller shared
/// with it on purpose.
pub(super) async fn catch_panic<T, E>(
    loading: impl Future<Output = Result<T, E>>,
) -> Result<T, LoadError<E>> {
    match AssertUnwindSafe(loading).catch_unwind().await {
        Ok(loaded) => loaded.map_err(|error| LoadError::Failed(Arc::new(error))),
        Err(payload) => Err(LoadError::panicked(&*payload)),
    }
}

impl Counters {
    /// Counts a failed load, and logs what no caller may see.
    pub(super) fn load_failed(&self, kind: LoadErrorKind, in_background: bool) {
        self.load_errors.increment();
        match kind {
            LoadErrorKind::Panicked => {
                tracing::error!(target: "larder::cache", "a load panicked");
            }
            _ if in_background => {
                tracing::warn!(target: "larder::cache", "a load in the background failed");
            }
            _ => {}
        }
    }
}
