//! What makes entries wrong.

use super::Cache;
use crate::dependency::Dependency;
use crate::statistics::Cause;

/// What was invalidated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalidated<'a> {
    /// What depends on one of these.
    Dependencies(&'a [Dependency]),
    /// What has a name that matches this pattern.
    Matching(&'a str),
    /// Everything.
    Everything,
}

/// Hears of what was invalidated.
pub(super) type Listener = Box<dyn Fn(Cause, Invalidated<'_>) + Send + Sync>;

impl Cache {
    /// Calls back after each invalidation, in the task that invalidates. There is one listener for
    /// a cache: it stays the first one. It must not wait.
    pub fn on_invalidated(
        &self,
        listener: impl Fn(Cause, Invalidated<'_>) + Send + Sync + 'static,
    ) {
        self.0.listener.set(Box::new(listener)).ok();
    }

    fn tell(&self, cause: Cause, what: Invalidated<'_>) {
        if let Some(listener) = self.0.listener.get() {
            listener(cause, what);
        }
    }
}

/// Each of these costs the same however many entries there are. When it returns, no result of a
/// load that began before is served, stored or joined any more by a read that begins after. A
/// read that had joined a load before still gets its result.
///
/// Each gives how many numbers of the sequence of invalidations it took, 0 or 1: what a writer
/// adds up for [`Cache::put_after_own_writes`].
impl Cache {
    /// Invalidates what depends on one of these.
    ///
    /// To be called after a write was committed and before it is acknowledged.
    pub fn invalidate(&self, dependencies: &[Dependency], cause: Cause) -> u64 {
        if dependencies.is_empty() {
            return 0;
        }
        let numbers = self.0.versions.invalidate(dependencies.iter().copied());
        self.0.counters.invalidated(cause);
        self.tell(cause, Invalidated::Dependencies(dependencies));
        numbers
    }

    /// Invalidates what carries one of these tags.
    pub fn invalidate_tags<T: AsRef<str>>(&self, tags: impl IntoIterator<Item = T>) -> u64 {
        let tags: Vec<Dependency> = tags
            .into_iter()
            .map(|tag| Dependency::tag(tag.as_ref()))
            .collect();
        self.invalidate(&tags, Cause::Tag)
    }

    /// Invalidates all results of a service.
    pub fn invalidate_service(&self, service: &str) -> u64 {
        self.invalidate(&[Dependency::service(service)], Cause::Service)
    }

    /// Invalidates the entries whose name matches `pattern`, in which `*` stands for any text
    /// and everything else for itself: `restaurants:*`, `*:nearby:*`.
    ///
    /// 256 different patterns are remembered; one more invalidates everything, and the list
    /// begins anew.
    pub fn invalidate_matching(&self, pattern: &str) -> u64 {
        let numbers = self.0.patterns.invalidate(pattern, &self.0.versions);
        self.0.counters.invalidated(Cause::Pattern);
        self.tell(Cause::Pattern, Invalidated::Matching(pattern));
        numbers
    }

    /// Invalidates everything.
    pub fn invalidate_everything(&self, cause: Cause) -> u64 {
        let numbers = self.0.versions.invalidate_everything();
        self.0.counters.invalidated(cause);
        self.tell(cause, Invalidated::Everything);
        numbers
    }
}
