//! Names of instances, unique in the process.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

#[cfg(test)]
mod tests;

/// A name that no other instance in the process has while this one lives.
///
/// It is the value of the labels `pool` and `database`. Without it two instances that are both
/// called `main` would write into the same series. Clones share the name; it is free again when
/// the last one is dropped.
///
/// ```
/// use larder_metrics::InstanceName;
///
/// let first = InstanceName::claim("orders");
/// let second = InstanceName::claim("orders");
/// assert_eq!(first.as_str(), "orders");
/// assert_eq!(second.as_str(), "orders-2");
///
/// drop(first);
/// assert_eq!(InstanceName::claim("orders").as_str(), "orders");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct InstanceName(Arc<Claim>);

#[derive(PartialEq, Eq, Hash)]
struct Claim(String);

impl InstanceName {
    /// Claims `name`; if it is taken, `name-2`, `name-3` and so on.
    #[must_use]
    pub fn claim(name: &str) -> Self {
        let mut taken = taken();
        let mut claimed = name.to_owned();
        let mut number = 2_u64;
        while !taken.insert(claimed.clone()) {
            claimed = format!("{name}-{number}");
            number += 1;
        }
        Self(Arc::new(Claim(claimed)))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.0
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        taken().remove(&self.0);
    }
}

fn taken() -> MutexGuard<'static, HashSet<String>> {
    static TAKEN: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AsRef<str> for InstanceName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstanceName({:?})", self.as_str())
    }
}
