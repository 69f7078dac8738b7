//! The picture of the server's catalog that reads and writes are judged by.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use larder_cache::{Key, KeyBuilder};
use larder_pool::SessionSettings;
use larder_sql::catalog::{
    CATALOG_QUERY, Catalog, CatalogSnapshot, DIGEST_QUERY, Declarations, RowAccess, RowWrite,
    WriteSet,
};
use larder_sql::{Fingerprint, StatementProfile};
use tokio::sync::{Mutex, MutexGuard};

use crate::request_scope::Roles;
use crate::sql::sql;
use crate::{Connection, Error};

/// The newest picture of the catalog, and whether it still holds.
pub(crate) struct Picture {
    state: ArcSwapOption<CatalogState>,
    /// The one before, where that was forgotten.
    last: ArcSwapOption<CatalogState>,
    /// How often the catalog has, or may have, changed.
    changes: AtomicU64,
    /// How many of those changes the picture was taken after.
    seen: AtomicU64,
    /// How many pictures there were.
    taken: AtomicU64,
    taking: Mutex<()>,
    /// When a table was looked for that is not in the picture.
    looked: std::sync::Mutex<Option<Instant>>,
    declarations: Declarations,
    /// Whether rows are told from their tables.
    row_precision: bool,
}

/// The catalog as it was at one moment.
pub(crate) struct CatalogState {
    pub(crate) catalog: Catalog,
    /// Grows with every picture that differs from the one before.
    pub(crate) generation: u64,
    /// The settings of the session that took it. Others may find other tables under a name.
    pub(crate) settings: SessionSettings,
    /// When that session's connection was made.
    opened: Instant,
    digest: String,
    /// Changes with the definitions, whoever looks at them.
    pub(crate) definitions: String,
    /// What all keys by this picture begin with, once one is made.
    pub(crate) key_seed: OnceLock<Key>,
    writes: RwLock<HashMap<Fingerprint, WriteSet>>,
    harmless: RwLock<HashMap<Fingerprint, bool>>,
    /// What names mean to roles of scopes.
    pub(crate) roles: Roles,
    row_precision: bool,
}

impl Picture {
    pub(crate) fn new(declarations: Declarations, row_precision: bool) -> Self {
        Self {
            state: ArcSwapOption::empty(),
            last: ArcSwapOption::empty(),
            // One more than is seen: there is no picture yet.
            changes: AtomicU64::new(1),
            seen: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            taking: Mutex::new(()),
            looked: std::sync::Mutex::new(None),
            declarations,
            row_precision,
        }
    }

    /// The catalog has changed, or may have. Until it was looked at again there is no
    /// picture to go by.
    pub(crate) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// Nothing that was worked out by the picture holds any more, whether or not the catalog is
    /// still the same: keys are made of more than that.
    pub(crate) fn forget(&self) {
        self.changed();
        if let Some(last) = self.state.swap(None) {
            self.last.store(Some(last));
        }
    }

    /// The picture, if it holds as far as this process knows.
    pub(crate) fn current(&self) -> Option<Arc<CatalogState>> {
        self.holds().then(|| self.state.load_full()).flatten()
    }

    /// A number that changes with the definitions; `None` while there is no picture that holds.
    pub(crate) fn definitions(&self) -> Option<u64> {
        Some(self.current()?.definitions())
    }

    /// The last picture, whether or not it holds. Good for a guess.
    pub(crate) fn last(&self) -> Option<Arc<CatalogState>> {
        self.state.load_full().or_else(|| self.last.load_full())
    }

    /// Whether the connection is older than the one that took the picture, and its session began
    /// with other settings: the defaults have changed since, and it does not know.
    pub(crate) fn outdates(&self, connection: &Connection) -> bool {
        self.state.load().as_ref().is_some_and(|state| {
            connection.opened_at() < state.opened
                && *connection.session_settings() != state.settings
        })
    }

