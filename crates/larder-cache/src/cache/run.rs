//! A cached read whose load runs in the caller's own task.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use futures::FutureExt;
use tokio::time::timeout;

use super::Cache;
use super::fly::Storing;
use super::read::{Claim, MOST_IN_VAIN};
use crate::entry::Age;
use crate::error::LoadErrorKind;
use crate::failpoints;
use crate::flight::Departure;
use crate::request::{Loaded, Mode, Request, Served, Source};

/// How long the load of another one is waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

impl Cache {
    /// [`Cache::get_or_load`] with a load that runs in place: it may borrow from the caller, need
    /// not be `Send`, and sees the caller's task-locals. Flights are shared with those of
    /// `get_or_load` under the same key.
    ///
    /// `run` is called at most once, and only if nothing that is kept and no load that is under
    /// way gives the value. Where it gives an error, this caller gets it as it is; those who have
    /// waited for it cannot share it, and one of them loads by its own `run` next. Nobody waits
    /// for more than two loads of others that bring nothing.
    ///
    /// An entry past its time within `stale_for` is served to all but the one that replaces it:
    /// that one waits for its own load, and is served the entry only if the load fails. An early
    /// refresh is made in the same way.
    ///
    /// # Waiting for oneself
    ///
    /// While the future that this returns is not polled, its load stands still, and all who ask
    /// for the same key wait. So nobody should wait for a key while it is the one who loads it:
    /// `run` must not ask for its own key, neither directly nor through the load of another key
    /// that asks for this one, and a task that has begun to poll this future should go on polling
    /// it, or drop it, before it waits for the same key in another place. Nobody waits for ever: who
    /// has waited for the load of another one for ten seconds runs its own.
    ///
    /// # Errors
    ///
    /// What `run` returns, if there is no value to serve instead.
    ///
    /// # Panics
    ///
    /// If `run` does: its panic goes on in the caller, and those who wait load by themselves. Outside
    /// a tokio runtime with time.
    ///
    /// # Cancel safety
    ///
    /// Dropped, its load is dropped too, wherever it stands, and nothing is stored. Those who have
    /// waited for it load again, one for all.
    pub async fn get_or_run<V, E, Fut>(
        &self,
        request: Request,
        run: impl FnOnce() -> Fut,
    ) -> Result<Served<V>, E>
    where
        V: Clone + Send + Sync + 'static,
        E: Send + Sync + 'static,
        Fut: Future<Output = Result<Loaded<V>, E>>,
    {
        let Request {
            key,
            freshness,
            dependencies,
            mode,
            name,
        } = request;
        let inner = &*self.0;
        if mode == Mode::Bypass || freshness.ttl.is_zero() || !self.is_enabled() {
            inner.counters.bypassed.increment();
            let loaded = self.run_in_place(run, |loaded| loaded).await?;
            return Ok(inner.not_kept(freshness, &dependencies, loaded));
        }
        let lookups = || inner.counters.lookups();
        let mut in_vain = 0;
        let departure = loop {
            match self.claim(key, &dependencies, mode, in_vain < MOST_IN_VAIN) {
                Claim::Serve(served, None) => {
                    match served.source {
                        Source::Hit => lookups().hits.increment(),
                        _ => lookups().stale_hits.increment(),
                    }
                    return Ok(served);
                }
                // Others are served what is there; this one waits for what replaces it.
                Claim::Serve(_, Some(departure)) | Claim::Lead(departure) => break departure,
                Claim::Join(mut seat) => {
                    if in_vain == 0 {
                        lookups().joined.increment();
                    }
                    match timeout(LONGEST_WAIT, seat.wait()).await {
                        Ok(Ok(landed)) if seat.is_entitled(&landed, &inner.versions) => {
                            return Ok(landed.served(Source::Joined));
                        }
                        // The error of another one is not ours to give.
                        Ok(_) => in_vain += 1,
                        Err(_) => in_vain = MOST_IN_VAIN,
                    }
                }
            }
        };
        if in_vain == 0 {
            lookups().misses.increment();
        }
        self.lead(departure, Storing { freshness, name }, run).await
    }

    /// Loads in place, for the caller and for all who join.
    ///
    /// The departure lives as long as this does. However it ends, by a value, an error, a panic or
    /// because the caller drops it at one of its awaits, the departure frees the place of the key
    /// and then closes the channel that joiners wait at: they find the place free, or taken by
    /// another one of them.
    async fn lead<V, E, Fut>(
        &self,
        mut departure: Departure<V, E>,
        storing: Storing,
        run: impl FnOnce() -> Fut,
    ) -> Result<Served<V>, E>
    where
        V: Clone + Send + Sync + 'static,
        E: Send + Sync + 'static,
        Fut: Future<Output = Result<Loaded<V>, E>>,
    {
        let inner = &*self.0;
        let Storing { freshness, name } = storing;
        let began = inner.clock.now();
        // The version was taken with the departure, and `run` has not been called yet.
        let loading = self.run_in_place(run, |loaded| {
            let name = loaded.storable.then(|| name.make());
            (loaded, name)
        });
        match loading.await {
            Ok((loaded, name)) => {
                if failpoints::is_on("counter-after-load") {
                    departure.as_of = inner.versions.now();
                }
                let took = inner.clock.now().since(began);
                let landed = self.keep(&departure, freshness, loaded, name, took);
                departure.land(|| Ok(landed.clone()));
                Ok(landed.served(Source::Loaded))
            }
            Err(error) => {
                let served = self.replaced(&departure);
                let served = served.or_else(|| inner.kept_for_errors(departure.key()));
                let served = served.ok_or(error)?;
                if served.source != Source::Hit {
                    inner.counters.stale_on_error.increment();
                }
                // Nobody else will hear of it.
                tracing::warn!(
                    target: "larder::cache",
                    "a load failed, and what was kept is served instead"
                );
                Ok(served)
            }
        }
    }

    /// The entry that a failed load was to replace, if nothing has made it wrong meanwhile. It
    /// could have been served when the read began, so it may be now, however long the load took.
    fn replaced<V, E>(&self, departure: &Departure<V, E>) -> Option<Served<V>>
    where
        V: Clone + Send + Sync + 'static,
    {
        let entry = departure.replaces()?;
        let value = entry.value::<V>()?;
        let now = self.0.clock.now();
        self.0.is_current(entry).then(|| Served {
            value: value.clone(),
            source: match entry.facts.times.age(now) {
                Age::Fresh => Source::Hit,
                Age::Stale | Age::Expired => Source::Stale,
            },
            basis: entry.basis(now),
        })
    }

    /// Counts a load that runs in the caller's task, and what becomes of it. A panic goes on.
    async fn run_in_place<V, E, Fut, T>(
        &self,
        run: impl FnOnce() -> Fut,
        then: impl FnOnce(Loaded<V>) -> T,
    ) -> Result<T, E>
    where
        Fut: Future<Output = Result<Loaded<V>, E>>,
    {
        let counters = &self.0.counters;
        counters.loads.increment();
        let running = async { run().await.map(then) };
        match AssertUnwindSafe(running).catch_unwind().await {
            Ok(Ok(loaded)) => Ok(loaded),
            Ok(Err(error)) => {
                counters.load_failed(LoadErrorKind::Failed, false);
                Err(error)
            }
            Err(payload) => {
                counters.load_failed(LoadErrorKind::Panicked, false);
                resume_unwind(payload)
            }
        }
    }
}
