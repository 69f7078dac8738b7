//! What a result depends on.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Something that a result depends on, and that is invalidated when it changes: a table, a
/// tag, a service.
///
/// Two bits say the kind, so that kinds never collide. A table is known exactly, by its object
/// id; tags and services by 62 bits of a hash of their names.
///
/// ```
/// use larder_cache::Dependency;
///
/// assert_eq!(Dependency::tag("menu:7"), Dependency::tag("menu:7"));
/// assert_ne!(Dependency::tag("restaurants"), Dependency::service("restaurants"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Dependency(u64);

const KIND_SHIFT: u32 = 62;
const TABLE: u64 = 0;
const TAG: u64 = 1;
const SERVICE: u64 = 2;

impl Dependency {
    /// The table with this object id (`pg_class.oid`).
    #[must_use]
    pub const fn table(oid: u32) -> Self {
        Self(TABLE << KIND_SHIFT | oid as u64)
    }

    /// The tag of this name.
    #[must_use]
    pub fn tag(name: &str) -> Self {
        Self::named(TAG, name)
    }

    /// All results of the service of this name.
    #[must_use]
    pub fn service(name: &str) -> Self {
        Self::named(SERVICE, name)
    }

    fn named(kind: u64, name: &str) -> Self {
        const HASH: u64 = (1 << KIND_SHIFT) - 1;
        Self(kind << KIND_SHIFT | xxh3_64(name.as_bytes()) & HASH)
    }

    /// The object id, if it is a table.
    #[must_use]
    pub fn as_table(self) -> Option<u32> {
        (self.0 >> KIND_SHIFT == TABLE)
            .then(|| u32::try_from(self.0).ok())
            .flatten()
    }

    /// It as a number, by which processes tell each other of it. The numbers stay the same from
    /// version to version.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The dependency of this number.
    #[must_use]
    pub const fn from_u64(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Debug for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.as_table(), self.0 >> KIND_SHIFT) {
            (Some(oid), _) => write!(f, "table {oid}"),
            (None, TAG) => write!(f, "tag {:016x}", self.0),
            (None, _) => write!(f, "service {:016x}", self.0),
        }
    }
}
