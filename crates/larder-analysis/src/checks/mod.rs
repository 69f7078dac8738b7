//! Questions to the catalog and to the statistics of the server, as data.
//!
//! A [`Check`] is SQL and a judgement: the server gives facts, and which of them count is decided
//! here, where it can be tested without a server. Each file has the checks of one subject and
//! lists them in its `CHECKS`.
//!
//! What belongs to an extension, to Larder itself (schema `larder`) or to the server is left out
//! everywhere: it is not the user's to change.

mod bloat;
mod cache;
mod check;
mod constraints;
mod indexes;
mod overlapping;
mod sequences;
mod sessions;
mod settings;
mod statements;
mod tables;
mod wraparound;

pub use self::check::codes;
pub(crate) use self::check::{Check, Context, Need, all, judge_with, rows};
pub(crate) use self::overlapping::STAYS;
pub(crate) use self::statements::{one_line, with_memory};
pub(crate) use self::tables::SEQUENTIAL_SCANS;
