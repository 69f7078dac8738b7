//! The store keeps its indices in step, whatever happens to entries.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::Clock;
use crate::entry::{Facts, Times};
use crate::key::KeyBuilder;
use crate::options::Freshness;
use crate::patterns::Checked;
use crate::versions::Versions;

#[derive(Debug, Clone)]
enum Step {
    Insert { key: u64, bytes: u64, ttl: u64 },
    Remove { key: u64 },
    RemoveDead { at: u64 },
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0..12_u64, 0..9_000_u64, 1..100_u64)
            .prop_map(|(key, bytes, ttl)| Step::Insert { key, bytes, ttl }),
        4 => (0..12_u64).prop_map(|key| Step::Remove { key }),
        2 => (0..100_u64).prop_map(|at| Step::RemoveDead { at }),
        1 => Just(Step::Clear),
    ]
}

fn key(number: u64) -> Key {
    let mut key = KeyBuilder::new();
    key.u64(number);
    key.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn there_is_one_record_for_each_entry_and_bytes_add_up(steps in prop::collection::vec(step(), 1..120)) {
        let versions = Versions::new();
        let (clock, _) = Clock::manual();
        let store = Store::new(8, 20_000);
        for (flight, step) in (0_u64..).zip(steps) {
            match step {
                Step::Insert { key: number, bytes, ttl } => {
                    let ttl = std::time::Duration::from_secs(ttl);
                    let as_of = versions.now();
                    let facts = Facts {
                        load_time: Duration::ZERO,
                        digest: None,
                        as_of,
                        flight,
                        slots: versions.slots(&[]),
                        snapshot: None,
                        by_time: false,
                        name: "".into(),
                        checked: Checked::new(as_of),
                        times: Times::new(clock.now(), Freshness::for_ttl(ttl), Duration::ZERO),
                        refreshing: AtomicBool::new(false),
                        value_bytes: bytes,
                        value_type: "()",
                    };
                    let entry = Entry::new(facts, ());
                    let inserted = store.insert(key(number), Arc::clone(&entry));
                    let kept = store.peek(key(number)).is_some_and(|kept| Arc::ptr_eq(&kept, &entry));
                    prop_assert_eq!(kept, !inserted.refused);
                }
                Step::Remove { key: number } => {
                    if let Some(entry) = store.get(key(number)) {
                        store.remove(key(number), &entry);
                    }
                }
                Step::RemoveDead { at } => {
                    let now = clock.now().after(std::time::Duration::from_secs(at));
                    let before = store.len();
                    prop_assert_eq!(store.remove_dead(now), before - store.len());
                    let alive = store.entries.iter().all(|(_, entry)| entry.facts.times.dead_from() > now);
                    prop_assert!(alive);
                }
                Step::Clear => store.clear(),
            }
            let bytes: u64 = store.entries.iter().map(|(_, entry)| entry.weight()).sum();
            prop_assert_eq!(store.bytes(), bytes);
            prop_assert_eq!(store.expiry.len(), store.len());
            prop_assert!(store.len() <= 8 && bytes <= 20_000);
        }
    }
}

#[test]
fn shards_are_never_small() {
    assert_eq!(shards(0), 1);
    assert_eq!(shards(1), 1);
    assert_eq!(shards(255), 1);
    for entries in [1_000, 100_000, usize::MAX] {
        assert!(shards(entries).is_power_of_two());
        assert!(entries / shards(entries) >= 128);
    }
}
