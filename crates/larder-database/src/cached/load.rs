//! Loading the rows of one statement: from the second tier, or from the database.

use std::any::TypeId;
use std::sync::Arc;
use std::time::Duration;

use larder_cache::{Dependency, Loaded, Snapshot};
use larder_pool::{Connection, OwnedQuery, PortableRows, Row};

use super::options::ReadOptions;
use super::plan::Plan;
use super::run::{Decode, estimate, rows};
use crate::database::Inner;
use crate::fleet::{FoundValue, SecondTier, SharedRead, Turn};
use crate::{Error, failpoints};

/// What values are in the second tier that are rows: they become what a reader wants in its own
/// process, so their columns say all about them.
pub(super) const ROWS: u128 = 1;

/// The load of one statement, on its way to be run in a task of its own.
pub(super) struct StatementLoad<V> {
    pub(super) database: Arc<Inner>,
    pub(super) plan: Arc<Plan>,
    pub(super) query: OwnedQuery,
    pub(super) decode: Decode<V>,
    /// How it is looked for and kept in the second tier, if it may be there.
    pub(super) shared: Option<SharedRead>,
    pub(super) dependencies: Vec<Dependency>,
    /// The caller wants what the database says.
    pub(super) refresh: bool,
}

impl<V> StatementLoad<V> {
    /// Runs it. The cache has noted before as of when it begins.
    ///
    /// # Errors
    ///
    /// If the database cannot answer. Nothing that happens to the second tier is an error.
    pub(super) async fn run(self) -> Result<Loaded<V>, Error> {
        // Whether the plan still holds is asked after the cache has noted as of when the
        // load begins: whoever changes definitions from here on makes that outdated.
        let holds = self.database.picture.is_current(self.plan.generation);
        let is_hot = self.is_hot();
        let shared = self.shared.clone().filter(|_| holds && !is_hot);
        let database = Arc::clone(&self.database);
        let (Some(read), Some(tier)) = (shared, &database.second_tier) else {
            return self.load(holds, None).await;
        };
        if self.refresh {
            return self.load(holds, Some((tier, read))).await;
        }
        match tier.take_turn(&read).await {
            Turn::Found(found) => match self.take(found, tier, &read) {
                Some(loaded) => Ok(loaded),
                None => self.load(holds, Some((tier, read))).await,
            },
            Turn::Mine => {
                let key = read.key;
                let loaded = self.load(holds, Some((tier, read))).await;
                tier.end_turn(key);
                loaded
            }
            Turn::NotAsked => self.load(holds, Some((tier, read))).await,
        }
    }

    /// Whether it would be wrong again before anybody else could use it.
    fn is_hot(&self) -> bool {
        let heat = &self.database.watcher.heat;
        heat.is_hot(self.dependencies.iter().copied())
    }

    /// What another process has loaded, if it fits.
    fn take(&self, found: FoundValue, tier: &SecondTier, read: &SharedRead) -> Option<Loaded<V>> {
        let bytes = found.payload.len() as u64;
        let decoded = postcard::from_bytes::<PortableRows>(&found.payload)
            .ok()
            .and_then(|rows| {
                let digest = rows.digest();
                let values = values(&rows);
                let value = (self.decode)(rows.into_rows()).ok()?;
                Some((value, digest, values))
            });
        let Some((value, digest, values)) = decoded else {
            tier.does_not_fit(read.key, found);
            return None;
        };
        Some(Loaded {
            value,
            bytes: bytes + values * BESIDE,
            dependencies: found.dependencies,
            storable: true,
            kept: Some(found.kept),
            digest: Some(digest),
        })
    }

    /// Loads from the database.
    async fn load(
        self,
        holds: bool,
        shared: Option<(&SecondTier, SharedRead)>,
    ) -> Result<Loaded<V>, Error> {
        let database = &self.database;
        let began = database.cache.clock().now();
        let mut session = database.pool.session().await?;
        let storable =
            holds && database.same_settings(&session, self.plan.generation) && !self.is_hot();
        session.start_recording();
        let (snapshot, rows) = if storable && shared.is_some() {
            rows_as_of(&mut session, self.query).await?
        } else {
            (None, rows(&mut session, self.query).await?)
        };
        let recording = session.finish_recording();
        if database.picture.outdates(&session) {
            session.discard();
        } else {
            drop(session);
        }
        let portable = (snapshot.is_some() || database.verifies()).then(|| PortableRows::of(&rows));
        let digest = portable.as_ref().map(PortableRows::digest);
        let value = (self.decode)(rows).map_err(|error| Error::of_statement(error, None))?;
        if let (Some((tier, read)), Some(snapshot), Some(portable)) = (shared, snapshot, &portable)
        {
            let took = database.cache.clock().now().since(began);
            keep(tier, read, snapshot, took, portable);
        }
        Ok(Loaded {
            bytes: estimate(&recording),
            value,
            dependencies: Vec::new(),
            storable,
            kept: None,
            digest,
        })
    }
}

/// What a value takes in memory beside its bytes.
pub(super) const BESIDE: u64 = 24;

fn values(rows: &PortableRows) -> u64 {
    (rows.len() * rows.columns()) as u64
}

fn keep(
    tier: &SecondTier,
    read: SharedRead,
    snapshot: Snapshot,
    took: Duration,
    rows: &PortableRows,
) {
    match postcard::to_stdvec(rows) {
        Ok(payload) => tier.store(read, snapshot, took, &payload),
        Err(error) => tracing::warn!(%error, "failed to write rows for the second tier"),
    }
}

/// Runs a query and gives all its rows, with what it could at least see.
async fn rows_as_of(
    connection: &mut Connection,
    query: OwnedQuery,
) -> Result<(Option<Snapshot>, Vec<Row>), Error> {
    use futures::TryStreamExt;

    if failpoints::is_on("snapshot-after-load") {
        let rows = rows(connection, query).await?;
        let snapshot = connection.snapshot().await?;
        return Ok((snapshot.parse().ok(), rows));
    }
    let result = async {
        let (snapshot, rows) = connection.load_owned_as_of(query).await?;
        Ok((snapshot, rows.try_collect::<Vec<_>>().await?))
    }
    .await;
    let (snapshot, rows) =
        result.map_err(|error| Error::of_statement(error, connection.last_server_error()))?;
    Ok((snapshot.parse().ok(), rows))
}

impl Inner {
    /// The second tier, if results of this plan, type and these options may go there.
    pub(super) fn second_tier_for<V: 'static>(
        &self,
        plan: &Plan,
        options: &ReadOptions,
    ) -> Option<&SecondTier> {
        let tier = self.second_tier.as_ref()?;
        let allowed =
            plan.shareable && !options.local_only && !self.local_types.contains(&TypeId::of::<V>());
        allowed.then_some(tier)
    }

    /// Whether results are verified, and have to be told from each other for that.
    pub(crate) fn verifies(&self) -> bool {
        self.shadow.is_on()
    }
}
