//! Values on their way to both tiers and back.

use std::any::type_name;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use larder_cache::{Cause, Dependency, Key, KeyBuilder, Loaded, Mode, Request, Snapshot, Touched};
use larder_metrics::OperationScope;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::pending::{AsOf, Noted};
use super::place::Place;
use super::store::CachedStore;
use crate::cached::composite_load::Form;
use crate::cached::portable::portable_bytes;
use crate::coherence::CatalogState;
use crate::database::Inner;
use crate::fleet::{FoundValue, SecondTier, SharedRead, apply};
use crate::scope::{Context, Given};
use crate::{Error, failpoints};

/// How long a call waits at least for the definitions of the database to be read: after a start or
/// a change of definitions.
const LOOKING: Duration = Duration::from_millis(500);

/// How long whoever removes values waits until the others are told.
const TELLING: Duration = Duration::from_secs(1);

/// What all methods need to know of a key.
pub(super) fn arguments<K: Hash>(key: &K) -> Key {
    let mut arguments = KeyBuilder::new();
    arguments
        .text(type_name::<K>())
        .bytes(&portable_bytes(key))
        .finish()
}

impl<K, V> CachedStore<K, V>
where
    V: Clone + Send + Sync + Serialize + DeserializeOwned + 'static,
{
    /// The value of a key. Whoever gets none may run the function now, and then gives the value.
    pub(super) async fn look(&self, arguments: Key) -> Option<V> {
        let inner = self.database.inner();
        let ttl = self.time_to_live();
        let Some(place) = self.place(ttl).await else {
            self.count(None::<&V>);
            return None;
        };
        if let Some(value) = inner.cache.get_fresh::<V>(place.key::<V>(arguments, ttl)) {
            self.count(Some(&value));
            self.tell_call(&place, arguments);
            return Some(value);
        }
        if self.is_hot(&place) {
            self.count(None::<&V>);
            return None;
        }
        // Before anything is read for the value: what is invalidated from here on counts.
        let noted = self
            .pending
            .note(&inner.cache, arguments, self.longest_call);
        let found = self.begin(&place, arguments, ttl, &noted).await;
        if found.is_none() && inner.picture.is_current(place.generation) {
            noted.begins();
        }
        self.count(found.as_ref());
        if found.is_some() {
            self.tell_call(&place, arguments);
        }
        found
    }

    /// What was served is a part of the call that the current task works for, if there is one.
    fn tell_call(&self, place: &Place, arguments: Key) {
        Context::look(|context| {
            if let Some(call) = &context.call {
                let tag = Dependency::tag(&self.said.tag_of(arguments));
                let mut dependencies = place.dependencies.clone();
                dependencies.push(tag);
                let given = Given {
                    dependencies: &dependencies,
                    // As of when it was made is not known here.
                    snapshot: None,
                    by_time: place
                        .dependencies
                        .iter()
                        .all(|one| one.table_oid().is_none()),
                    is_storable: true,
                    is_kept: false,
                    fresh_for: self.time_to_live(),
                };
                call.was_given(&self.database.inner().picture, &given);
            }
        });
    }

    /// Makes ready for a call of the function: looks whether another process has the value, and
    /// finds out what the function will see at least.
    async fn begin(
        &self,
        place: &Place,
        arguments: Key,
        ttl: Duration,
        noted: &Noted<'_>,
    ) -> Option<V> {
        let Some((tier, read)) = self.shared(place, arguments, ttl) else {
            self.pending.stay_here(arguments);
            return None;
        };
        if let Some((value, found)) = fetch::<V>(tier, &read).await {
            let mut dependencies = read.dependencies;
            dependencies.extend(&found.dependencies);
            let bytes = (found.payload.len() + size_of::<V>()) as u64;
            let mut loaded = Loaded::new(value, dependencies, bytes);
            loaded.kept = Some(found.kept);
            let request = self.request(place, arguments, ttl);
            self.database
                .inner()
                .cache
                .put(request, noted.begun, &loaded);
            return Some(loaded.value);
        }
        // Nothing is made ready for a Redis that is away.
        if !(tier.redis().is_available() && self.take_snapshot(noted).await) {
            self.pending.stay_here(arguments);
        }
        None
    }

    /// Takes the snapshot that calls which began together share; says whether it is there. It
    /// comes after those of earlier calls, so that the earliest call has the oldest one.
    async fn take_snapshot(&self, noted: &Noted<'_>) -> bool {
        let taking = async {
            if let Some(earlier) = &noted.earlier {
                earlier.get_or_init(|| self.snapshot()).await;
            }
            let snapshot = noted.snapshot.get_or_init(|| self.snapshot()).await;
            snapshot.is_some()
        };
        timeout(self.patience, taking).await.unwrap_or(false)
    }

    async fn snapshot(&self) -> Option<Snapshot> {
        let inner = Arc::clone(self.database.inner());
        // In a task of its own: a question that is given up costs its connection.
        soon(self.patience, async move { snapshot(&inner).await }).await?
    }

    /// Keeps a value, if it is known since when it is right.
    pub(super) async fn keep(&self, arguments: Key, value: V) {
        let inner = self.database.inner();
        let ttl = self.time_to_live();
        let Some(place) = self.place(ttl).await else {
            return;
        };
        self.tell_call(&place, arguments);
        let Some(as_of) = self.pending.take(arguments, self.longest_call) else {
            // What it was meant to replace must not be served as if it were newer.
            if self.find(arguments).await.is_some() {
                self.forget(arguments).await;
            }
            return;
        };
        if self.is_hot(&place) || !inner.picture.is_current(place.generation) {
            return;
        }
        let written = match self.shared(&place, arguments, ttl) {
            Some((tier, read)) => self.share(tier, read, &as_of, &value).await,
            None => None,
        };
        let size = written.unwrap_or_else(|| {
            // As good as a guess can be: what it takes as bytes, and by itself.
            postcard::experimental::serialized_size(&value).unwrap_or_default()
        });
        let bytes = (size + size_of::<V>()) as u64;
        let tag = Dependency::tag(&self.said.tag_of(arguments));
        let loaded = Loaded::new(value, vec![tag], bytes);
        let request = self.request(&place, arguments, ttl);
        inner.cache.put(request, as_of.begun, &loaded);
    }

    /// Gives a value to Redis; says what it takes as bytes.
    async fn share(
        &self,
        tier: &SecondTier,
        read: SharedRead,
        as_of: &AsOf,
        value: &V,
    ) -> Option<usize> {
        let snapshot = if failpoints::is_on("snapshot-after-load") {
            self.snapshot().await
        } else {
            as_of.snapshot.clone()
        };
        let snapshot = snapshot.filter(|_| tier.has_room())?;
        let payload = postcard::to_stdvec(value);
        // Some types are written in a way that only tells when it is read.
        let payload = payload.and_then(|bytes| postcard::from_bytes::<V>(&bytes).map(|_| bytes));
        match payload {
            Ok(payload) => {
                let size = payload.len();
                self.share_after_look(read, snapshot, as_of, payload);
                Some(size)
            }
            Err(error) => {
                tracing::warn!(
                    name = read.name,
                    %error,
                    "failed to write a result so that it can be read again: it is not kept in Redis"
                );
                None
            }
        }
    }

    /// Gives a value to Redis once it is known that all that it was made of had seen what its
    /// snapshot saw: the function may have been given results of this process that were loaded
    /// before. What has come between is heard of by the next look into the log.
    fn share_after_look(
        &self,
        read: SharedRead,
        snapshot: Snapshot,
        as_of: &AsOf,
        payload: Vec<u8>,
    ) {
        let inner = self.database.inner();
        let Some(fleet) = &inner.fleet else {
            return;
        };
        let (begun, age) = (as_of.begun.as_of(), as_of.age);
        let database = Arc::downgrade(inner);
        let share = move || {
            let Some(inner) = database.upgrade() else {
                return;
            };
            let versions = inner.cache.versions();
            let slots = versions.slots(&read.dependencies);
            if let Some(tier) = &inner.second_tier
                && versions.are_current(&slots, begun)
            {
                tier.store(read, snapshot, age, &payload);
            }
        };
        fleet.after_look(inner.cache.lease_clock().now(), Box::new(share));
    }

    /// The value that is kept under a key, in this process or in Redis. Nobody begins anything.
    pub(super) async fn find(&self, arguments: Key) -> Option<V> {
        let ttl = self.time_to_live();
        let place = self.place(ttl).await?;
        let key = place.key::<V>(arguments, ttl);
        if let Some(value) = self.database.inner().cache.get_fresh::<V>(key) {
            return Some(value);
        }
        let (tier, read) = self.shared(&place, arguments, ttl)?;
        Some(fetch::<V>(tier, &read).await?.0)
    }

    /// How a value is looked for and kept in Redis, if it may be there.
    fn shared(
        &self,
        place: &Place,
        arguments: Key,
        ttl: Duration,
    ) -> Option<(&SecondTier, SharedRead)> {
        let inner = self.database.inner();
        let tier = inner.second_tier.as_ref()?;
        if !place.may_leave || !inner.may_share_type::<V>() {
            return None;
        }
        let fingerprint = Form::<V>::of().fingerprint()?;
        let key = place.shared_key::<V>(arguments, ttl);
        let mut dependencies = place.dependencies.clone();
        dependencies.push(Dependency::tag(&self.said.tag_of(arguments)));
        let read = SharedRead {
            key,
            fingerprint,
            dependencies,
            freshness: Place::freshness(ttl),
            name: format!("{}:{key}", self.said.name),
        };
        Some((tier, read))
    }

    fn request(&self, place: &Place, arguments: Key, ttl: Duration) -> Request {
        let key = place.key::<V>(arguments, ttl);
        Request {
            key,
            freshness: Place::freshness(ttl),
            dependencies: place.slots.clone(),
            mode: Mode::Normal,
            name: format!("{}:{key}", self.said.name).into(),
        }
    }
}

