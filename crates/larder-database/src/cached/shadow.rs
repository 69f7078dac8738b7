//! Verifying what is served: a share of the hits is read again from the database and compared.
//!
//! Nothing depends on it but trust. What it finds is what no test can: writes that go past Larder
//! without a trigger that tells of them, and functions that are not what they were declared to be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel::pg::Pg;
use diesel::query_builder::{QueryFragment, QueryId};
use larder_cache::{EntryStamp, Key};
use larder_pool::{OwnedQuery, PortableRows};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::options::ReadOptions;
use super::plan::Plan;
use super::run::rows;
use crate::database::Inner;
use crate::events::CacheEvent;
use crate::request_scope::RequestScope;
use crate::{Database, Error};

/// What became of hits that were read again from the database (`cache.shadow`).
///
/// Verified are reads of one statement, while they are served from this process; not those that
/// are kept [for their time alone](crate::CachedQuery::ttl_only) or [may change by
/// themselves](crate::CachedQuery::allow_volatile). A statement that leaves it to the server what
/// it returns, as `LIMIT` without an order that is unique does, can be reported without being wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ShadowStatistics {
    /// Hits that were compared with what the database returns.
    pub verified: u64,
    /// Those that were equal.
    pub equal: u64,
    /// Those that were not, and were no longer served when that was looked into: something was
    /// written meanwhile.
    pub changed_meanwhile: u64,
    /// Those that were not, and were still served after every write must have been heard of. Each
    /// is logged as an error.
    pub violations: u64,
    /// Hits that were not compared because two others were, all connections were in use, or
    /// definitions had changed.
    pub skipped: u64,
    /// Hits that could not be compared because the database failed.
    pub failed: u64,
}

/// Which hits are verified, and what became of them.
pub(crate) struct Shadow {
    /// The share of hits, from 0 to 1.
    share: f64,
    running: Arc<Semaphore>,
    counters: Counters,
}

/// Relaxed: nothing is concluded from them.
#[derive(Default)]
struct Counters {
    equal: AtomicU64,
    changed_meanwhile: AtomicU64,
    violations: AtomicU64,
    skipped: AtomicU64,
    failed: AtomicU64,
}

/// What a comparison has shown.
enum Verdict {
    Equal,
    ChangedMeanwhile,
    Violation { name: String },
    Skipped,
}

/// A hit that is verified.
struct Hit {
    key: Key,
    plan: Arc<Plan>,
    query: OwnedQuery,
    scope: Option<Arc<RequestScope>>,
    dependencies: Vec<String>,
}

impl Shadow {
    /// How many are verified at a time.
    const MOST: usize = 2;

    pub(crate) fn new(share: f64) -> Self {
        Self {
            share,
            running: Arc::new(Semaphore::new(Self::MOST)),
            counters: Counters::default(),
        }
    }

    /// Whether results are verified at all.
    pub(crate) fn is_on(&self) -> bool {
        self.share > 0.0
    }

    /// Whether this hit is.
    #[inline]
    pub(super) fn draws(&self) -> bool {
        self.share > 0.0 && fastrand::f64() < self.share
    }

    pub(crate) fn statistics(&self) -> ShadowStatistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        let (equal, violations) = (read(&counters.equal), read(&counters.violations));
        let changed_meanwhile = read(&counters.changed_meanwhile);
        ShadowStatistics {
            verified: equal + changed_meanwhile + violations,
            equal,
            changed_meanwhile,
            violations,
            skipped: read(&counters.skipped),
            failed: read(&counters.failed),
        }
    }
}

