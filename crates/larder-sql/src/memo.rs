//! Profiles of statements that were classified before.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::profile::{QualifiedName, StatementProfile, classify};

#[cfg(test)]
mod tests;

/// A bounded memo of [`StatementProfile`]s by a key of the caller's choice, shared by threads.
///
/// The key must decide the text: two texts under one key are a fault of the caller, who then
/// gets the profile of the first. [`StatementProfiles`] has the text itself for a key.
///
/// ```
/// use std::any::TypeId;
/// use larder_sql::ProfileMemo;
///
/// let profiles = ProfileMemo::<TypeId>::with_capacity(1 << 20);
/// let query = TypeId::of::<u8>();
/// let first = profiles.get_or_classify(&query, || "select * from restaurants");
/// let again = profiles.get_or_classify(&query, || -> String { unreachable!() });
/// assert!(std::sync::Arc::ptr_eq(&first, &again));
/// ```
pub struct ProfileMemo<K> {
    profiles: Cache<K, Kept, Weight>,
}

/// A profile, and what it and its key weigh in bytes.
#[derive(Clone)]
struct Kept {
    profile: Arc<StatementProfile>,
    bytes: u64,
}

#[derive(Clone)]
struct Weight;

impl<K> Weighter<K, Kept> for Weight {
    fn weight(&self, _: &K, kept: &Kept) -> u64 {
        kept.bytes
    }
}

impl<K: Eq + Hash> ProfileMemo<K> {
    /// An empty memo that holds about `bytes` bytes of texts and profiles at most.
    ///
    /// What is asked for least goes first. A profile that is too large for its share of the
    /// capacity is not kept, and made each time it is asked for.
    #[must_use]
    pub fn with_capacity(bytes: u64) -> Self {
        /// What a text and a profile of a usual statement weigh.
        const USUAL: u64 = 2_048;
        let items = usize::try_from(bytes / USUAL).unwrap_or(usize::MAX).max(16);
        Self {
            profiles: Cache::with_weighter(items, bytes, Weight),
        }
    }

    /// The profile under `key`; if there is none, that of the text that `text` gives.
    ///
    /// Threads that miss at the same time each classify, and get equal profiles.
    pub fn get_or_classify<Q, T>(&self, key: &Q, text: impl FnOnce() -> T) -> Arc<StatementProfile>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned + ?Sized,
        Q::Owned: Into<K>,
        T: AsRef<str>,
    {
        if let Some(kept) = self.profiles.get(key) {
            return kept.profile;
        }
        let text = text();
        let profile = Arc::new(classify(text.as_ref()));
        let kept = Kept {
            bytes: weight(text.as_ref(), &profile),
            profile: Arc::clone(&profile),
        };
        self.profiles.insert(key.to_owned().into(), kept);
        profile
    }

    /// How many profiles it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.profiles.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.profiles.is_empty()
    }
}

impl<K> fmt::Debug for ProfileMemo<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProfileMemo").finish_non_exhaustive()
    }
}

/// Profiles by the text of the statement.
///
/// A hit costs one hash of the text and a lookup; nothing is allocated.
///
/// ```
/// use larder_sql::StatementProfiles;
///
/// let profiles = StatementProfiles::default();
/// let first = profiles.classify("select * from restaurants where id = $1");
/// let again = profiles.classify("select * from restaurants where id = $1");
/// assert!(std::sync::Arc::ptr_eq(&first, &again));
/// assert!(first.is_plain_read());
/// ```
#[derive(Debug)]
pub struct StatementProfiles {
    by_text: ProfileMemo<Box<str>>,
}

impl StatementProfiles {
    /// An empty memo that holds about `bytes` bytes of texts and profiles at most.
    #[must_use]
    pub fn with_capacity(bytes: u64) -> Self {
        Self {
            by_text: ProfileMemo::with_capacity(bytes),
        }
    }

    /// What [`classify`] says of `text`, from the memo if it is there.
    pub fn classify(&self, text: &str) -> Arc<StatementProfile> {
        self.by_text.get_or_classify(text, || text)
    }

    /// How many profiles it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_text.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_text.is_empty()
    }
}

impl Default for StatementProfiles {
    /// A memo of 16 MiB: some thousands of statements.
    fn default() -> Self {
        Self::with_capacity(16 << 20)
    }
}

/// What a text and its profile take, in bytes.
fn weight(text: &str, profile: &StatementProfile) -> u64 {
    let names = profile.reads.len() + profile.writes.len() + profile.functions.len();
    /// The letters of a name, beside the name itself.
    const LETTERS: usize = 32;
    let keys = profile.key_candidates.as_ref().map_or(0, |k| k.bytes());
    let bytes = size_of::<StatementProfile>()
        + text.len()
        + profile.normalised.len()
        + keys
        + names * (size_of::<QualifiedName>() + LETTERS);
    bytes as u64
}
