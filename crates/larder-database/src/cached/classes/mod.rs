//! What became of the results of each kind of read, and what that says about how to keep them.
//!
//! Reads that differ in values only are a class: one statement, or one operation of a service.
//! `class.rs` counts what happens to a class, `followed.rs` follows the results under some of its
//! keys from their load to their end, `lifetimes.rs` holds how long they stayed right, and
//! `observed.rs` is what a read carries to tell of itself. `evidence.rs` is all that as numbers;
//! `economics.rs` and `judgement.rs` make of the numbers, and of nothing else, what `advice.rs`
//! tells.

mod advice;
mod class;
mod economics;
mod evidence;
mod followed;
mod judgement;
mod lifetimes;
mod observed;
mod registry;

pub use self::advice::{CacheAdvice, CacheSavings, CacheVerdict, Confidence};
pub use self::evidence::CacheEvidence;

pub(crate) use self::class::Class;
pub(crate) use self::observed::Observed;
pub(crate) use self::registry::Classes;
