//! The stale refill, in a schedule that leaves nothing to chance: a reader misses and reads the
//! old row, a writer commits and invalidates, the reader stores what it has read.
//!
//! The same schedule runs on Larder's cache, where the next read loads anew, and on a plain
//! `moka` cache that is invalidated after the write, where the old row stays.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_cache::{
    Cache, CacheOptions, Cause, Clock, Dependency, EntryName, Freshness, KeyBuilder, Loaded, Mode,
    Request,
};
use tokio::sync::Barrier;

const TABLE: Dependency = Dependency::table(16_384);
const OLD: u64 = 1;
const NEW: u64 = 2;

/// A cache of the one row.
trait Cached: Clone + Send + Sync + 'static {
    fn read(
        &self,
        load: impl Future<Output = u64> + Send + 'static,
    ) -> impl Future<Output = u64> + Send;

    fn invalidate(&self) -> impl Future<Output = ()> + Send;
}

/// Runs the schedule. Gives what the reader in the middle of it got, and what a read gets that
/// begins after the write was acknowledged.
async fn schedule(cache: impl Cached) -> (u64, u64) {
    let row = Arc::new(AtomicU64::new(OLD));
    // Passed twice: when the reader's load has read the row, and when it may return.
    let step = Arc::new(Barrier::new(2));

    let reader = tokio::spawn({
        let (cache, row, step) = (cache.clone(), Arc::clone(&row), Arc::clone(&step));
        async move {
            let load = async move {
                let read = row.load(Ordering::SeqCst);
                step.wait().await;
                step.wait().await;
                read
            };
            cache.read(load).await
        }
    });
    step.wait().await;

    row.store(NEW, Ordering::SeqCst);
    cache.invalidate().await;
    // Here the write is acknowledged.

    step.wait().await;
    let reader = reader.await.unwrap();
    let next = cache.read(async move { row.load(Ordering::SeqCst) }).await;
    (reader, next)
}

/// Larder's cache; what the row's table is may be known before the load or not.
#[derive(Clone)]
struct Larder {
    cache: Cache,
    known: bool,
}

impl Larder {
    fn new(known: bool) -> Self {
        let cache = Cache::new(CacheOptions {
            max_entries: 100,
            max_bytes: 1 << 20,
            cleanup_interval: Duration::from_secs(60),
            clock: Clock::system(),
            ..CacheOptions::default()
        });
        Self { cache, known }
    }
}

impl Cached for Larder {
    async fn read(&self, load: impl Future<Output = u64> + Send + 'static) -> u64 {
        let known: &[_] = if self.known { &[TABLE] } else { &[] };
        let request = Request {
            key: KeyBuilder::new().finish(),
            freshness: Freshness::for_ttl(Duration::from_secs(3_600)),
            dependencies: self.cache.versions().slots(known),
            mode: Mode::Normal,
            name: EntryName::from("row"),
        };
        let load = async move || {
            Ok::<_, Infallible>(Loaded {
                value: load.await,
                dependencies: vec![TABLE],
                bytes: 8,
                storable: true,
                kept: None,
                digest: None,
                snapshot: None,
                by_time: false,
                fresh_for: None,
            })
        };
        self.cache.get_or_load(request, load).await.unwrap().value
    }

    async fn invalidate(&self) {
        self.cache.invalidate(&[TABLE], Cause::Write);
    }
}

#[derive(Clone)]
struct Moka(moka::future::Cache<(), u64>);

impl Cached for Moka {
    async fn read(&self, load: impl Future<Output = u64> + Send + 'static) -> u64 {
        self.0.get_with((), load).await
    }

    async fn invalidate(&self) {
        self.0.invalidate(&()).await;
    }
}

#[tokio::test]
async fn it_is_closed_where_dependencies_are_known_before_the_load() {
    assert_eq!(schedule(Larder::new(true)).await, (OLD, NEW));
}

#[tokio::test]
async fn it_is_closed_where_dependencies_are_learned_during_the_load() {
    assert_eq!(schedule(Larder::new(false)).await, (OLD, NEW));
}

#[tokio::test]
async fn on_moka_with_invalidation_after_the_write_the_old_row_stays() {
    assert_eq!(
        schedule(Moka(moka::future::Cache::new(100))).await,
        (OLD, OLD)
    );
}
