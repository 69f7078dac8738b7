//! Loads that run in the caller's own task.

use std::cell::Cell;
use std::future::ready;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use larder_cache::{Cause, Freshness, LoadErrorKind, Loaded, Mode, Served, Source};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::{
    Failure, OTHER_TABLE, Ran, Read, TABLE, cache, cache_and_time, gate, key, seconds, settle,
};

fn stale_for() -> Read {
    Read {
        freshness: Freshness {
            stale_for: seconds(30),
            ..Freshness::for_ttl(seconds(60))
        },
        ..Read::new()
    }
}

fn told(ran: Ran) -> (u64, Source) {
    let Served { value, source, .. } = ran.unwrap();
    (value, source)
}

#[tokio::test]
async fn a_load_may_borrow_and_need_not_be_sent() {
    let cache = cache();
    let runs = Rc::new(Cell::new(0));
    let text = String::from("seven");
    for source in [Source::Loaded, Source::Hit] {
        let run = async || {
            runs.set(runs.get() + 1);
            settle().await;
            Ok::<_, ()>(Loaded::new(text.len() as u64, vec![TABLE], 8))
        };
        let served = cache.get_or_run(Read::new().request(&cache), run).await;
        let served = served.unwrap();
        assert_eq!((served.value, served.source), (5, source));
        let found: Vec<_> = served.basis.dependencies.dependencies().collect();
        assert_eq!((found, served.basis.fresh_for), (vec![TABLE], seconds(60)));
    }
    assert_eq!(runs.get(), 1);
    let statistics = cache.statistics();
    assert_eq!((statistics.misses, statistics.hits), (1, 1));
    assert_eq!((statistics.loads, statistics.sets), (1, 1));
}

/// Where the load may be sent, so may the read.
#[test]
fn a_read_is_as_free_as_its_load() {
    fn is_send(_: impl Send) {}
    let cache = cache();
    let run = || ready(Ok::<_, Failure>(Read::new().loaded(7)));
    is_send(cache.get_or_run(Read::new().request(&cache), run));
}

#[tokio::test]
async fn one_load_serves_all_who_ask_meanwhile() {
    let cache = cache();
    let (leader, gate) = Read::new().begin_run(&cache).await;
    let in_place = Read::new().spawn_run(&cache, Ok(8)).await;
    let in_a_task = Read::new().spawn(&cache, 9).await;
    gate.open(Ok(Read::new().loaded(7)));
    assert_eq!(told(leader.await.unwrap()), (7, Source::Loaded));
    assert_eq!(told(in_place.await.unwrap()), (7, Source::Joined));
    let served = in_a_task.await.unwrap().unwrap();
    assert_eq!((served.value, served.source), (7, Source::Joined));
    let statistics = cache.statistics();
    assert_eq!((statistics.loads, statistics.joined), (1, 2));

    let read = Read::of(key(2));
    let (leader, gate) = read.begin(&cache).await;
    let joiner = read.spawn_run(&cache, Ok(8)).await;
    gate.open(Ok(read.loaded(7)));
    assert_eq!(leader.await.unwrap().unwrap().value, 7);
    assert_eq!(told(joiner.await.unwrap()), (7, Source::Joined));
}

async fn cancel(leader: JoinHandle<Ran>) {
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    settle().await;
}

#[tokio::test]
async fn a_leader_that_goes_away_leaves_the_place_free() {
    let cache = cache();
    let (leader, gate) = Read::new().begin_run(&cache).await;
    cancel(leader).await;
    gate.open(Ok(Read::new().loaded(7)));
    assert!(cache.explain(key(1)).is_none(), "nothing is stored");
    let ran = Read::new().run(&cache, Ok(8)).await;
    assert_eq!(told(ran), (8, Source::Loaded));
    assert_eq!(
        cache.statistics().joined,
        0,
        "nobody waits for one that is gone"
    );
}

