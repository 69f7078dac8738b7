//! The section `[retry]`: running again what failed for a reason that passes.

use std::time::Duration;

use crate::definition::Default::{ByProfile, Everywhere};
use crate::definition::{Range, section};

section! {
    /// How work is run again that was asked to be, where its code does not say otherwise.
    "retry" => RetryConfig {
        /// How often it is run again at most, after the first time. 0 never runs anything again.
        retries: u32 {
            default: Everywhere("2"),
            range: Range::of(0.0, 100.0),
        }
        /// The shortest pause before it is run again. Pauses grow from here, at random, so that those who met each other do not meet again.
        shortest_pause: Duration {
            default: ByProfile { dev: "200ms", staging: "200ms", prod: "200ms", test: "10ms" },
        }
        /// The longest pause before it is run again. Shorter than the shortest one, it counts as that.
        longest_pause: Duration {
            default: ByProfile { dev: "2s", staging: "2s", prod: "2s", test: "100ms" },
        }
        /// How long after the first time began another one may begin. Keep it below the deadline of your own callers.
        max_elapsed: Duration {
            default: Everywhere("30s"),
        }
        /// How many retries each hundred calls that may be run again earn, for the whole pool. More multiplies the load on a database that is in trouble; less gives up sooner on it.
        budget_percent: u32 {
            default: Everywhere("10"),
            range: Range::of(0.0, 1000.0),
        }
        /// How many retries a second are affordable in any case, so that a service with few calls can retry at all.
        budget_per_second: u32 {
            default: Everywhere("10"),
            range: Range::of(0.0, 100_000.0),
        }
    }
}
