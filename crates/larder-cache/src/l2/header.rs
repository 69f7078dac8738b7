//! What is said of an entry beside its value: when it was loaded, for how long it is good, and
//! what its load could see.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Dependency, Snapshot};

/// The longest time that an entry can be good for: 10 years. Longer ones are cut to it.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// The end of the year 9999, in milliseconds since 1970.
const LATEST_MS: u64 = 253_402_300_799_999;

/// What is said of an entry beside its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The shape of the value's type, by [`fingerprint_of`](crate::l2::fingerprint_of).
    pub fingerprint: u128,
    /// When it was stored, in milliseconds since 1970 by the clock of the process that stored.
    pub stored_at_ms: u64,
    /// How long it is fresh. Kept in microseconds; more than 10 years become 10 years, as for
    /// the other times.
    pub ttl: Duration,
    /// How long after that it may be served while another is loaded.
    pub stale_for: Duration,
    /// How long after its `ttl` it may be served if the database fails.
    pub stale_if_error: Duration,
    /// What the load took.
    pub load_time: Duration,
    /// What the load could see.
    pub snapshot: Snapshot,
    /// What it depends on.
    pub dependencies: Vec<Dependency>,
    /// Its readable name.
    pub name: String,
}

/// The header as it is written. Its fields and their order are the format: any change of them
/// needs a new format version.
#[derive(Serialize, Deserialize)]
struct Written {
    fingerprint: u128,
    /// The bytes of the value before compression.
    payload_length: u64,
    stored_at_ms: u64,
    ttl_us: u64,
    stale_for_us: u64,
    stale_if_error_us: u64,
    load_time_us: u64,
    /// As text, because reading a text checks that it is a snapshot.
    snapshot: String,
    dependencies: Vec<Dependency>,
    name: String,
}

impl Header {
    /// Appends it to `bytes`.
    pub(super) fn write(&self, payload_length: usize, bytes: Vec<u8>) -> Vec<u8> {
        let microseconds = |time: Duration| time.min(LONGEST).as_micros() as u64;
        let written = Written {
            fingerprint: self.fingerprint,
            payload_length: payload_length as u64,
            stored_at_ms: self.stored_at_ms.min(LATEST_MS),
            ttl_us: microseconds(self.ttl),
            stale_for_us: microseconds(self.stale_for),
            stale_if_error_us: microseconds(self.stale_if_error),
            load_time_us: microseconds(self.load_time),
            snapshot: self.snapshot.to_string(),
            dependencies: self.dependencies.clone(),
            name: self.name.clone(),
        };
        // Writing plain fields to memory cannot fail; if it did, what is written reads as
        // damaged.
        postcard::to_extend(&written, bytes).unwrap_or_default()
    }

    /// Reads it from the start of `bytes`: the header, the length of the value before
    /// compression, and the bytes after the header. `None` if that is no header, or one with a
    /// field that none could have.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, u64, &[u8])> {
        let (written, rest) = postcard::take_from_bytes::<Written>(bytes).ok()?;
        let duration = |microseconds: u64| {
            let duration = Duration::from_micros(microseconds);
            (duration <= LONGEST).then_some(duration)
        };
        let header = Self {
            fingerprint: written.fingerprint,
            stored_at_ms: (written.stored_at_ms <= LATEST_MS).then_some(written.stored_at_ms)?,
            ttl: duration(written.ttl_us)?,
            stale_for: duration(written.stale_for_us)?,
            stale_if_error: duration(written.stale_if_error_us)?,
            load_time: duration(written.load_time_us)?,
            snapshot: written.snapshot.parse().ok()?,
            dependencies: written.dependencies,
            name: written.name,
        };
        Some((header, written.payload_length, rest))
    }
}
