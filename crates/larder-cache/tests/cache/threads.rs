//! Real threads, for what an interleaving by hand cannot show: the order of memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use larder_cache::{Cache, Cause};
use tokio::task::{JoinHandle, yield_now};

use crate::support::{Read, TABLE, cache, key};

const WRITES: u64 = 3_000;

/// A row, and the last value whose write was acknowledged.
#[derive(Default)]
struct Row {
    value: AtomicU64,
    acknowledged: AtomicU64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_reader_gets_less_than_was_acknowledged_before_it_began() {
    for read in [Read::new(), Read::finding(&[TABLE])] {
        let (cache, row) = (cache(), Arc::new(Row::default()));
        let readers = readers(&cache, &read, &row);
        for value in 1..=WRITES {
            // Relaxed: whoever may rely on it has it through the cache.
            row.value.store(value, Ordering::Relaxed);
            cache.invalidate(&[TABLE], Cause::Write);
            row.acknowledged.store(value, Ordering::Release);
            yield_now().await;
        }
        for reader in readers {
            reader.await.unwrap();
        }
    }
}

/// Writers that keep what they have written: of two that write at the same time, none may keep
/// what the other one has overwritten.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_reader_gets_less_than_was_acknowledged_where_writers_keep_their_values() {
    let (cache, row) = (cache(), Arc::new(Row::default()));
    let readers = readers(&cache, &Read::new(), &row);
    let writers: Vec<_> = (0..2)
        .map(|_| tokio::spawn(write_on(cache.clone(), Arc::clone(&row))))
        .collect();
    for task in writers.into_iter().chain(readers) {
        task.await.unwrap();
    }
}

async fn write_on(cache: Cache, row: Arc<Row>) {
    let read = Read::new();
    loop {
        let begun = cache.begin(0);
        // Not beyond the last one, which all readers wait for.
        let next = |value| (value < WRITES).then_some(value + 1);
        let written = row
            .value
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        let Ok(before) = written else { return };
        let value = before + 1;
        yield_now().await;
        let own = cache.invalidate(&[TABLE], Cause::Write);
        let loaded = read.loaded(value);
        cache.put_after_own_writes(read.request(&cache), begun, own, &loaded);
        row.acknowledged.fetch_max(value, Ordering::AcqRel);
        yield_now().await;
    }
}

/// Half of them load in place.
fn readers(cache: &Cache, read: &Read, row: &Arc<Row>) -> Vec<JoinHandle<()>> {
    let reader = |in_place| read_on(cache.clone(), read.clone(), Arc::clone(row), in_place);
    [true, false, true, false]
        .into_iter()
        .map(|in_place| tokio::spawn(reader(in_place)))
        .collect()
}

async fn read_on(cache: Cache, read: Read, row: Arc<Row>, in_place: bool) {
    loop {
        let least = row.acknowledged.load(Ordering::Acquire);
        let value = match cache.get::<u64>(read.key) {
            Some(value) => value,
            None => {
                let (row, found) = (Arc::clone(&row), read.clone());
                let load = async move || {
                    let value = row.value.load(Ordering::Relaxed);
                    yield_now().await;
                    Ok::<_, ()>(found.loaded(value))
                };
                let request = read.request(&cache);
                if in_place {
                    cache.get_or_run(request, load).await.unwrap().value
                } else {
                    cache.get_or_load(request, load).await.unwrap().value
                }
            }
        };
        assert!(value >= least, "{value} after {least} was acknowledged");
        if least == WRITES {
            return;
        }
        // A writer may need the thread.
        yield_now().await;
    }
}

/// A load may land between a reader's look at the entries and its look at the flights.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_load_that_lands_at_once_is_still_the_only_one() {
    const KEYS: u64 = 2_000;
    let cache = cache();
    for number in 0..KEYS {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let cache = cache.clone();
                tokio::spawn(async move { Read::of(key(number)).value(&cache, number).await })
            })
            .collect();
        for reader in readers {
            assert_eq!(reader.await.unwrap().value, number);
        }
    }
    assert_eq!(cache.statistics().loads, KEYS);
}
