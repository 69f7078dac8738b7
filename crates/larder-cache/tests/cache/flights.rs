//! One load at a time, and who may share it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use larder_cache::{Cause, LoadError, LoadErrorKind, Loaded, Mode, Source};
use tokio::sync::{Barrier, oneshot};

use crate::support::{OTHER_TABLE, Read, TABLE, cache, gate, key, settle};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_concurrent_misses_are_one_load() {
    const READERS: usize = 1_000;
    let cache = cache();
    let loads = Arc::new(AtomicU64::new(0));
    let together = Arc::new(Barrier::new(READERS));
    // The first load goes on until every reader has asked: all of them miss.
    let asked = Arc::new(Barrier::new(READERS + 1));
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (cache, loads) = (cache.clone(), Arc::clone(&loads));
            let (together, asked) = (Arc::clone(&together), Arc::clone(&asked));
            tokio::spawn(async move {
                together.wait().await;
                let load = {
                    let asked = Arc::clone(&asked);
                    async move || {
                        if loads.fetch_add(1, Ordering::Relaxed) == 0 {
                            asked.wait().await;
                        }
                        Ok::<_, ()>(Read::new().loaded(7))
                    }
                };
                let asking = cache.get_or_load(Read::new().request(&cache), load);
                tokio::join!(biased; asking, asked.wait()).0.unwrap().value
            })
        })
        .collect();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 7);
    }
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    let statistics = cache.statistics();
    assert_eq!((statistics.misses, statistics.loads), (1, 1));
    assert_eq!(statistics.joined, READERS as u64 - 1);
}

#[tokio::test]
async fn callers_that_vanish_change_nothing() {
    let cache = cache();
    let (leader, gate) = Read::new().begin(&cache).await;
    let vanishing = Read::new().spawn(&cache, 8).await;
    let staying = Read::new().spawn(&cache, 9).await;
    leader.abort();
    vanishing.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    let late = Read::new().spawn(&cache, 10).await;
    gate.open(Ok(Read::new().loaded(7)));
    let served = staying.await.unwrap().unwrap();
    assert_eq!((served.value, served.source), (7, Source::Joined));
    assert_eq!(late.await.unwrap().unwrap().value, 7);
    assert_eq!(cache.get::<u64>(key(1)), Some(7));
    assert_eq!(cache.statistics().loads, 1);
}

#[tokio::test]
async fn a_load_goes_on_and_is_stored_when_all_callers_vanish() {
    let cache = cache();
    let (leader, gate) = Read::new().begin(&cache).await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    gate.open(Ok(Read::new().loaded(7)));
    settle().await;
    assert_eq!(cache.get::<u64>(key(1)), Some(7));
}

#[tokio::test]
async fn a_load_that_panics_is_reported_to_all_and_frees_its_place() {
    let cache = cache();
    let (leader, gate) = Read::new().begin(&cache).await;
    let joiner = Read::new().spawn(&cache, 8).await;
    drop(gate);
    for caller in [leader, joiner] {
        let error = caller.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::Panicked);
        assert!(matches!(error, LoadError::Panicked(message) if message == "the gate is gone"));
    }
    assert_eq!(cache.statistics().load_errors, 1);
    assert_eq!(Read::new().value(&cache, 9).await.source, Source::Loaded);
}

#[tokio::test]
async fn a_load_that_panics_before_its_future_is_there_is_no_different() {
    let cache = cache();
    #[expect(unreachable_code, reason = "the type of the future")]
    let load = || {
        panic!("at once");
        std::future::ready(Ok::<Loaded<u64>, ()>(Read::new().loaded(1)))
    };
    let answer = cache.get_or_load(Read::new().request(&cache), load).await;
    assert!(matches!(answer, Err(LoadError::Panicked(message)) if message == "at once"));
    assert_eq!(Read::new().value(&cache, 9).await.value, 9);
}

#[tokio::test]
async fn a_panic_past_the_cache_is_reported_too() {
    let cache = cache();
    let (gate, load) = gate();
    drop(gate);
    let request = Read::mode(Mode::Bypass).request(&cache);
    let error = cache.get_or_load(request, load).await.unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Panicked);
}

#[tokio::test]
async fn an_error_is_shared_and_not_kept() {
    let cache = cache();
    let (leader, gate) = Read::new().begin(&cache).await;
    let joiner = Read::new().spawn(&cache, 8).await;
    gate.open(Err("no server"));
    let (one, other) = (leader.await.unwrap(), joiner.await.unwrap());
    match (one, other) {
        (Err(LoadError::Failed(one)), Err(LoadError::Failed(other))) => {
            assert!(Arc::ptr_eq(&one, &other));
            assert_eq!(*one, "no server");
        }
        answers => panic!("not the same error: {answers:?}"),
    }
    assert_eq!(cache.statistics().loads, 1);
    assert_eq!(Read::new().value(&cache, 9).await.value, 9);
}

/// Counts how often it is cloned.
#[derive(Default)]
struct Counted(Arc<AtomicU64>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&self.0))
    }
}

