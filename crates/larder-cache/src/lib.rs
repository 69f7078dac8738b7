//! Results of reads, kept in the process, and never from before a write that was acknowledged.
//!
//! A [`Cache`] keeps a value under a [`Key`], together with what it depends on: tables, tags,
//! services ([`Dependency`]). Whoever writes invalidates what was written to, after the commit
//! and before the write is acknowledged. From then on no read gets a value from before.
//!
//! ```
//! use std::convert::Infallible;
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use larder_cache::{
//!     Cache, CacheOptions, Cause, Dependency, EntryName, Freshness, KeyBuilder, Loaded,
//!     Mode, Request, Source,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cache = Cache::new(CacheOptions {
//!     max_entries: 1_000,
//!     max_bytes: 64 << 20,
//!     ..CacheOptions::default()
//! });
//! let restaurants = Dependency::table(16_384);
//! let mut key = KeyBuilder::new();
//! key.text("select name from restaurants where city = $1").text("Miami");
//! let key = key.finish();
//!
//! let read = async || {
//!     let request = Request {
//!         key,
//!         freshness: Freshness::for_ttl(Duration::from_secs(300)),
//!         dependencies: cache.versions().slots(&[restaurants]),
//!         mode: Mode::Normal,
//!         name: EntryName::new(move || format!("restaurants:by_city:{key}")),
//!     };
//!     let load = async move || {
//!         // Here the database is asked.
//!         let names: Arc<[String]> = ["Versailles".to_owned()].into();
//!         Ok::<_, Infallible>(Loaded::new(names, vec![restaurants], 40))
//!     };
//!     cache.get_or_load(request, load).await
//! };
//!
//! assert_eq!(read().await?.source, Source::Loaded);
//! assert_eq!(read().await?.source, Source::Hit);
//! // The fast path: no request, no future.
//! assert_eq!(cache.get::<Arc<[String]>>(key).map(|names| names.len()), Some(1));
//!
//! // A write was committed:
//! cache.invalidate(&[restaurants], Cause::Write);
//! assert_eq!(read().await?.source, Source::Loaded);
//! # Ok(())
//! # }
//! ```
//!
//! # The parts
//!
//! - [`KeyBuilder`] and [`KeyContext`] make keys of which no two are the same by accident.
//! - [`Versions`] is one sequence of invalidations. A load takes its number *before* it begins,
//!   and its result is current while nothing that it depends on has a later one. So what was
//!   read before a write cannot be stored as if it had been read after, however slow the load
//!   was, and an invalidation touches no entry.
//! - Flights: one load per key runs at a time, as a task of its own. Callers share its value or
//!   its error, and a caller that goes away changes nothing. None joins a load that began
//!   before a write that the caller may know of.
//! - The store holds entries within a bound of number and of bytes; those whose time is up go
//!   without a look at the others.
//! - [`Freshness`]: an entry whose time is up may be served while another is loaded, or when
//!   the database fails. One that was invalidated is never served.
//! - Patterns ([`Cache::invalidate_matching`]) go by the readable names of entries.
//!
//! # What is not here
//!
//! This crate knows nothing of SQL, of connections or of transactions: who writes and reads,
//! and to what, comes from outside. It keeps results in this process only, and learns of
//! writes only what it is told.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "tests fail by panicking"))]

mod cache;
mod clock;
mod context;
mod dependency;
mod doubt;
mod entry;
mod error;
mod expiry;
mod failpoints;
mod flight;
mod key;
mod knowledge;
pub mod l2;
mod lease;
mod options;
mod patterns;
mod request;
mod slot;
mod slots;
mod snapshot;
mod statistics;
mod store;
mod touched;
mod versions;

pub use cache::{Begun, Cache, Invalidated};
pub use clock::{Clock, ManualClock, Moment};
pub use context::KeyContext;
pub use dependency::Dependency;
pub use doubt::Doubt;
pub use entry::{EntryDescription, EntryStamp, EntryState};
pub use error::{LoadError, LoadErrorKind};
pub use key::{Key, KeyBuilder};
pub use knowledge::{Disbelief, Knowledge};
pub use lease::Lease;
pub use options::{CacheOptions, Freshness};
pub use request::{Basis, EntryName, Kept, Loaded, Mode, Request, Served, Source};
pub use slots::Slots;
pub use snapshot::{InvalidSnapshot, Snapshot, TransactionId};
pub use statistics::{CacheStatistics, Cause};
pub use touched::{LogRow, Touched};
pub use versions::{Version, Versions};
