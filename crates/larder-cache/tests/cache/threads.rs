//! Real threads, for what an interleaving by hand cannot show: the order of memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use larder_cache::{Cache, Cause};
use tokio::task::yield_now;

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
        let readers: Vec<_> = (0..4)
            .map(|_| tokio::spawn(read_on(cache.clone(), read.clone(), Arc::clone(&row))))
            .collect();
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

async fn read_on(cache: Cache, read: Read, row: Arc<Row>) {
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
                let served = cache.get_or_load(read.request(&cache), load).await;
                served.unwrap().value
            }
        };
        assert!(value >= least, "{value} after {least} was acknowledged");
        if least == WRITES {
            return;
        }
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
