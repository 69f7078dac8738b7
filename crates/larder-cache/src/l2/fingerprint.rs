//! A number of a type's shape: the names and types of its fields, as its `Deserialize` asks for
//! them.
//!
//! Two versions of a service run beside each other while one replaces the other. An entry is
//! read only by those whose type has the shape that it was written with.

mod access;
mod deserializer;
mod samples;
mod shape;
mod tracer;

use std::any::type_name;

use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_128;

use self::tracer::Tracer;

/// A type whose shape cannot be found out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("find out the shape of {type_name}: {reason}")]
#[non_exhaustive]
pub struct Untraceable {
    /// The type.
    pub type_name: &'static str,
    /// What its `Deserialize` said.
    pub reason: String,
}

/// The fingerprint of a type: another one for each other name, type or order of fields and
/// variants, in it and in what it is made of.
///
/// It is the same in every process and build. Finding it out takes microseconds to
/// milliseconds: keep it.
///
/// A type whose shape cannot be found out has the fingerprint of its name, with its path, so
/// only a new name changes it; [`try_fingerprint_of`] tells. Those are types that take only
/// texts or numbers of a certain form, types with `#[serde(flatten)]`, and those that ask their
/// format what comes next and then refuse what is offered.
///
/// ```
/// use larder_cache::l2::fingerprint_of;
///
/// mod before {
///     #[derive(serde::Deserialize)]
///     pub struct Restaurant {
///         pub id: i32,
///         pub name: String,
///     }
/// }
/// mod after {
///     #[derive(serde::Deserialize)]
///     pub struct Restaurant {
///         pub id: i64,
///         pub name: String,
///     }
/// }
/// assert_ne!(
///     fingerprint_of::<before::Restaurant>(),
///     fingerprint_of::<Vec<before::Restaurant>>(),
/// );
/// assert_ne!(fingerprint_of::<before::Restaurant>(), fingerprint_of::<after::Restaurant>());
/// ```
#[must_use]
pub fn fingerprint_of<T: DeserializeOwned>() -> u128 {
    try_fingerprint_of::<T>()
        .unwrap_or_else(|_| xxh3_128(format!("name {}", type_name::<T>()).as_bytes()))
}

/// The fingerprint of a type, if its shape can be found out.
///
/// # Errors
///
/// [`Untraceable`] if it cannot.
pub fn try_fingerprint_of<T: DeserializeOwned>() -> Result<u128, Untraceable> {
    let description = Tracer::describe::<T>().map_err(|reason| Untraceable {
        type_name: type_name::<T>(),
        reason,
    })?;
    Ok(xxh3_128(description.as_bytes()))
}
