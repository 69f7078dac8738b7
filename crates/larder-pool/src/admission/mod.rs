//! Who may have a connection, who waits for one, and who is sent away.
//!
//! bb8 keeps the connections; before anybody reaches it, he needs a place here. There are as many
//! places as [`Queue::limit`] says, and while one is free it costs an atomic operation to take it.
//! Otherwise the caller waits in line: the first in line is served first, a caller
//! who leaves passes on what he was given, and the limit may move while people wait.
//!
//! When the line only ever grows, serving it in order helps nobody: all of them wait until their
//! callers have given up. [`ControlledDelay`] notices that, and then those who have waited for
//! longest are sent away, so that those who are served are served in time. The line is kept to
//! a part of what the pool serves within the target, so that those who are not are told soon.

mod controlled_delay;
mod queue;
mod refusal;
#[cfg(test)]
mod tests;
mod throughput;
mod waiting;

pub(crate) use self::controlled_delay::ControlledDelay;
pub(crate) use self::queue::{Entry, Place, Queue, Waits};
pub use self::refusal::{AcquireError, OverloadCause, OverloadedError};
pub(crate) use self::waiting::Outcome;