    /// The right to look at the catalog: one at a time.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.taking.lock().await
    }

    /// The same, unless somebody else has it now.
    pub(crate) fn turn_if_free(&self) -> Option<MutexGuard<'_, ()>> {
        self.taking.try_lock().ok()
    }

    /// Whether the catalog may be looked at because a statement speaks of a table that is not in
    /// the picture: once a second, whoever makes up names.
    pub(crate) fn may_look_for_a_table(&self) -> bool {
        const PAUSE: Duration = Duration::from_secs(1);
        let mut last = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| last.elapsed() < PAUSE) {
            return false;
        }
        *last = Some(Instant::now());
        true
    }

    /// Whether a picture of this generation holds.
    pub(crate) fn is_current(&self, generation: u64) -> bool {
        let state = self.state.load();
        let same = |state: &Arc<CatalogState>| state.generation == generation;
        state.as_ref().is_some_and(same) && self.holds()
    }

    fn holds(&self) -> bool {
        self.seen.load(Ordering::Acquire) == self.changes.load(Ordering::Acquire)
    }

    /// Looks at the catalog again; to be called by whoever has the [`turn`](Self::turn). Says
    /// whether it has changed since a picture was taken before.
    ///
    /// # Errors
    ///
    /// If the server does not answer, or with something that cannot be read.
    pub(crate) async fn refresh(&self, connection: &mut Connection) -> Result<bool, Error> {
        let changes = self.changes.load(Ordering::Acquire);
        let digest = sql(DIGEST_QUERY)
            .fetch_scalar_on::<String>(connection)
            .await?;
        let before = self.state.load_full();
        let settings = connection.session_settings().clone();
        let same = before
            .as_ref()
            .is_some_and(|state| state.digest == digest && state.settings == settings);
        if !same {
            let document = sql(CATALOG_QUERY)
                .fetch_scalar_on::<serde_json::Value>(connection)
                .await?;
            let snapshot: CatalogSnapshot =
                serde_json::from_value(document).map_err(|error| Error::Catalog {
                    reason: error.to_string(),
                })?;
            self.state.store(Some(Arc::new(CatalogState {
                catalog: Catalog::new(snapshot, &self.declarations),
                generation: self.taken.fetch_add(1, Ordering::Relaxed) + 1,
                settings,
                opened: connection.opened_at(),
                definitions: digest.split(' ').next().unwrap_or(&digest).to_owned(),
                digest,
                key_seed: OnceLock::new(),
                writes: RwLock::default(),
                harmless: RwLock::default(),
                roles: Roles::default(),
                row_precision: self.row_precision,
            })));
        }
        self.seen.fetch_max(changes, Ordering::AcqRel);
        Ok(before.is_some() && !same)
    }
}

impl CatalogState {
    /// A number that changes with the definitions, and is the same in every process.
    pub(crate) fn definitions(&self) -> u64 {
        let mut key = KeyBuilder::new();
        key.text(&self.definitions);
        // Its lower half: any bits of a hash will do.
        key.finish().as_u128() as u64
    }

    /// The row that the result of a query depends on, where rows are told from their tables.
    pub(crate) fn row_read(&self, profile: &StatementProfile) -> Option<RowAccess> {
        let precise = self.row_precision;
        precise.then(|| self.catalog.row_read(profile)).flatten()
    }

    /// The rows that a statement writes, where rows are told from their tables.
    pub(crate) fn row_write(&self, profile: &StatementProfile) -> Option<RowWrite> {
        let precise = self.row_precision;
        precise.then(|| self.catalog.row_write(profile)).flatten()
    }

    /// What a statement writes, worked out once for all that differ in values only.
    pub(crate) fn writes(&self, profile: &StatementProfile) -> WriteSet {
        let known = self.writes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(writes) = known.get(&profile.fingerprint) {
            return writes.clone();
        }
        drop(known);
        let writes = self.catalog.writes(profile);
        if let WriteSet::Everything(reason) = &writes {
            tracing::info!(
                statement = &*profile.normalised,
                %reason,
                "each run of this statement invalidates the whole cache"
            );
        }
        remember(&self.writes, profile, writes.clone());
        writes
    }

    /// Whether a statement does nothing but read, by functions that do nothing else either.
    pub(crate) fn leaves_nothing(&self, profile: &StatementProfile) -> bool {
        let known = self.harmless.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(harmless) = known.get(&profile.fingerprint) {
            return *harmless;
        }
        drop(known);
        let reads = self.catalog.reads(profile);
        let harmless = reads.is_ok_and(|reads| reads.volatile.is_empty());
        remember(&self.harmless, profile, harmless);
        harmless
    }
}

fn remember<T>(known: &RwLock<HashMap<Fingerprint, T>>, profile: &StatementProfile, answer: T) {
    // Statements whose names are put together at run time would fill it without end.
    const MOST: usize = 4_096;
    let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(profile.fingerprint, answer);
}
