//! Lanes: connections that many reads share at the same time.
//!
//! A single statement that only reads needs no connection of its own, because the protocol
//! pipelines: it is sent behind others, and answered in its turn. A few lanes carry such reads,
//! and the pool is left for transactions.

mod read;
mod reader;
mod rows;

pub use self::reader::Reader;
pub use self::rows::ReaderRows;
