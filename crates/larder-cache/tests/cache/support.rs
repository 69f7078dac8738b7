//! A cache with a clock by hand, reads in few words, and loads that wait at a gate.

use std::future::ready;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use larder_cache::{
    Cache, CacheOptions, Clock, Dependency, EntryName, Freshness, Key, KeyBuilder, LoadError,
    Loaded, ManualClock, Mode, Request, Served,
};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::timeout;

pub(crate) const TABLE: Dependency = Dependency::table(16_384);
pub(crate) const OTHER_TABLE: Dependency = Dependency::table(16_385);

pub(crate) type Failure = &'static str;
pub(crate) type Ran = Result<Served<u64>, Failure>;
pub(crate) type Answer = Result<Served<u64>, LoadError<Failure>>;

pub(crate) fn options() -> (CacheOptions, ManualClock) {
    let (clock, time) = Clock::manual();
    let options = CacheOptions {
        max_entries: 1_000,
        max_bytes: 16 << 20,
        cleanup_interval: Duration::from_secs(60),
        clock,
        ..CacheOptions::default()
    };
    (options, time)
}

pub(crate) fn cache() -> Cache {
    Cache::new(options().0)
}

pub(crate) fn cache_and_time() -> (Cache, ManualClock) {
    let (options, time) = options();
    (Cache::new(options), time)
}

pub(crate) fn key(number: u64) -> Key {
    let mut key = KeyBuilder::new();
    key.u64(number);
    key.finish()
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Lets every task that can go on go on, until all wait for something.
pub(crate) async fn settle() {
    for _ in 0..32 {
        yield_now().await;
    }
}

/// What never comes is a failure, and not a test without an end.
async fn at_last<T>(future: impl Future<Output = T>) -> T {
    let Ok(output) = timeout(seconds(20), future).await else {
        panic!("waits for ever");
    };
    output
}

/// A read of `TABLE` under key 1, kept for a minute, unless said otherwise.
#[derive(Clone)]
pub(crate) struct Read {
    pub(crate) key: Key,
    pub(crate) freshness: Freshness,
    /// The dependencies that are known before the load.
    pub(crate) known: Vec<Dependency>,
    /// Those that the load finds.
    pub(crate) found: Vec<Dependency>,
    pub(crate) mode: Mode,
    pub(crate) name: &'static str,
}

impl Read {
    pub(crate) fn new() -> Self {
        Self {
            key: key(1),
            freshness: Freshness::for_ttl(seconds(60)),
            known: vec![TABLE],
            found: vec![TABLE],
            mode: Mode::Normal,
            name: "restaurants:nearby:1",
        }
    }

    pub(crate) fn of(key: Key) -> Self {
        Self { key, ..Self::new() }
    }

    /// What it depends on is known only after the load.
    pub(crate) fn finding(found: &[Dependency]) -> Self {
        Self {
            known: Vec::new(),
            found: found.to_vec(),
            ..Self::new()
        }
    }

    pub(crate) fn mode(mode: Mode) -> Self {
        Self {
            mode,
            ..Self::new()
        }
    }

    pub(crate) fn request(&self, cache: &Cache) -> Request {
        Request {
            key: self.key,
            freshness: self.freshness,
            dependencies: cache.versions().slots(&self.known),
            mode: self.mode,
            name: EntryName::from(self.name),
        }
    }

    pub(crate) fn loaded(&self, value: u64) -> Loaded<u64> {
        Loaded {
            value,
            dependencies: self.found.clone(),
            bytes: 8,
            storable: true,
            kept: None,
            digest: None,
            snapshot: None,
            by_time: false,
            fresh_for: None,
        }
    }

    /// Reads; where it has to load, the load gives `result` at once.
    pub(crate) async fn load(&self, cache: &Cache, result: Result<u64, Failure>) -> Answer {
        let loaded = result.map(|value| self.loaded(value));
        let reading = cache.get_or_load(self.request(cache), move || ready(loaded));
        at_last(reading).await
    }

    /// Reads; where it has to load, the load gives `value` at once.
    pub(crate) async fn value(&self, cache: &Cache, value: u64) -> Served<u64> {
        self.load(cache, Ok(value)).await.unwrap()
    }

    /// As [`Read::value`], in a task that has gone as far as it can when this returns.
    pub(crate) async fn spawn(&self, cache: &Cache, value: u64) -> JoinHandle<Answer> {
        let (read, cache) = (self.clone(), cache.clone());
        let task = tokio::spawn(async move { read.load(&cache, Ok(value)).await });
        settle().await;
        task
    }

    /// As [`Read::load`], in place.
    pub(crate) async fn run(&self, cache: &Cache, result: Result<u64, Failure>) -> Ran {
        let loaded = result.map(|value| self.loaded(value));
        at_last(cache.get_or_run(self.request(cache), || ready(loaded))).await
    }

    /// As [`Read::run`], in a task that has gone as far as it can when this returns.
    pub(crate) async fn spawn_run(
        &self,
        cache: &Cache,
        result: Result<u64, Failure>,
    ) -> JoinHandle<Ran> {
        let (read, cache) = (self.clone(), cache.clone());
        let task = tokio::spawn(async move { read.run(&cache, result).await });
        settle().await;
        task
    }

    /// As [`Read::begin`], with a load that runs in place.
    pub(crate) async fn begin_run(&self, cache: &Cache) -> (JoinHandle<Ran>, Gate) {
        let (gate, load) = gate();
        let (request, cache) = (self.request(cache), cache.clone());
        let task = tokio::spawn(async move { cache.get_or_run(request, load).await });
        (task, gate.reached().await)
    }

    /// Begins a read in a task; its load has begun when this returns, and waits at the gate.
    pub(crate) async fn begin(&self, cache: &Cache) -> (JoinHandle<Answer>, Gate) {
        let (gate, load) = gate();
        let (request, cache) = (self.request(cache), cache.clone());
        let task = tokio::spawn(async move { cache.get_or_load(request, load).await });
        (task, gate.reached().await)
    }
}

/// Where a load waits.
pub(crate) struct Gate {
    reached: Option<oneshot::Receiver<()>>,
    open: oneshot::Sender<Result<Loaded<u64>, Failure>>,
}

type Opened = oneshot::Receiver<Result<Loaded<u64>, Failure>>;

/// A load that waits at a gate.
pub(crate) type Load = Box<dyn FnOnce() -> BoxFuture<'static, Result<Loaded<u64>, Failure>> + Send>;

/// A gate, and the load that waits at it. A gate that is dropped lets the load panic.
pub(crate) fn gate() -> (Gate, Load) {
    let (reach, reached) = oneshot::channel();
    let (open, opened): (_, Opened) = oneshot::channel();
    let load = async move || {
        reach.send(()).ok();
        opened.await.unwrap_or_else(|_| panic!("the gate is gone"))
    };
    let gate = Gate {
        reached: Some(reached),
        open,
    };
    (gate, Box::new(|| load().boxed()))
}

impl Gate {
    /// Waits until the load is there.
    pub(crate) async fn reached(mut self) -> Self {
        at_last(self.reached.take().unwrap()).await.unwrap();
        self
    }

    /// Lets the load return.
    pub(crate) fn open(self, result: Result<Loaded<u64>, Failure>) {
        self.open.send(result).ok();
    }
}
