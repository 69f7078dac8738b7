//! What makes entries wrong.

use super::Cache;
use crate::dependency::Dependency;
use crate::statistics::Cause;

/// Each of these costs the same however many entries there are. When it returns, no result of a
/// load that began before is served, stored or joined any more by a read that begins after. A
/// read that had joined a load before still gets its result.
impl Cache {
    /// Invalidates what depends on one of these.
    ///
    /// To be called after a write was committed and before it is acknowledged.
    pub fn invalidate(&self, dependencies: &[Dependency], cause: Cause) {
        if dependencies.is_empty() {
            return;
        }
        self.0.versions.invalidate(dependencies.iter().copied());
        self.0.counters.invalidated(cause);
    }

    /// Invalidates what carries one of these tags.
    pub fn invalidate_tags<T: AsRef<str>>(&self, tags: impl IntoIterator<Item = T>) {
        let tags: Vec<Dependency> = tags
            .into_iter()
            .map(|tag| Dependency::tag(tag.as_ref()))
            .collect();
        self.invalidate(&tags, Cause::Tag);
    }

    /// Invalidates all results of a service.
    pub fn invalidate_service(&self, service: &str) {
        self.invalidate(&[Dependency::service(service)], Cause::Service);
    }

    /// Invalidates the entries whose name matches `pattern`, in which `*` stands for any text
    /// and everything else for itself: `restaurants:*`, `*:nearby:*`.
    ///
    /// 256 different patterns are remembered; one more invalidates everything, and the list
    /// begins anew.
    pub fn invalidate_matching(&self, pattern: &str) {
        self.0.patterns.invalidate(pattern, &self.0.versions);
        self.0.counters.invalidated(Cause::Pattern);
    }

    /// Invalidates everything.
    pub fn invalidate_everything(&self, cause: Cause) {
        self.0.versions.invalidate_everything();
        self.0.counters.invalidated(cause);
    }
}