#[tokio::test]
async fn who_waits_alone_gets_the_value_and_the_error_themselves() {
    let cache = cache();
    let load = async || {
        Ok::<_, ()>(Loaded {
            value: Counted::default(),
            dependencies: vec![],
            bytes: 8,
            storable: false,
            kept: None,
            digest: None,
            snapshot: None,
            by_time: false,
            fresh_for: None,
        })
    };
    let reading = cache.get_or_load(Read::new().request(&cache), load);
    let Counted(clones) = reading.await.unwrap().value;
    assert_eq!(clones.load(Ordering::Relaxed), 0);

    match Read::new().load(&cache, Err("no server")).await {
        Err(LoadError::Failed(error)) => assert_eq!(Arc::try_unwrap(error), Ok("no server")),
        answer => panic!("not the error: {answer:?}"),
    }
}

#[tokio::test]
async fn a_read_after_a_write_never_joins_a_load_from_before_it() {
    let cache = cache();
    let (first, gate) = Read::new().begin(&cache).await;
    cache.invalidate(&[TABLE], Cause::Write);
    let served = Read::new().value(&cache, 8).await;
    assert_eq!((served.value, served.source), (8, Source::Loaded));
    gate.open(Ok(Read::new().loaded(7)));
    assert_eq!(
        first.await.unwrap().unwrap().value,
        7,
        "the write was not acknowledged when the first read began",
    );
    assert_eq!(cache.get::<u64>(key(1)), Some(8));
}

#[tokio::test]
async fn who_joined_before_a_write_gets_the_result_and_it_is_not_stored() {
    let cache = cache();
    let (first, gate) = Read::new().begin(&cache).await;
    let joiner = Read::new().spawn(&cache, 8).await;
    cache.invalidate(&[TABLE], Cause::Write);
    gate.open(Ok(Read::new().loaded(7)));
    assert_eq!(first.await.unwrap().unwrap().value, 7);
    assert_eq!(joiner.await.unwrap().unwrap().value, 7);
    assert_eq!(cache.statistics().sets, 0);
    assert_eq!(Read::new().value(&cache, 9).await.value, 9);
}

#[tokio::test]
async fn a_write_to_another_table_keeps_nobody_from_joining() {
    let cache = cache();
    let (first, gate) = Read::new().begin(&cache).await;
    cache.invalidate(&[OTHER_TABLE], Cause::Write);
    let joiner = Read::new().spawn(&cache, 8).await;
    gate.open(Ok(Read::new().loaded(7)));
    assert_eq!(first.await.unwrap().unwrap().value, 7);
    assert_eq!(joiner.await.unwrap().unwrap().source, Source::Joined);
}

#[tokio::test]
async fn where_nothing_is_known_before_any_write_keeps_from_joining() {
    let cache = cache();
    let read = Read::finding(&[TABLE]);
    let (first, gate) = read.begin(&cache).await;
    let joiner = read.spawn(&cache, 8).await;
    cache.invalidate(&[OTHER_TABLE], Cause::Write);
    assert_eq!(read.value(&cache, 9).await.source, Source::Loaded);
    gate.open(Ok(read.loaded(7)));
    assert_eq!(first.await.unwrap().unwrap().value, 7);
    assert_eq!(joiner.await.unwrap().unwrap().value, 7, "it came before");
}

#[tokio::test]
async fn who_joined_by_what_was_known_looks_again_when_more_was_found() {
    let cache = cache();
    let read = Read {
        known: vec![TABLE],
        found: vec![OTHER_TABLE],
        ..Read::new()
    };
    let (first, gate) = read.begin(&cache).await;
    let before = read.spawn(&cache, 8).await;
    cache.invalidate(&[OTHER_TABLE], Cause::Write);
    let after = read.spawn(&cache, 9).await;
    gate.open(Ok(read.loaded(7)));
    assert_eq!(first.await.unwrap().unwrap().value, 7);
    assert_eq!(before.await.unwrap().unwrap().value, 7);
    let served = after.await.unwrap().unwrap();
    assert_eq!((served.value, served.source), (9, Source::Loaded));
}

#[test]
fn a_runtime_that_ends_does_not_fail_readers_of_another_one() {
    let cache = cache();
    let (leading, joining) = (runtime(), runtime());
    let (leader, _gate) = leading.block_on(Read::new().begin(&cache));
    let joiner = joining.block_on(Read::new().spawn(&cache, 8));
    assert_eq!(cache.statistics().joined, 1);
    drop((leading, leader));
    let served = joining.block_on(joiner).unwrap().unwrap();
    assert_eq!((served.value, served.source), (8, Source::Loaded));
}

#[test]
fn a_leader_whose_runtime_ends_is_told() {
    let cache = cache();
    let (leading, waiting) = (runtime(), runtime());
    let (gate, load) = gate();
    // Polled where the flight begins, and then where it does not run.
    let request = Read::new().request(&cache);
    let reading = Box::pin({
        let cache = cache.clone();
        async move { cache.get_or_load(request, load).await }
    });
    let (handed, back) = oneshot::channel();
    leading.block_on(async move {
        let mut reading = reading;
        assert!(futures::poll!(&mut reading).is_pending());
        handed.send(reading).ok();
    });
    drop((leading, gate));
    let reading = waiting.block_on(back).unwrap();
    let error = waiting.block_on(reading).unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Cancelled);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}
