//! Storing what was loaded.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::Inner;
use crate::entry::{Entry, Facts};
use crate::key::Key;
use crate::options::Freshness;
use crate::patterns::Checked;
use crate::request::Loaded;
use crate::slots::Slots;
use crate::versions::Version;

/// What is known of a load beside what it gave.
pub(super) struct Landing<'l> {
    pub(super) key: Key,
    /// Taken before the load began.
    pub(super) as_of: Version,
    /// The number of the load.
    pub(super) flight: u64,
    /// What was known before the load of what the value depends on.
    pub(super) known: &'l Slots,
    pub(super) freshness: Freshness,
    /// What the load took.
    pub(super) took: Duration,
    /// The readable name; `None` if the value may not be stored.
    pub(super) name: Option<String>,
}

impl Inner {
    /// Stores what was loaded, if it may be and is still current. Gives all that it depends on.
    pub(super) fn keep<V>(&self, landing: Landing<'_>, loaded: &Loaded<V>) -> Slots
    where
        V: Clone + Send + Sync + 'static,
    {
        let mut freshness = landing.freshness;
        let mut load_time = landing.took;
        if let Some(kept) = loaded.kept {
            self.counters.fetched.increment();
            freshness.ttl = freshness.ttl.min(kept.fresh_for);
            load_time = kept.load_time;
        }
        let slots = self.versions.union(landing.known, &loaded.dependencies);
        if let Some(name) = landing.name
            && self.is_enabled()
            && self.versions.are_current(&slots, landing.as_of)
        {
            let facts = Facts {
                as_of: landing.as_of,
                load_time,
                digest: loaded.digest,
                flight: landing.flight,
                slots: slots.clone(),
                name: name.into(),
                checked: Checked::new(landing.as_of),
                times: self.times(freshness, load_time),
                refreshing: AtomicBool::new(false),
                value_bytes: loaded.bytes,
                value_type: std::any::type_name::<V>(),
            };
            self.store(landing.key, Entry::new(facts, loaded.value.clone()));
        }
        slots
    }
}
