//! A reading of the counters each second, and what happened between two of them.
//!
//! - `reading`: the counters at one moment.
//! - `sample`: what happened in the second between two readings, as columns of numbers.
//! - `history`: the samples of the last 15 minutes.
//! - `task`: the one who reads.

mod history;
mod reading;
mod sample;
mod task;

pub(crate) use self::history::History;
pub(crate) use self::reading::Reading;
pub(crate) use self::sample::Sample;
pub(crate) use self::task::{Beat, Sampler};