impl Inner {
    /// Verifies a hit in the background, if there is room for that.
    #[cold]
    pub(super) fn verify<Q>(
        self: &Arc<Self>,
        key: Key,
        plan: Arc<Plan>,
        query: &Q,
        options: &ReadOptions,
    ) where
        Q: QueryFragment<Pg> + QueryId,
    {
        if options.ttl_only || options.allow_volatile {
            return;
        }
        let counters = &self.shadow.counters;
        let status = self.pool.status();
        let is_free = status.waiting == 0 && status.in_use < status.size.max(1);
        let permit = Arc::clone(&self.shadow.running).try_acquire_owned();
        let (true, Ok(permit)) = (is_free, permit) else {
            count(&counters.skipped);
            return;
        };
        let Ok(query) = OwnedQuery::of(query, &self.pool) else {
            count(&counters.failed);
            return;
        };
        let hit = Hit {
            key,
            dependencies: self.names_of_dependencies(&plan, options),
            plan,
            query,
            scope: options.scope.clone(),
        };
        let inner = Arc::clone(self);
        tokio::spawn(async move {
            let _permit = permit;
            let counters = &inner.shadow.counters;
            match inner.compare(&hit).await {
                Ok(Verdict::Equal) => {
                    count(&counters.equal);
                    hit.plan.class.verified(true);
                }
                Ok(Verdict::ChangedMeanwhile) => {
                    count(&counters.changed_meanwhile);
                    hit.plan.class.verified(true);
                }
                Ok(Verdict::Skipped) => count(&counters.skipped),
                Ok(Verdict::Violation { name }) => {
                    count(&counters.violations);
                    hit.plan.class.verified(false);
                    inner.report(hit, name);
                }
                Err(error) => {
                    count(&counters.failed);
                    tracing::debug!("failed to verify a result: failed to {error}");
                }
            }
        });
    }

    /// Compares what is served with what the database returns.
    async fn compare(&self, hit: &Hit) -> Result<Verdict, Error> {
        let Some(served) = self.cache.stamp(hit.key) else {
            return Ok(Verdict::ChangedMeanwhile);
        };
        let Some(kept) = served.digest else {
            return Ok(Verdict::Skipped);
        };
        match self.digest_now(hit).await? {
            None => return Ok(Verdict::Skipped),
            Some(now) if now == kept => return Ok(Verdict::Equal),
            Some(_) => {}
        }
        // Whoever wrote that may still be about to hear that it was committed, or we of it.
        sleep(self.grace()).await;
        if !self.is_served(hit, served) {
            return Ok(Verdict::ChangedMeanwhile);
        }
        match self.digest_now(hit).await? {
            None => return Ok(Verdict::Skipped),
            Some(now) if now == kept => return Ok(Verdict::Equal),
            Some(_) => {}
        }
        let name = self.cache.explain(hit.key).map(|entry| entry.name);
        Ok(match name {
            Some(name) if self.is_served(hit, served) => Verdict::Violation { name },
            _ => Verdict::ChangedMeanwhile,
        })
    }

    /// After which time every write that the database has shown must have been heard of here.
    fn grace(&self) -> Duration {
        /// A write of this process that was committed just now, and whose answer is on its way.
        const ANSWER: Duration = Duration::from_millis(100);
        let fleet = self.fleet.as_ref();
        fleet.map_or(ANSWER, |fleet| fleet.settings.max_staleness)
    }

    fn is_served(&self, hit: &Hit, stamp: EntryStamp) -> bool {
        self.cache.stamp(hit.key) == Some(stamp)
    }

    /// What tells what the database returns now from other results; `None` where the statement
    /// might not mean the same.
    async fn digest_now(&self, hit: &Hit) -> Result<Option<u128>, Error> {
        let mut session = self.session_in(hit.scope.as_deref()).await?;
        if !self.same_settings(&session, hit.plan.generation) {
            return Ok(None);
        }
        let rows = rows(&mut session, hit.query.clone()).await?;
        Ok(Some(PortableRows::of(&rows).digest()))
    }

    fn names_of_dependencies(&self, plan: &Plan, options: &ReadOptions) -> Vec<String> {
        let state = self.picture.current();
        let tables = plan.verdict.iter().flat_map(|reads| reads.tables.iter());
        let name = |oid: u32| {
            let state = state.as_ref()?;
            let name = state.catalog.table(larder_sql::catalog::TableId(oid))?;
            Some(name.to_string())
        };
        let names = tables.map(|table| name(table.0).unwrap_or_else(|| table.0.to_string()));
        let others = options.dependencies().map(|other| format!("{other:?}"));
        names.chain(others).collect()
    }

    fn report(&self, hit: Hit, name: String) {
        let statement = hit.plan.profile.normalised.to_string();
        tracing::error!(
            key = %hit.key,
            name,
            statement,
            dependencies = hit.dependencies.join(", "),
            "a result in the cache is not what the database returns: something writes past Larder, or a function is not what it is declared to be"
        );
        self.events.send(|| CacheEvent::ShadowViolation {
            key: hit.key.to_string(),
            name,
            statement,
            dependencies: hit.dependencies,
        });
    }
}

impl Database {
    /// What became of hits that were read again from the database, by `cache.shadow`.
    pub fn shadow_statistics(&self) -> ShadowStatistics {
        self.inner().shadow.statistics()
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
