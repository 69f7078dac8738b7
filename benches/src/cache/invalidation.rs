//! What it costs to invalidate, with few and with many entries.

use std::hint::black_box;
use std::time::{Duration, Instant};

use larder_cache::{Cache, Cause, Dependency};

use super::filled::{TABLE, TAG, cache_of};
use crate::error::{Error, Result};
use crate::race::{Effort, Race};
use crate::report::Group;

const FEW: u64 = 1_000;
const MANY: u64 = 1_000_000;

/// So many of moka's: it takes seconds to clean up after a million.
const MANY_OF_MOKA: u64 = 100_000;

/// Of so many different patterns one is invalidated in turn; a cache remembers 256.
const PATTERNS: usize = 16;

/// What is measured of ours: names with few and with many entries, label, what is done.
type Way = (&'static str, &'static str, &'static str, fn(&Cache, usize));

const WAYS: [Way; 4] = [
    ("table_few", "table_many", "one table", |cache, _| {
        cache.invalidate(&[Dependency::table(TABLE)], Cause::Table);
    }),
    ("tag_few", "tag_many", "one tag", |cache, _| {
        cache.invalidate_tags([TAG]);
    }),
    (
        "pattern_few",
        "pattern_many",
        "one pattern",
        |cache, turn| {
            cache.invalidate_matching(pattern(turn));
        },
    ),
    (
        "everything_few",
        "everything_many",
        "everything",
        |cache, _| {
            cache.invalidate_everything(Cause::Everything);
        },
    ),
];

fn pattern(turn: usize) -> &'static str {
    const ALL: [&str; PATTERNS] = [
        "restaurants:a*",
        "restaurants:b*",
        "restaurants:c*",
        "restaurants:d*",
        "restaurants:e*",
        "restaurants:f*",
        "restaurants:g*",
        "restaurants:h*",
        "reviews:a*",
        "reviews:b*",
        "reviews:c*",
        "reviews:d*",
        "reviews:e*",
        "reviews:f*",
        "reviews:g*",
        "reviews:h*",
    ];
    ALL[turn % PATTERNS]
}

/// The same of moka: names of the call and of its clean-up, for few and for many.
const MOKA: [[&str; 2]; 4] = [
    ["moka_all_few", "moka_all_few_cleaned"],
    ["moka_all_many", "moka_all_many_cleaned"],
    ["moka_if_few", "moka_if_few_cleaned"],
    ["moka_if_many", "moka_if_many_cleaned"],
];

pub(super) async fn measure(effort: Effort) -> Result<Group> {
    let few = cache_of(FEW, 8, |number| number).await?;
    let many = cache_of(MANY, 8, |number| number).await?;
    let peers = [FEW, MANY_OF_MOKA].map(|entries| (entries, moka_cache()));
    let mut race = Race::new(effort.choose(7, 3));
    for (name_few, name_many, label, way) in WAYS {
        for (name, cache, entries) in [(name_few, &few, FEW), (name_many, &many, MANY)] {
            race.add(name, label_of(label, entries), move |count| async move {
                let began = Instant::now();
                for turn in 0..count {
                    way(black_box(cache), turn);
                }
                Ok(began.elapsed())
            });
        }
    }
    for (all, names) in [(true, [MOKA[0], MOKA[1]]), (false, [MOKA[2], MOKA[3]])] {
        for ((entries, cache), [call, cleaned]) in peers.iter().zip(names) {
            let what = if all {
                "moka invalidate_all"
            } else {
                "moka invalidate_entries_if"
            };
            let laps = vec![
                (call, label_of(what, *entries)),
                (cleaned, "  and its clean-up".to_owned()),
            ];
            race.add_laps(laps, move || async move {
                fill(cache, *entries);
                invalidate(cache, all)
            });
        }
    }
    let figures = race.run().await?;
    let mut group = Group::new(
        "invalidation",
        "Invalidating, with 1,000 and with 1,000,000 entries",
        figures,
    );
    for (few, many, ..) in WAYS {
        group = group.compare(many, few);
    }
    for [few, many] in [[MOKA[0], MOKA[1]], [MOKA[2], MOKA[3]]] {
        group = group.compare(many[0], few[0]).compare(many[1], few[1]);
    }
    Ok(group
        .note(
            "The ratio is to the same with 1,000 entries. Larder leaves no clean-up: an entry \
             that was invalidated is found out when it is looked at, and goes when it is \
             replaced, when its time is up or when its room is needed.",
        )
        .note(
            "moka's call is cheap too; the clean-up is done by those who use the cache \
             afterwards.",
        ))
}

fn label_of(what: &str, entries: u64) -> String {
    let entries = match entries {
        FEW => "1,000",
        MANY_OF_MOKA => "100,000",
        _ => "1,000,000",
    };
    format!("{what}, {entries}")
}

fn moka_cache() -> moka::sync::Cache<u64, u64> {
    moka::sync::Cache::builder()
        .max_capacity(2 * MANY_OF_MOKA)
        .support_invalidation_closures()
        .build()
}

fn fill(cache: &moka::sync::Cache<u64, u64>, entries: u64) {
    for number in 0..entries {
        cache.insert(number, number);
    }
    cache.run_pending_tasks();
}

/// Invalidates all entries: how long the call takes, and all together until no more of them go.
fn invalidate(cache: &moka::sync::Cache<u64, u64>, all: bool) -> Result<Vec<Duration>> {
    let began = Instant::now();
    if all {
        cache.invalidate_all();
    } else {
        let registered = cache.invalidate_entries_if(|_, _| true);
        registered.map_err(|error| Error::Cache(error.to_string()))?;
    }
    let called = began.elapsed();
    let mut left = u64::MAX;
    // It may keep a few entries that it has missed.
    while cache.entry_count() < left {
        left = cache.entry_count();
        cache.run_pending_tasks();
    }
    Ok(vec![called, began.elapsed()])
}