impl<K, V> CachedStore<K, V> {
    /// What the values depend on; `None` if none is kept now.
    async fn place(&self, ttl: Duration) -> Option<Arc<Place>> {
        let inner = self.database.inner();
        // What a transaction reads may be its own, and is not for others.
        if ttl.is_zero() || !inner.cache.is_enabled() || inner.pool.is_in_transaction() {
            return None;
        }
        let state = self.picture().await?;
        let known = self.place.load();
        if let Some(place) = &*known
            && place.generation == state.generation
        {
            return Some(Arc::clone(place));
        }
        match self.said.place(inner, &state) {
            Ok(place) => {
                let place = Arc::new(place);
                self.place.store(Some(Arc::clone(&place)));
                Some(place)
            }
            Err(reason) => {
                if !self.has_warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        store = self.said.name,
                        "nothing is kept in this store: {reason}"
                    );
                }
                if inner.picture.may_look_for_a_table() {
                    // It may have been made by somebody else since the picture was taken.
                    let inner = Arc::clone(inner);
                    tokio::spawn(async move { inner.look_at_catalog().await });
                }
                None
            }
        }
    }

    async fn picture(&self) -> Option<Arc<CatalogState>> {
        let inner = self.database.inner();
        if let Some(state) = inner.picture.current() {
            return Some(state);
        }
        let inner = Arc::clone(inner);
        let looking = async move { inner.picture_that_holds().await.ok().flatten() };
        soon(self.patience.max(LOOKING), looking).await?
    }

    /// Whether a value would be wrong again before anybody else could use it.
    fn is_hot(&self, place: &Place) -> bool {
        let heat = &self.database.inner().watcher.heat;
        heat.is_hot(place.dependencies.iter().copied())
    }

    fn count<T>(&self, found: Option<&T>) {
        if found.is_some() {
            OperationScope::record_hit();
            self.hits.fetch_add(1, Ordering::Relaxed);
        } else {
            OperationScope::record_miss();
            self.misses.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Makes the values of a key go, here and in all other processes.
    pub(super) async fn forget(&self, arguments: Key) {
        let tag = self.said.tag_of(arguments);
        let touched = Touched::dependencies([Dependency::tag(&tag)]);
        let db = self.database.clone();
        let told = async move { db.invalidate().tag(&tag).await };
        self.tell(touched, Cause::Tag, told).await;
    }

    /// Makes all values go, here and in all other processes.
    pub(super) async fn forget_all(&self) {
        let name = self.said.name.clone();
        let touched = Touched::dependencies([Dependency::service(&name)]);
        let db = self.database.clone();
        let told = async move { db.invalidate().service(&name).await };
        self.tell(touched, Cause::Service, told).await;
    }

    /// Waits until the others are told, but not long: it goes on.
    async fn tell(
        &self,
        touched: Touched,
        cause: Cause,
        told: impl Future<Output = Result<(), Error>> + Send + 'static,
    ) {
        let store = self.said.name.clone();
        let telling = async move {
            if let Err(error) = told.await {
                tracing::warn!(
                    store,
                    "failed to tell other processes what was removed, because it failed to {error}"
                );
            }
        };
        if soon(TELLING, telling).await.is_none() {
            apply(&self.database.inner().cache, &touched, cause);
        }
    }
}

/// What another process has kept, if it fits.
async fn fetch<V: DeserializeOwned>(
    tier: &SecondTier,
    read: &SharedRead,
) -> Option<(V, FoundValue)> {
    let found = tier.fetch(read).await?;
    match postcard::from_bytes(&found.payload) {
        Ok(value) => Some((value, found)),
        Err(_) => {
            tier.does_not_fit(read.key, found);
            None
        }
    }
}

/// What is committed now, as the primary sees it.
async fn snapshot(inner: &Inner) -> Option<Snapshot> {
    let mut session = inner.pool.session().await.ok()?;
    if !inner.is_right_server(session.origin()) {
        return None;
    }
    session.snapshot().await.ok()?.parse().ok()
}

/// What a task of its own gives within this time. Afterwards it goes on alone.
async fn soon<T: Send + 'static>(
    patience: Duration,
    task: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    timeout(patience, tokio::spawn(task)).await.ok()?.ok()
}
