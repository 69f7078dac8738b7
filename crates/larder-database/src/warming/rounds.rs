//! Running registered reads: at the start, when one is registered, and when somebody asks.

use std::error::Error as StdError;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream;
use tokio::time::sleep;

use super::progress::{WarmingFailure, WarmingProgress, WarmingReport};
use super::registered::Registered;
use super::warmer::Warmer;
use crate::database::Inner;
use crate::events::CacheEvent;
use crate::{Database, Error};

impl Database {
    /// Registers a read that warms the cache: with `cache.warm` on it runs in the background soon,
    /// in any case whenever somebody asks for [warming](Self::warm). One of the same name takes the place
    /// of the one before.
    ///
    /// The closure runs again and again, a few at a time
    /// ([`warm_parallelism`](crate::CacheSettings::warm_parallelism)) and each for a while at most
    /// ([`warm_timeout`](crate::CacheSettings::warm_timeout)), and reads as the service does
    /// later: with the same statements, values and options. What it reads is kept like any other
    /// result, and what is kept already costs no query. Its error is logged and counted, and the
    /// other reads go on.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn example(db: larder_database::Database) {
    /// db.register_warming("number of menus", |db| async move {
    ///     let menus = db.sql("SELECT count(*) FROM menus").cached();
    ///     menus.fetch_scalar::<i64>().await?;
    ///     Ok(())
    /// });
    /// # }
    /// ```
    pub fn register_warming<F, Fut>(&self, name: impl Into<String>, read: F)
    where
        F: Fn(Self) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Box<dyn StdError + Send + Sync>>> + Send + 'static,
    {
        self.inner().warmer.register(Registered::new(name, read));
    }

    /// Warms the cache of this process: fetches the hottest keys from Redis, where there is one, and
    /// runs all registered reads. Waits for a round that runs already, and then runs one of its
    /// own.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the reads that run are ended; what they have loaded so far is kept.
    pub async fn warm(&self) -> WarmingReport {
        round(self, true, Warmer::all).await
    }

    /// Runs one registered read, by its name.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownWarming`] if none is registered by this name. That the read fails is told by
    /// the report.
    ///
    /// # Cancel safety
    ///
    /// As [`warm`](Self::warm).
    pub async fn warm_named(&self, name: &str) -> Result<WarmingReport, Error> {
        let read = self.inner().warmer.named(name);
        let read = read.map_err(|known| Error::UnknownWarming {
            name: name.to_owned(),
            known: match known.is_empty() {
                true => "none is registered".to_owned(),
                false => format!("registered are {}", known.join(", ")),
            },
        })?;
        Ok(round(self, false, |_| vec![read]).await)
    }

    /// How far the warming of this process has come.
    pub fn warming(&self) -> WarmingProgress {
        let inner = self.inner();
        let reserve = inner.second_tier.as_ref().map(|tier| &tier.reserve);
        WarmingProgress {
            in_reserve: reserve.map_or(0, |reserve| reserve.left() as u64),
            ..inner.warmer.progress()
        }
    }
}

/// Warms a process that starts, and runs what is registered later. Ends with the database.
pub(crate) async fn warm_in_background(database: Weak<Inner>) {
    let Some(mut calls) = database.upgrade().map(|inner| inner.warmer.listen()) else {
        return;
    };
    let mut is_first = true;
    loop {
        let is_stopped = calls.borrow_and_update().is_stopped;
        let Some(inner) = database.upgrade().filter(|_| !is_stopped) else {
            return;
        };
        let report = round(&Database::of(inner), is_first, Warmer::new_ones).await;
        if is_first {
            tracing::info!(
                reads = report.done,
                failed = report.failed.len(),
                fetched = report.fetched,
                took = ?report.took,
                "the cache is warm"
            );
        }
        is_first = false;
        if calls.changed().await.is_err() {
            return;
        }
    }
}

/// Runs a round. Which reads it has is asked when it is its turn.
pub(super) async fn round(
    database: &Database,
    with_hot_keys: bool,
    reads: impl FnOnce(&Warmer) -> Vec<Registered>,
) -> WarmingReport {
    let inner = database.inner();
    let warmer = &inner.warmer;
    let begun = warmer.begin();
    let mut calls = warmer.listen();
    let mut report = WarmingReport::default();
    let work = async {
        let _turn = warmer.turn.lock().await;
        let began = Instant::now();
        let reads = reads(warmer);
        warmer.note(|progress| {
            progress.total = reads.len() as u64;
            (progress.done, progress.failed) = (0, 0);
        });
        until_results_are_kept(inner).await;
        if with_hot_keys {
            report.fetched = inner.fetch_hot_keys().await;
        }
        run_all(database, reads, &mut report).await;
        report.took = began.elapsed();
    };
    let is_stopped = tokio::select! {
        biased;
        _ = calls.wait_for(|calls| calls.is_stopped) => true,
        () = work => false,
    };
    report.stopped = is_stopped;
    drop(begun);
    // A start with nothing to warm is nothing to tell of.
    if report.done > 0 || report.fetched > 0 || !report.is_complete() {
        tell(inner, &report);
    }
    report
}

fn tell(inner: &Inner, report: &WarmingReport) {
    inner.events.send(|| CacheEvent::Warmed {
        done: report.done,
        failed: report.failed.len() as u64,
        fetched: report.fetched,
    });
}

/// Runs reads, so many at a time.
async fn run_all(database: &Database, reads: Vec<Registered>, report: &mut WarmingReport) {
    let inner = database.inner();
    let warmer = &inner.warmer;
    let runs = stream::iter(reads).map(|read| async {
        warmer.note(|progress| progress.running += 1);
        read.run(database.clone(), warmer.deadline).await
    });
    let mut runs = runs.buffer_unordered(warmer.parallelism);
    while let Some((name, outcome)) = runs.next().await {
        let has_failed = outcome.is_err();
        warmer.note(|progress| {
            progress.running -= 1;
            match has_failed {
                true => progress.failed += 1,
                false => progress.done += 1,
            }
        });
        match outcome {
            Ok(()) => report.done += 1,
            Err(error) => {
                tracing::warn!(name = &*name, "failed to warm the cache: {error}");
                let name = name.to_string();
                let failure = WarmingFailure { name, error };
                inner.events.send(|| CacheEvent::WarmingFailed {
                    name: failure.name.clone(),
                    error: failure.error.clone(),
                });
                report.failed.push(failure);
            }
        }
    }
}

/// Waits until results would be kept. Not for ever: what is wrong then is told by the reads.
async fn until_results_are_kept(inner: &Arc<Inner>) {
    const PAUSE: Duration = Duration::from_millis(20);
    const PATIENCE: Duration = Duration::from_secs(10);
    let since = Instant::now();
    let lease = inner.cache.lease();
    while !lease.holds(inner.cache.lease_clock().now()) && since.elapsed() < PATIENCE {
        sleep(PAUSE).await;
    }
}
