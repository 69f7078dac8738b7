//! What this process shares with the others that work on the same database.
//!
//! PostgreSQL holds the truth: each transaction that writes leaves a row in the log of
//! invalidations, committed together with what it wrote. The [`follower`](follow) looks there a
//! few times per `cache.max_staleness` for what has become visible since its last look, and
//! applies it. The [`Fleet`] is what it has learned, and what this process tells the others.

mod follower;
mod history;
mod members;
mod news;
mod poll;
mod reading;
mod second_tier;
mod statistics;

pub(crate) use self::follower::follow;
pub(crate) use self::history::Follower;
pub(crate) use self::members::{CHANNEL, Fleet, FleetSettings, apply};
pub use self::second_tier::SecondTierStatistics;
pub(crate) use self::second_tier::{FoundValue, PIECE, SecondTier, SharedRead, Turn};
pub use self::statistics::FollowerStatistics;
pub(crate) use self::statistics::milliseconds;
