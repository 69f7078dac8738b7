//! What partial changes share. A field that is `None` is left as it is; one that may be null is
//! `Some(None)` where it becomes null.

use serde::{Deserialize, Deserializer};

/// Reads a field that is there: null means that it becomes null. One that is not there is left to
/// its default, `None`.
pub(crate) fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// Reads a field that is there and cannot become null.
pub(crate) fn not_null<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}
