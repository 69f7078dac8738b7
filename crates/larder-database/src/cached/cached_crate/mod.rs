//! Larder as a store for the macros of the crate `cached`.
//!
//! A function under `#[concurrent_cached]` asks its store first and gives it the value
//! afterwards: the store never runs the function, and is told nothing but the key. So
//! `pending.rs` remembers from the asking to the giving when the function can have begun, and
//! `tiers.rs` keeps the value as of then, in the process and in Redis. `place.rs` works out once
//! for each picture of the catalog what the values depend on; `store.rs` is what a caller says,
//! `traits.rs` what the macros see.

mod pending;
mod place;
mod store;
mod tiers;
mod traits;

pub use self::store::CachedStore;