#[tokio::test]
async fn when_a_leader_goes_away_one_of_those_who_wait_leads() {
    let cache = cache();
    let (leader, _gate) = Read::new().begin_run(&cache).await;
    let in_place = Read::new().spawn_run(&cache, Ok(8)).await;
    let in_a_task = Read::new().spawn(&cache, 8).await;
    cancel(leader).await;
    assert_eq!(in_place.await.unwrap().unwrap().value, 8);
    assert_eq!(in_a_task.await.unwrap().unwrap().value, 8);
    assert_eq!(cache.get::<u64>(key(1)), Some(8));
    let statistics = cache.statistics();
    assert_eq!((statistics.misses, statistics.joined), (1, 2));
    assert_eq!(
        statistics.loads, 2,
        "that of the first, and one more for all"
    );
}

#[tokio::test]
async fn a_panic_goes_on_in_the_leader_and_those_who_wait_load() {
    let cache = cache();
    let (leader, gate) = Read::new().begin_run(&cache).await;
    let joiner = Read::new().spawn_run(&cache, Ok(8)).await;
    let in_a_task = Read::new().spawn(&cache, 8).await;
    drop(gate);
    let panic = leader.await.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref(), Some(&"the gate is gone"));
    assert_eq!(joiner.await.unwrap().unwrap().value, 8);
    assert_eq!(in_a_task.await.unwrap().unwrap().value, 8);
    let statistics = cache.statistics();
    assert_eq!((statistics.load_errors, statistics.loads), (1, 2));
}

/// An error that cannot be cloned.
#[derive(Debug, PartialEq)]
struct Unique(u64);

#[tokio::test]
async fn everyone_gets_the_error_of_the_own_load() {
    const READERS: u64 = 5;
    let cache = cache();
    let standing: Arc<Mutex<Vec<oneshot::Sender<()>>>> = Arc::default();
    let readers: Vec<_> = (0..READERS)
        .map(|number| {
            let (cache, standing) = (cache.clone(), Arc::clone(&standing));
            let run = async move || {
                let (go_on, told) = oneshot::channel();
                standing.lock().unwrap().push(go_on);
                told.await.unwrap();
                Err::<Loaded<u64>, _>(Unique(number))
            };
            let request = Read::new().request(&cache);
            tokio::spawn(async move { cache.get_or_run(request, run).await })
        })
        .collect();
    // One after the other at first; after two nobody waits for anybody.
    for loads in [1, 2, READERS] {
        settle().await;
        assert_eq!(cache.statistics().loads, loads);
        for go_on in standing.lock().unwrap().drain(..) {
            go_on.send(()).unwrap();
        }
    }
    for (number, reader) in (0..).zip(readers) {
        assert_eq!(reader.await.unwrap().unwrap_err(), Unique(number));
    }
    let statistics = cache.statistics();
    assert_eq!((statistics.loads, statistics.load_errors), (5, 5));
    assert_eq!((statistics.misses, statistics.joined), (1, 4));
    assert_eq!(statistics.sets, 0);
}

#[tokio::test]
async fn who_has_joined_a_load_in_a_task_that_fails_loads_alone() {
    let cache = cache();
    let (leader, gate) = Read::new().begin(&cache).await;
    let joiner = Read::new().spawn_run(&cache, Ok(8)).await;
    gate.open(Err("no server"));
    assert!(leader.await.unwrap().is_err());
    assert_eq!(told(joiner.await.unwrap()), (8, Source::Loaded));
}

#[tokio::test]
async fn who_has_joined_a_load_in_place_that_fails_loads_in_a_task() {
    let cache = cache();
    let (leader, gate) = Read::new().begin_run(&cache).await;
    let joiner = Read::new().spawn(&cache, 8).await;
    gate.open(Err("no server"));
    assert_eq!(leader.await.unwrap().unwrap_err(), "no server");
    assert_eq!(joiner.await.unwrap().unwrap().value, 8);
}

