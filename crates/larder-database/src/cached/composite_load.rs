//! Loading a result of several statements: from the second tier, or by running them.

use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use larder_cache::l2::try_fingerprint_of;
use larder_cache::{Dependency, Loaded, Snapshot};
use larder_pool::AsyncClosure;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::run::estimate;
use crate::coherence::CatalogState;
use crate::database::Inner;
use crate::fleet::{FoundValue, SecondTier, SharedRead, Turn};
use crate::request_scope::RequestScope;
use crate::scope::{CallScope, Context};
use crate::{ClosureError, Connection, Error, failpoints};

/// The load of several statements, on its way to be run in a task of its own.
pub(super) struct CompositeLoad<F> {
    pub(super) database: Arc<Inner>,
    pub(super) state: Arc<CatalogState>,
    /// Takes note of what the closure reads.
    pub(super) scope: Arc<CallScope>,
    /// On whose behalf it reads.
    pub(super) request_scope: Option<Arc<RequestScope>>,
    pub(super) closure: F,
    /// No table makes the result go.
    pub(super) ttl_only: bool,
    /// What it depends on beside tables.
    pub(super) extra: Vec<Dependency>,
    /// The caller wants what the database says.
    pub(super) refresh: bool,
}

/// How values of a type are written for other processes.
pub(super) struct Form<V> {
    fingerprint: fn() -> Option<u128>,
    write: fn(&V) -> postcard::Result<Vec<u8>>,
    read: fn(&[u8]) -> postcard::Result<V>,
}

impl<V: Serialize + DeserializeOwned + 'static> Form<V> {
    pub(super) fn of() -> Self {
        Self {
            fingerprint: known_fingerprint::<V>,
            write: |value| postcard::to_stdvec(value),
            read: |bytes| postcard::from_bytes(bytes),
        }
    }
}

impl<V> Form<V> {
    /// What tells the type from those with other fields; `None` if nothing does.
    pub(super) fn fingerprint(&self) -> Option<u128> {
        (self.fingerprint)()
    }

    /// The value as bytes that can be read again.
    pub(super) fn write(&self, value: &V) -> postcard::Result<Vec<u8>> {
        let bytes = (self.write)(value)?;
        // Some types are written in a way that only tells when it is read.
        (self.read)(&bytes)?;
        Ok(bytes)
    }
}

/// The fingerprint of a type, found out once; `None` if it has none.
fn known_fingerprint<V: DeserializeOwned + 'static>() -> Option<u128> {
    static KNOWN: LazyLock<RwLock<HashMap<TypeId, Option<u128>>>> = LazyLock::new(RwLock::default);
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(fingerprint) = known.get(&TypeId::of::<V>()) {
        return *fingerprint;
    }
    drop(known);
    // Nothing is locked meanwhile: it runs code of the type.
    let traced = catch_unwind(AssertUnwindSafe(try_fingerprint_of::<V>));
    let fingerprint = traced.ok().and_then(Result::ok);
    if fingerprint.is_none() {
        // Under its name alone a changed type would read the old one's values.
        tracing::warn!(
            value = type_name::<V>(),
            "results of this type stay in this process: its shape cannot be told from how it is deserialised"
        );
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.insert(TypeId::of::<V>(), fingerprint);
    fingerprint
}

/// Where a result is kept beside this process.
type Place<'t, V> = (&'t SecondTier, Form<V>, SharedRead);

