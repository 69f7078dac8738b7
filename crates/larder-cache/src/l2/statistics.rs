//! What the second tier has done.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// A number that grows. Relaxed: nothing is concluded from it.
#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, number: usize) {
        self.0.fetch_add(number as u64, Ordering::Relaxed);
    }

    pub(super) fn increment(&self) {
        self.add(1);
    }
}

macro_rules! statistics {
    ($($(#[$documentation:meta])* $name:ident,)*) => {
        /// What the second tier has done since it was opened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
        #[non_exhaustive]
        pub struct RedisStatistics {
            $($(#[$documentation])* pub $name: u64,)*
        }

        /// The counters behind [`RedisStatistics`].
        #[derive(Default)]
        pub(super) struct Counters {
            $(pub(super) $name: Counter,)*
        }

        impl Counters {
            pub(super) fn statistics(&self) -> RedisStatistics {
                RedisStatistics {
                    $($name: self.$name.0.load(Ordering::Relaxed),)*
                }
            }
        }
    };
}

statistics! {
    /// Keys asked for. Each counts once more as found, missing or unavailable.
    gets,
    /// Keys that Redis had.
    found,
    /// Keys that Redis had not.
    missing,
    /// Keys of which Redis did not say in time, or was not asked because it is unavailable.
    unavailable,
    /// Calls that took longer than the deadline.
    timeouts,
    /// Calls that Redis, or the connection to it, answered by an error.
    errors,
    /// Values written.
    puts,
    /// Values not written: the queue was full, Redis was unavailable, or it refused.
    puts_dropped,
    /// Bytes of values found.
    bytes_in,
    /// Bytes of values written.
    bytes_out,
    /// How often Redis was given up for a while.
    breaker_opened,
    /// How often a connection for commands was made, but for the first.
    reconnects,
    /// Hints sent.
    hints_sent,
    /// Hints heard, those of this process too.
    hints_received,
}
