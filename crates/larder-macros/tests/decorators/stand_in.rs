//! A stand-in for what runs decorated functions: it notes what it was told, and runs the body.
//! It asks of the types what the real one asks.

#![expect(clippy::expect_used, reason = "tests fail by panicking")]

use std::any::Any;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A database or a service, in short: all that was told, and what is kept.
#[derive(Clone, Default)]
pub(crate) struct Cache {
    told: Arc<Mutex<Vec<String>>>,
    kept: Arc<Mutex<Kept>>,
}

impl Cache {
    /// What was told since it was last asked for.
    pub(crate) fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().expect("one test"))
    }

    pub(crate) fn tell(&self, told: impl IntoIterator<Item = String>) {
        self.told.lock().expect("one test").extend(told);
    }
}

impl Cache {
    /// What `#[operation]` calls.
    pub(crate) async fn operation<T, E>(
        &self,
        _: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.tell(["operation".to_owned()]);
        work.await
    }
}

/// What has a cache.
pub(crate) trait HasCache {
    fn cache(&self) -> &Cache;
}

impl HasCache for Cache {
    fn cache(&self) -> &Cache {
        self
    }
}

/// What the decorators call.
pub(crate) trait CachedCalls {
    fn cached_call(&self, name: &'static str) -> CachedCall;
    fn invalidating_call(&self, name: &'static str) -> InvalidatingCall;
}

impl<T: HasCache + ?Sized> CachedCalls for T {
    fn cached_call(&self, name: &'static str) -> CachedCall {
        CachedCall {
            cache: self.cache().clone(),
            name,
            key: Vec::new(),
            told: Vec::new(),
            condition: true,
        }
    }

    fn invalidating_call(&self, name: &'static str) -> InvalidatingCall {
        InvalidatingCall {
            cache: self.cache().clone(),
            told: vec![format!("invalidating {name}")],
        }
    }
}

pub(crate) struct CachedCall {
    cache: Cache,
    name: &'static str,
    key: Vec<u64>,
    told: Vec<String>,
    condition: bool,
}

pub(crate) fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    BuildHasherDefault::<DefaultHasher>::new().hash_one(value)
}

impl CachedCall {
    fn with(mut self, told: String) -> Self {
        self.told.push(told);
        self
    }

    pub(crate) fn function(self, path: &'static str, signature: &'static str) -> Self {
        self.with(format!("{path} {signature}"))
    }

    pub(crate) fn argument<A: Hash + ?Sized>(mut self, value: &A) -> Self {
        self.key.push(hash(value));
        self
    }

    pub(crate) fn ttl(self, time: Duration) -> Self {
        self.with(format!("ttl {}", time.as_nanos()))
    }

    pub(crate) fn stale_for(self, time: Duration) -> Self {
        self.with(format!("stale_for {}", time.as_nanos()))
    }

    pub(crate) fn stale_if_error(self, time: Duration) -> Self {
        self.with(format!("stale_if_error {}", time.as_nanos()))
    }

    pub(crate) fn tag(self, tag: String) -> Self {
        self.with(format!("tag {tag}"))
    }

    pub(crate) fn condition(mut self, condition: bool) -> Self {
        self.condition = condition;
        self
    }

    pub(crate) fn allow_volatile(self) -> Self {
        self.with("allow_volatile".to_owned())
    }

    pub(crate) fn local_only(self) -> Self {
        self.with("local".to_owned())
    }

    pub(crate) fn skip_none(self) -> SkippingNone {
        SkippingNone(self)
    }

    /// Kept under name and key, if `keep` says so of what was returned.
    async fn go<T: Clone + Send + Sync + 'static>(
        self,
        how: &str,
        body: impl Future<Output = T>,
        keep: impl Fn(&T) -> bool,
    ) -> T {
        self.cache.tell(self.told);
        self.cache.tell([format!("{how} {}", self.name)]);
        let place = (self.name.to_owned(), self.key);
        let reads = how.starts_with("run") && self.condition;
        let kept = self
            .cache
            .kept
            .lock()
            .expect("one test")
            .get(&place)
            .cloned();
        if let Some(kept) = kept.filter(|_| reads) {
            self.cache.tell(["hit".to_owned()]);
            return kept.downcast_ref::<T>().expect("one type").clone();
        }
        let value = body.await;
        if self.condition && keep(&value) {
            let value = Arc::new(value.clone());
            self.cache
                .kept
                .lock()
                .expect("one test")
                .insert(place, value);
        }
        value
    }
}

