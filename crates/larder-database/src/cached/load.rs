//! Loading the rows of one statement: from the second tier, or from the database.

use std::any::TypeId;
use std::sync::Arc;
use std::time::Duration;

use larder_cache::{Dependency, Loaded, Snapshot};
use larder_pool::{BoundValues, Connection, OwnedQuery, PortableRows, Row};

use super::classes::Observed;
use super::options::ReadOptions;
use super::plan::Plan;
use super::run::{Decode, estimate, rows};
use crate::database::Inner;
use crate::fleet::{FoundValue, SecondTier, SharedRead, Turn};
use crate::request_scope::RequestScope;
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
    /// On whose behalf it reads.
    pub(super) scope: Option<Arc<RequestScope>>,
    /// How it is looked for and kept in the second tier, if it may be there.
    pub(super) shared: Option<SharedRead>,
    pub(super) dependencies: Vec<Dependency>,
    /// What else it depends on if there are no rows.
    pub(super) if_empty: Option<Dependency>,
    /// In part its time alone keeps it right.
    pub(super) by_time: bool,
    /// The caller wants what the database says.
    pub(super) refresh: bool,
    pub(super) observed: Arc<Observed>,
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
        let mut loaded = Loaded::new(value, found.dependencies, bytes + values * BESIDE);
        loaded.kept = Some(found.kept);
        loaded.digest = Some(digest);
        loaded.snapshot = Some(Arc::new(found.snapshot));
        loaded.by_time = self.by_time;
        Some(loaded)
    }

    /// Loads from the database.
    async fn load(
        self,
        holds: bool,
        shared: Option<(&SecondTier, SharedRead)>,
    ) -> Result<Loaded<V>, Error> {
        let database = &self.database;
        // Nothing is made ready for a Redis that is away.
        let shared = shared.filter(|(tier, _)| tier.redis().is_available());
        let dependencies = self.dependencies.iter().copied();
        let generation = self.plan.generation;
        let run = database
            .run_plan(
                self.query,
                self.scope.as_deref(),
                generation,
                dependencies,
                holds,
                shared.is_some(),
            )
            .await?;
        let Run { rows, facts } = run;
        let beside: Vec<Dependency> = self
            .if_empty
            .filter(|_| rows.is_empty())
            .into_iter()
            .collect();
        self.observed.rows(&rows, facts.bytes);
        let portable =
            (facts.snapshot.is_some() || database.verifies()).then(|| PortableRows::of(&rows));
        let digest = portable.as_ref().map(PortableRows::digest);
        let value = (self.decode)(rows).map_err(|error| Error::of_statement(error, None))?;
        if let (Some((tier, mut read)), Some(snapshot), Some(portable)) =
            (shared, &facts.snapshot, &portable)
        {
            read.dependencies.extend(&beside);
            keep(tier, read, snapshot.clone(), facts.took, portable);
        }
        let mut loaded = Loaded::new(value, beside, facts.bytes);
        loaded.storable = facts.storable;
        loaded.digest = digest;
        loaded.snapshot = facts.snapshot.map(Arc::new);
        loaded.by_time = self.by_time;
        Ok(loaded)
    }
}

/// The rows of a statement, and what is known of how they were loaded.
pub(super) struct Run {
    pub(super) rows: Vec<Row>,
    pub(super) facts: RunFacts,
}

/// What is known of how rows were loaded.
pub(super) struct RunFacts {
    pub(super) rows: u64,
    /// What they take in memory.
    pub(super) bytes: u64,
    /// Whether they may be kept.
    pub(super) storable: bool,
    /// What they could at least see; there only if that was asked for and they may be kept.
    pub(super) snapshot: Option<Snapshot>,
    pub(super) took: Duration,
}

impl Inner {
    /// Loads the rows of a statement by a plan of this generation, which depend on these.
    pub(super) async fn run_plan(
        &self,
        query: OwnedQuery,
        scope: Option<&RequestScope>,
        generation: u64,
        dependencies: impl IntoIterator<Item = Dependency>,
        holds: bool,
        as_of: bool,
    ) -> Result<Run, Error> {
        let began = self.cache.clock().now();
        let mut session = self.session_in(scope).await?;
        let storable = holds
            && self.same_settings(&session, generation)
            && !self.watcher.heat.is_hot(dependencies);
        session.start_recording();
        let (snapshot, rows) = if storable && as_of {
            rows_as_of(&mut session, query).await?
        } else {
            (None, rows(&mut session, query).await?)
        };
        let recording = session.finish_recording();
        if self.picture.outdates(&session) {
            session.discard();
        }
        let facts = RunFacts {
            rows: rows.len() as u64,
            bytes: estimate(&recording),
            storable,
            // What is too large for the second tier is not made ready for it either.
            snapshot: snapshot.filter(|_| recording.bytes <= MOST_SHARED),
            took: self.cache.clock().now().since(began),
        };
        Ok(Run { rows, facts })
    }
}

/// How many bytes of rows are given to the second tier at most: writing more takes a reader's time,
/// and everybody's there.
const MOST_SHARED: u64 = 1 << 20;

/// What a value takes in memory beside its bytes.
pub(super) const BESIDE: u64 = 24;

fn values(rows: &PortableRows) -> u64 {
    (rows.len() * rows.columns()) as u64
}

pub(super) fn keep(
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
    Ok((snapshot.and_then(|snapshot| snapshot.parse().ok()), rows))
}

impl Inner {
    /// The second tier, if results of this plan, type and these options may go there.
    pub(super) fn second_tier_for<V: 'static>(
        &self,
        plan: &Plan,
        options: &ReadOptions,
    ) -> Option<&SecondTier> {
        let tier = self.second_tier.as_ref()?;
        let allowed = plan.shareable && !options.local_only && self.may_share_type::<V>();
        allowed.then_some(tier)
    }

    /// Notes a hit among the keys that are read most, if other processes could find its result.
    #[cold]
    pub(super) fn note_hit<V: 'static>(
        &self,
        plan: &Plan,
        values: &BoundValues,
        options: &ReadOptions,
    ) {
        if let Some(tier) = self.second_tier_for::<V>(plan, options) {
            let key = plan.shared_key(values, options, self.default_ttl);
            tier.hot_keys.hit(key);
        }
    }

    /// Whether results of this type may be kept outside of this process.
    pub(super) fn may_share_type<V: 'static>(&self) -> bool {
        !self.local_types.contains(&TypeId::of::<V>())
    }

    /// Whether results are verified, and have to be told from each other for that.
    pub(crate) fn verifies(&self) -> bool {
        self.shadow.is_on()
    }
}