#[tokio::test]
async fn past_its_time_an_entry_is_served_to_all_but_the_one_that_replaces_it() {
    let (cache, time) = cache_and_time();
    let read = stale_for();
    read.value(&cache, 7).await;
    time.advance(seconds(60));
    let (first, gate) = read.begin_run(&cache).await;
    let meanwhile = read.run(&cache, Ok(8)).await;
    assert_eq!(told(meanwhile), (7, Source::Stale));
    assert_eq!(cache.get::<u64>(read.key), Some(7));
    gate.open(Ok(read.loaded(9)));
    assert_eq!(told(first.await.unwrap()), (9, Source::Loaded));
    assert_eq!(told(read.run(&cache, Ok(10)).await), (9, Source::Hit));
    let statistics = cache.statistics();
    assert_eq!((statistics.misses, statistics.stale_hits), (2, 2));
}

#[tokio::test]
async fn a_refresh_that_fails_or_goes_away_leaves_the_entry_and_another_one_refreshes() {
    let (cache, time) = cache_and_time();
    let read = stale_for();
    read.value(&cache, 7).await;
    time.advance(seconds(60));
    let ran = read.run(&cache, Err("no server")).await;
    assert_eq!(told(ran), (7, Source::Stale));
    assert_eq!(cache.get::<u64>(read.key), None, "somebody has to begin");
    let (leader, gate) = read.begin_run(&cache).await;
    cancel(leader).await;
    drop(gate);
    assert_eq!(cache.get::<u64>(read.key), None);
    let (leader, gate) = read.begin_run(&cache).await;
    drop(gate);
    assert!(leader.await.unwrap_err().is_panic());
    // However long it took to fail: it could have been served when the read began.
    let (leader, gate) = read.begin_run(&cache).await;
    time.advance(seconds(30));
    gate.open(Err("no server"));
    assert_eq!(told(leader.await.unwrap()), (7, Source::Stale));
    assert_eq!(cache.statistics().stale_on_error, 2);
    let ran = read.run(&cache, Err("no server")).await;
    assert_eq!(ran.unwrap_err(), "no server", "its time is over");
}

#[tokio::test]
async fn what_is_invalidated_while_it_is_replaced_is_not_served() {
    let (cache, time) = cache_and_time();
    let read = stale_for();
    read.value(&cache, 7).await;
    time.advance(seconds(60));
    let (leader, gate) = read.begin_run(&cache).await;
    cache.invalidate(&[TABLE], Cause::Write);
    let ran = read.run(&cache, Ok(8)).await;
    assert_eq!(told(ran), (8, Source::Loaded), "nor joined");
    gate.open(Err("no server"));
    assert!(leader.await.unwrap().is_err());
}

#[tokio::test]
async fn when_a_load_fails_what_is_past_its_time_is_served() {
    let (cache, time) = cache_and_time();
    let read = Read {
        freshness: Freshness {
            stale_if_error: seconds(30),
            ..Freshness::for_ttl(seconds(60))
        },
        ..Read::new()
    };
    read.value(&cache, 7).await;
    time.advance(seconds(89));
    let (leader, gate) = read.begin_run(&cache).await;
    let joiner = read.spawn_run(&cache, Err("no server")).await;
    gate.open(Err("no server"));
    for reader in [leader, joiner] {
        assert_eq!(told(reader.await.unwrap()), (7, Source::StaleOnError));
    }
    assert_eq!(cache.statistics().stale_on_error, 2);
    time.advance(seconds(1));
    let ran = read.run(&cache, Err("no server")).await;
    assert_eq!(ran.unwrap_err(), "no server");
}

