//! The second tier: what one process keeps in Redis for the others, as bytes.
//!
//! - [`Redis`] reads and writes bytes under keys, and passes hints between processes. A fault
//!   of Redis never fails a read or a write, and delays neither by more than a deadline:
//!   everything that it answers may be "unavailable", and whoever asks loads from the database.
//! - [`Codec`] makes bytes of an entry and reads them again. Bytes from Redis may be anything:
//!   what is not exactly what was written is refused ([`Undecodable`]).
//! - [`fingerprint_of`] is a number of a type's shape, by which a process knows entries that
//!   were written by another version of a service.
//!
//! Nothing here decides whether an entry is current: Redis is not believed. Who reads one
//! compares the [`Snapshot`](crate::Snapshot) in its [`Header`] with what was invalidated since.

mod breaker;
mod codec;
mod connector;
mod error;
mod fingerprint;
mod header;
mod hints;
mod options;
mod probe;
mod redis;
mod seal;
mod shared;
mod statistics;
mod supervisor;
mod writes;

pub use codec::{Codec, Undecodable, UndecodableKind};
pub use error::{RedisError, RedisErrorKind};
pub use fingerprint::{Untraceable, fingerprint_of, try_fingerprint_of};
pub use header::Header;
pub use options::{RedisOptions, RedisServer};
pub use probe::RedisFacts;
pub use redis::{Fetch, Redis};
pub use seal::{InvalidSealKey, Seal};
pub use statistics::RedisStatistics;
