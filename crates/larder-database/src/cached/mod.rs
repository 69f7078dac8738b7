//! Cached reads.
//!
//! A read becomes a cached one by a word: [`Database::cached`] for a query of Diesel's,
//! [`BoundSql::cached`](crate::BoundSql::cached) for raw SQL, [`Database::cached_read`] for
//! several statements whose result is kept as one. Which tables it depends on is read from the
//! statements themselves; when a transaction that wrote to one of them commits, the result is
//! gone before the writer hears of the commit.
//!
//! A decorated function, [`Database::cached_call`], is kept with all that its body reads.
//!
//! `plan.rs` works out once for each statement what it depends on and whether it may be cached;
//! `run.rs` is the way of a read through cache and database; the others are what a caller sees.

mod batch;
#[cfg(feature = "cached-crate")]
mod cached_crate;
mod call;
mod call_bodies;
mod call_load;
mod classes;
mod composite;
mod composite_load;
mod explanation;
mod invalidating_call;
mod invalidation;
mod key_lists;
mod load;
mod many;
mod options;
mod plan;
mod portable;
mod query;
mod raw;
mod run;
mod shadow;

#[cfg(feature = "cached-crate")]
pub use self::cached_crate::CachedStore;
pub use self::call::CachedCall;
pub use self::call_bodies::SkippingNone;
pub use self::classes::{
    CacheAdvice, CacheEvidence, CacheSavings, CacheVerdict, Confidence as AdviceConfidence,
};
pub use self::composite::CachedRead;
pub use self::explanation::CacheExplanation;
pub use self::invalidating_call::InvalidatingCall;
pub use self::invalidation::Invalidation;
pub use self::many::CachedMany;
pub use self::query::CachedQuery;
pub use self::raw::CachedSql;
pub use self::shadow::ShadowStatistics;

pub(crate) use self::classes::Classes;
pub(crate) use self::plan::Plans;
pub(crate) use self::shadow::Shadow;