#[tokio::test]
async fn modes_and_switches_hold() {
    let cache = cache();
    let run = async |read: Read, value| told(read.run(&cache, Ok(value)).await);
    assert_eq!(run(Read::new(), 1).await, (1, Source::Loaded));
    assert_eq!(run(Read::mode(Mode::Bypass), 2).await, (2, Source::Loaded));
    let never = Read {
        freshness: Freshness::for_ttl(seconds(0)),
        ..Read::new()
    };
    assert_eq!(run(never, 3).await, (3, Source::Loaded));
    assert_eq!(run(Read::new(), 4).await, (1, Source::Hit));
    assert_eq!(run(Read::mode(Mode::Refresh), 5).await, (5, Source::Loaded));
    assert_eq!(run(Read::new(), 6).await, (5, Source::Hit));
    let error = Read::mode(Mode::Bypass).run(&cache, Err("no server")).await;
    assert_eq!(error.unwrap_err(), "no server");
    cache.set_enabled(false);
    assert_eq!(run(Read::new(), 7).await, (7, Source::Loaded));
    assert_eq!(run(Read::new(), 8).await, (8, Source::Loaded));
    let statistics = cache.statistics();
    assert_eq!((statistics.bypassed, statistics.sets), (5, 2));
    assert_eq!((statistics.loads, statistics.load_errors), (7, 1));
}

#[tokio::test]
async fn a_read_after_a_write_never_joins_a_load_from_before_it() {
    for (read, written) in [(Read::new(), TABLE), (Read::finding(&[TABLE]), OTHER_TABLE)] {
        let cache = cache();
        let (first, gate) = read.begin_run(&cache).await;
        cache.invalidate(&[written], Cause::Write);
        let ran = read.run(&cache, Ok(8)).await;
        assert_eq!(told(ran), (8, Source::Loaded));
        gate.open(Ok(read.loaded(7)));
        assert_eq!(told(first.await.unwrap()), (7, Source::Loaded));
        assert_eq!(cache.get::<u64>(key(1)), Some(8));
    }
}

#[tokio::test]
async fn who_joined_by_what_was_known_looks_again_when_more_was_found() {
    let cache = cache();
    let read = Read {
        found: vec![OTHER_TABLE],
        ..Read::new()
    };
    let (first, gate) = read.begin_run(&cache).await;
    cache.invalidate(&[OTHER_TABLE], Cause::Write);
    let after = read.spawn_run(&cache, Ok(9)).await;
    gate.open(Ok(read.loaded(7)));
    assert_eq!(told(first.await.unwrap()), (7, Source::Loaded));
    assert_eq!(told(after.await.unwrap()), (9, Source::Loaded));
}

#[tokio::test]
async fn what_is_invalidated_during_a_load_is_not_stored() {
    let cache = cache();
    let (reader, gate) = Read::new().begin_run(&cache).await;
    cache.invalidate(&[TABLE], Cause::Write);
    gate.open(Ok(Read::new().loaded(7)));
    assert_eq!(told(reader.await.unwrap()), (7, Source::Loaded));
    assert_eq!(cache.statistics().sets, 0);
}

#[tokio::test]
async fn a_read_that_is_never_polled_does_nothing() {
    let cache = cache();
    let run = || ready(Ok::<_, Failure>(Read::new().loaded(7)));
    drop(cache.get_or_run(Read::new().request(&cache), run));
    assert_eq!(cache.statistics().loads, 0);
    assert_eq!(told(Read::new().run(&cache, Ok(8)).await).0, 8);
}

#[tokio::test]
async fn a_panic_past_the_cache_goes_on_and_counts() {
    let cache = cache();
    let reading = tokio::spawn({
        let cache = cache.clone();
        async move {
            let (gate, load) = gate();
            drop(gate);
            let request = Read::mode(Mode::Bypass).request(&cache);
            cache.get_or_run(request, load).await
        }
    });
    assert!(reading.await.unwrap_err().is_panic());
    assert_eq!(cache.statistics().load_errors, 1);
    let error = Read::new()
        .load(&cache, Err("no server"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Failed);
}
