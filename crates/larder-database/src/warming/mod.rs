//! Warming: filling the cache of a process before its first readers come.
//!
//! Two things are warmed. Reads that are [registered](Database::register_warming) by name are run in
//! the background when the process starts, and again when somebody [asks](Database::warm), or asks
//! [all processes](Database::request_warming). And the keys
//! that were read most are kept in Redis ([`HotKeys`]): a process that starts fetches their values
//! into its [`Reserve`], where reads find them without a round trip.
//!
//! **Nothing is served because it was warmed.** Registered reads are reads like any other, and what
//! lies in the reserve is judged when it is read, exactly as what Redis answers.

mod hot_keys;
mod keeping;
mod progress;
mod registered;
mod requests;
mod reserve;
mod rounds;
mod warmer;

pub(crate) use self::hot_keys::HotKeys;
pub(crate) use self::keeping::tend_hot_keys;
pub use self::progress::{WarmingFailure, WarmingProgress, WarmingReport};
pub(crate) use self::registered::Registered;
pub(crate) use self::requests::answer_requests;
pub use self::requests::{WarmingAnswer, WarmingRequest};
pub(crate) use self::reserve::Reserve;
pub(crate) use self::rounds::warm_in_background;
pub(crate) use self::warmer::Warmer;

#[cfg(doc)]
use crate::Database;