/// What is kept for a call.
type Kept = HashMap<(String, Vec<u64>), Arc<dyn Any + Send + Sync>>;

/// The methods of a builder, alike but for what is kept.
macro_rules! runners {
    ($($result:ident $option:ident $plain:ident $($serde:ident)?;)*) => {$(
        pub(crate) async fn $result<V, E>(self, body: impl Future<Output = Result<V, E>>) -> Result<V, E>
        where
            V: Clone + Send + Sync $(+ $serde)? + 'static,
            E: 'static,
        {
            let failed = Arc::new(Mutex::new(None));
            let noted = failed.clone();
            let body = async move { body.await.map_err(|error| *noted.lock().expect("one test") = Some(error)) };
            let value = self.go(stringify!($result), body, Result::is_ok).await;
            value.map_err(|()| failed.lock().expect("one test").take().expect("it failed"))
        }

        pub(crate) async fn $option<V: Clone + Send + Sync $(+ $serde)? + 'static>(self, body: impl Future<Output = Option<V>>) -> Option<V> {
            self.go(stringify!($option), body, |_| true).await
        }

        pub(crate) async fn $plain<V: Clone + Send + Sync $(+ $serde)? + 'static>(self, body: impl Future<Output = V>) -> V {
            self.go(stringify!($plain), body, |_| true).await
        }
    )*};
}

/// What has to be said in bytes.
pub(crate) trait Serialize {}
impl Serialize for u32 {}
impl Serialize for String {}
impl<T: Serialize> Serialize for Vec<T> {}
impl<T: Serialize> Serialize for Option<T> {}

impl CachedCall {
    runners! {
        run run_option run_plain;
        put put_option put_plain;
        run_shared run_option_shared run_plain_shared Serialize;
        put_shared put_option_shared put_plain_shared Serialize;
    }
}

/// Takes no value but options.
pub(crate) struct SkippingNone(CachedCall);

impl SkippingNone {
    pub(crate) async fn run<V, E>(
        self,
        body: impl Future<Output = Result<Option<V>, E>>,
    ) -> Result<Option<V>, E>
    where
        V: Clone + Send + Sync + 'static,
        E: Clone + Send + Sync + 'static,
    {
        let keep = |value: &Result<Option<V>, E>| matches!(value, Ok(Some(_)));
        self.0.go("run skipping none", body, keep).await
    }

    pub(crate) async fn run_option<V>(self, body: impl Future<Output = Option<V>>) -> Option<V>
    where
        V: Clone + Send + Sync + 'static,
    {
        let keep = Option::is_some;
        self.0.go("run_option skipping none", body, keep).await
    }
}

/// Notes what is invalidated, in the order in which it happens.
pub(crate) struct InvalidatingCall {
    cache: Cache,
    told: Vec<String>,
}

impl InvalidatingCall {
    fn with(mut self, told: String) -> Self {
        self.told.push(told);
        self
    }

    pub(crate) fn tag(self, tag: String) -> Self {
        self.with(format!("tag {tag}"))
    }

    pub(crate) fn table(self, table: &'static str) -> Self {
        self.with(format!("table {table}"))
    }

    pub(crate) fn service(self, service: &'static str) -> Self {
        self.with(format!("service {service}"))
    }

    pub(crate) fn this_service(self) -> Self {
        self.with("this service".to_owned())
    }

    pub(crate) fn call(self, name: &'static str) -> Self {
        self.with(format!("call {name}"))
    }

    pub(crate) fn argument<A: Hash + ?Sized>(self, value: &A) -> Self {
        self.with(format!("argument {}", hash(value)))
    }

    pub(crate) fn everything(self) -> Self {
        self.with("everything".to_owned())
    }

    pub(crate) fn condition(self, condition: bool) -> Self {
        self.with(format!("condition {condition}"))
    }

    pub(crate) fn before(self) -> Self {
        self.with("before".to_owned())
    }

    fn end(self, holds: bool) {
        if holds {
            self.cache.tell(self.told);
        }
    }

    pub(crate) async fn run<V, E>(self, body: impl Future<Output = Result<V, E>>) -> Result<V, E> {
        let value = body.await;
        self.end(value.is_ok());
        value
    }

    pub(crate) async fn run_option<V>(self, body: impl Future<Output = Option<V>>) -> Option<V> {
        let value = body.await;
        self.end(value.is_some());
        value
    }

    pub(crate) async fn run_plain<V>(self, body: impl Future<Output = V>) -> V {
        let value = body.await;
        self.end(true);
        value
    }
}

/// Runs what never waits.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => unreachable!("nothing waits here"),
    }
}
