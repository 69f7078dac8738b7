//! The traits of the crate `cached`.

use std::convert::Infallible;
use std::future::Future;
use std::hash::Hash;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cached::{ConcurrentCacheBase, ConcurrentCacheTtl, ConcurrentCachedAsync};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::store::CachedStore;
use super::tiers::arguments;
use crate::Error;

/// Its entries lie among all others of the cache, so it has no size and no bound of its own.
impl<K, V> ConcurrentCacheBase for CachedStore<K, V> {
    type Error = Infallible;

    fn cache_hits(&self) -> Option<u64> {
        Some(self.hits.load(Ordering::Relaxed))
    }

    fn cache_misses(&self) -> Option<u64> {
        Some(self.misses.load(Ordering::Relaxed))
    }
}

/// All to be called within a runtime of tokio. Each may be dropped at any time: dropped, a removal
/// goes on by itself, and a value is kept or not.
impl<K, V> ConcurrentCachedAsync<K, V> for CachedStore<K, V>
where
    K: Hash + Clone + Send,
    V: Clone + Send + Sync + Serialize + DeserializeOwned + 'static,
{
    /// The value, if it is right. If not, the function counts as begun now, in this task.
    fn async_cache_get(
        &self,
        key: &K,
    ) -> impl Future<Output = Result<Option<V>, Infallible>> + Send {
        let arguments = arguments(key);
        async move { Ok(self.look(arguments).await) }
    }

    /// Keeps the value, if it is known in this task when its function began; see
    /// [`CachedStore`]. What was kept before is not given back.
    fn async_cache_set(
        &self,
        key: K,
        value: V,
    ) -> impl Future<Output = Result<Option<V>, Infallible>> + Send {
        let arguments = arguments(&key);
        async move {
            self.keep(arguments, value).await;
            Ok(None)
        }
    }

    /// Removes the value in all processes, also that of a function that runs now.
    fn async_cache_remove(
        &self,
        key: &K,
    ) -> impl Future<Output = Result<Option<V>, Infallible>> + Send {
        let arguments = arguments(key);
        async move {
            let value = self.find(arguments).await;
            self.forget(arguments).await;
            Ok(value)
        }
    }

    /// As [`async_cache_remove`](Self::async_cache_remove).
    fn async_cache_remove_entry(
        &self,
        key: &K,
    ) -> impl Future<Output = Result<Option<(K, V)>, Infallible>> + Send {
        let key = key.clone();
        async move {
            let value = self.async_cache_remove(&key).await?;
            Ok(value.map(|value| (key, value)))
        }
    }

    /// Whether there is a value that is right. No function counts as begun.
    fn async_cache_contains(
        &self,
        key: &K,
    ) -> impl Future<Output = Result<bool, Infallible>> + Send {
        let arguments = arguments(key);
        async move { Ok(self.find(arguments).await.is_some()) }
    }

    /// Removes all values, in all processes, and whatever else is of the service.
    async fn async_cache_clear(&self) -> Result<(), Infallible> {
        self.forget_all().await;
        Ok(())
    }

    /// The same, and counts hits and misses from zero.
    async fn async_cache_reset(&self) -> Result<(), Infallible> {
        self.forget_all().await;
        self.async_cache_reset_metrics().await
    }

    async fn async_cache_reset_metrics(&self) -> Result<(), Infallible> {
        self.hits.store(0, Ordering::Relaxed);
        self.misses.store(0, Ordering::Relaxed);
        Ok(())
    }
}

/// Holds for values that are given from now on; those that are kept are not served any more if
/// theirs was another.
impl<K, V> ConcurrentCacheTtl for CachedStore<K, V> {
    fn ttl(&self) -> Option<Duration> {
        Some(self.time_to_live())
    }

    /// Zero changes nothing: no value is kept for ever.
    fn set_ttl(&self, ttl: Duration) -> Option<Duration> {
        let before = self.time_to_live();
        if !ttl.is_zero() {
            self.keep_for(ttl);
        }
        Some(before)
    }

    /// Changes nothing: no value is kept for ever.
    fn unset_ttl(&self) -> Option<Duration> {
        Some(self.time_to_live())
    }
}

/// So that a function whose error is Larder's needs no `map_error`.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