impl<F> CompositeLoad<F> {
    /// Runs it. The cache has noted before as of when it begins.
    ///
    /// # Errors
    ///
    /// The closure's own, or why no connection could be had. Nothing that happens to the second
    /// tier is an error.
    pub(super) async fn run<V, E>(
        self,
        shared: Option<(Form<V>, SharedRead)>,
    ) -> Result<Loaded<Arc<V>>, Error>
    where
        for<'c> F: AsyncFnOnce(&'c mut Connection) -> Result<V, E>
            + AsyncClosure<&'c mut Connection, Result<V, E>, Future: Send>
            + Send,
        V: Send + Sync + 'static,
        E: ClosureError<Outcome = Error>,
    {
        // After the cache has noted as of when the load begins, see `StatementLoad::run`.
        let holds = self.database.picture.is_current(self.state.generation);
        let database = Arc::clone(&self.database);
        let (Some((form, read)), Some(tier), true) = (shared, &database.second_tier, holds) else {
            return self.load(holds, None).await;
        };
        if self.refresh {
            return self.load(holds, Some((tier, form, read))).await;
        }
        match tier.take_turn(&read).await {
            Turn::Found(found) => match take(found, tier, &form, &read, Arc::new) {
                Some(loaded) => Ok(loaded),
                None => self.load(holds, Some((tier, form, read))).await,
            },
            Turn::Mine => {
                let key = read.key;
                let loaded = self.load(holds, Some((tier, form, read))).await;
                tier.end_turn(key);
                loaded
            }
            Turn::NotAsked => self.load(holds, Some((tier, form, read))).await,
        }
    }

    async fn load<V, E>(
        self,
        holds: bool,
        shared: Option<Place<'_, V>>,
    ) -> Result<Loaded<Arc<V>>, Error>
    where
        for<'c> F: AsyncFnOnce(&'c mut Connection) -> Result<V, E>
            + AsyncClosure<&'c mut Connection, Result<V, E>, Future: Send>
            + Send,
        V: Send + Sync + 'static,
        E: ClosureError<Outcome = Error>,
    {
        let database = &self.database;
        let began = database.cache.clock().now();
        let mut session = database.session_in(self.request_scope.as_deref()).await?;
        let holds = holds && database.same_settings(&session, self.state.generation);
        let mut snapshot = None;
        if holds && shared.is_some() && !failpoints::is_on("snapshot-after-load") {
            snapshot = snapshot_of(&mut session).await;
        }
        session.start_recording();
        let context = Context::current().with_call(Arc::clone(&self.scope));
        // A cached read inside would wait for a connection while it holds one.
        let reading = database.pool.within((self.closure)(&mut session));
        let result = context.enter(reading).await;
        let value = result.map_err(|error| error.into_outcome(session.last_server_error()))?;
        let recording = session.finish_recording();
        if failpoints::is_on("snapshot-after-load") {
            snapshot = snapshot_of(&mut session).await;
        }
        if database.picture.outdates(&session) {
            session.discard();
        } else {
            drop(session);
        }
        let found = self.scope.close();
        if let Some(reason) = &found.refusal {
            tracing::debug!(%reason, "not cached");
        }
        let relations = found.relations.iter().copied();
        let storable = holds && found.refusal.is_none();
        let mut all = Vec::new();
        if !self.ttl_only {
            all.extend(&found.read);
        }
        all.extend(self.extra);
        let mut loaded_as_of = None;
        let snapshot = found.snapshot(snapshot);
        if let (Some((tier, form, mut place)), Some(snapshot), true) = (shared, snapshot, storable)
            && database.may_share_tables(&self.state, relations)
        {
            place.dependencies.clone_from(&all);
            loaded_as_of = Some(Arc::new(snapshot.clone()));
            let took = database.cache.clock().now().since(began);
            match form.write(&value) {
                Ok(payload) => tier.store(place, snapshot, took, &payload),
                Err(error) => tracing::warn!(
                    name = place.name,
                    %error,
                    "failed to write a result so that it can be read again: it is not kept in Redis"
                ),
            }
        }
        let bytes = estimate(&recording) + size_of::<V>() as u64;
        let mut loaded = Loaded::new(Arc::new(value), all, bytes);
        loaded.storable = storable;
        loaded.snapshot = loaded_as_of;
        loaded.by_time = self.ttl_only || found.by_time;
        loaded.fresh_for = found.fresh_for;
        Ok(loaded)
    }
}

pub(super) async fn snapshot_of(connection: &mut Connection) -> Option<Snapshot> {
    // Whoever cannot tell that cannot answer the closure either, which then says why.
    connection.snapshot().await.ok()?.parse().ok()
}

/// What another process has loaded, if it fits.
pub(super) fn take<V, W>(
    found: FoundValue,
    tier: &SecondTier,
    form: &Form<V>,
    read: &SharedRead,
    wrap: impl FnOnce(V) -> W,
) -> Option<Loaded<W>> {
    let Ok(value) = (form.read)(&found.payload) else {
        tier.does_not_fit(read.key, found);
        return None;
    };
    let bytes = found.payload.len() + size_of::<V>();
    let mut loaded = Loaded::new(wrap(value), found.dependencies, bytes as u64);
    loaded.kept = Some(found.kept);
    loaded.snapshot = Some(Arc::new(found.snapshot));
    Some(loaded)
}
