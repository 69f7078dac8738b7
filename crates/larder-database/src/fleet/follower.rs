//! The follower: looks into the log for what others have written, and keeps the lease.

use std::sync::{Arc, Weak};
use std::time::Duration;

use larder_cache::{Cause, Moment, Snapshot, TransactionId};
use larder_pool::Connection;
use tokio::time::{Instant, sleep, timeout};

use super::members::{Fleet, apply};
use super::poll::{Look, database, poll};
use super::reading;
use super::second_tier::SecondTier;
use super::statistics::count;
use crate::coherence::Picture;
use crate::database::Inner;
use crate::sql::sql;
use crate::{Error, switches};

/// Where this process stands in the log.
pub(crate) struct Follower {
    connection: Connection,
    /// Which database the connection leads to.
    database: String,
    history: String,
    /// Everything that this saw has been applied.
    seen: Snapshot,
    /// What was pruned from the log when it was last looked at.
    horizon: TransactionId,
    /// What is switched off has changed, and was not read since.
    switched: bool,
}

impl Follower {
    /// Begins to follow: notes which history this is, and learns what the log still tells.
    ///
    /// # Errors
    ///
    /// If the server does not answer, is a standby, or has no log that can be read.
    pub(crate) async fn begin(fleet: &Fleet, mut connection: Connection) -> Result<Self, Error> {
        let database = database(&mut connection).await?;
        let History {
            name,
            seen,
            horizon,
        } = read_history(fleet, &mut connection, &database).await?;
        Ok(Self {
            connection,
            database,
            history: name,
            seen,
            horizon,
            switched: false,
        })
    }

    /// Lets processes on this database hint to each other through Redis.
    pub(crate) fn hint_through(&self, tier: &SecondTier, fleet: &Fleet) {
        let channel = tier.channel(&self.database);
        let wake = Arc::clone(&fleet.wake);
        tier.redis().on_hint(&channel, move || wake.notify_one());
        let redis = tier.redis().clone();
        fleet.announce_by(Box::new(move || redis.hint(&channel)));
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Goes on with another connection from where it stands.
    async fn reconnect(&mut self, mut connection: Connection) -> Result<(), Error> {
        self.database = database(&mut connection).await?;
        self.connection = connection;
        Ok(())
    }
}

/// A history of a database, as far as it was read.
struct History {
    name: String,
    seen: Snapshot,
    horizon: TransactionId,
}

/// Which history this is, and all that the log of it tells.
async fn read_history(
    fleet: &Fleet,
    connection: &mut Connection,
    database: &str,
) -> Result<History, Error> {
    fleet.forget();
    let seen = if fleet.settings.remember {
        reading::read(connection, &fleet.knowledge).await?
    } else {
        reading::snapshot(connection).await?
    };
    // The horizon after the rows: a partition may have been emptied just before.
    let look = poll(connection, &seen).await?;
    fleet.knowledge.raise_horizon(look.horizon);
    let name = format!("{database} {}", look.epoch);
    fleet.set_identity(name.clone());
    Ok(History {
        name,
        seen,
        horizon: look.horizon,
    })
}

/// Follows the log until the database is shut down or nobody holds it any more.
pub(crate) async fn follow(database: Weak<Inner>, mut follower: Follower) {
    /// However many hints come, the log is not looked at more often.
    const PAUSE: Duration = Duration::from_millis(5);
    let mut failed = 0_u32;
    let mut pruned = Instant::now();
    loop {
        let Some(inner) = database.upgrade() else {
            return;
        };
        let Some(fleet) = inner.fleet.clone() else {
            return;
        };
        if inner.pool.is_shut_down() {
            inner.cache.lease().end();
            return;
        }
        match look(&inner, &fleet, &mut follower).await {
            Ok(()) => {
                if failed > 0 {
                    tracing::info!("the log of invalidations is followed again");
                }
                failed = 0;
                tend(&inner, &mut follower, &mut pruned).await;
            }
            Err(error) => {
                count(&fleet.counters.failures, 1);
                failed = failed.saturating_add(1);
                report(failed, &error);
                if let Ok(Ok(connection)) =
                    timeout(fleet.settings.max_staleness, inner.connect_follower()).await
                {
                    follower.reconnect(connection).await.ok();
                }
            }
        }
        drop(inner);
        sleep(PAUSE).await;
        let rest = fleet.settings.poll_interval.saturating_sub(PAUSE);
        if timeout(rest, fleet.wake.notified()).await.is_ok() {
            count(&fleet.counters.hinted, 1);
        }
    }
}

/// Looks into the log once, applies what is new and renews the lease.
async fn look(inner: &Inner, fleet: &Arc<Fleet>, follower: &mut Follower) -> Result<(), Error> {
    // What was committed before this moment is seen. Taken before anything is sent.
    let began = inner.cache.clock().now();
    let looked = async {
        write_unlogged(fleet, &mut follower.connection).await?;
        poll(&mut follower.connection, &follower.seen).await
    };
    let looked = timeout(fleet.settings.max_staleness, looked).await;
    let look = looked.map_err(|_| Error::LogLate)??;
    go_on(inner, fleet, follower, look).await?;
    if follower.switched {
        // If it fails, the next look tries again: the rows that tell of it are not found twice.
        switches::load(inner, &mut follower.connection).await?;
        follower.switched = false;
    }
    renew(inner, fleet, began);
    Ok(())
}

fn renew(inner: &Inner, fleet: &Fleet, began: Moment) {
    let took = inner.cache.clock().now().since(began);
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    fleet.counters.took(micros);
    inner
        .cache
        .lease()
        .renew(began, fleet.settings.max_staleness);
}

/// Applies what a look has told, or begins everything anew.
async fn go_on(
    inner: &Inner,
    fleet: &Fleet,
    follower: &mut Follower,
    look: Look,
) -> Result<(), Error> {
    let history = format!("{} {}", follower.database, look.epoch);
    // A server that was set back without anybody telling it: it gives ids again.
    let set_back = look.snapshot.next() < follower.seen.next();
    if history != follower.history || set_back {
        tracing::warn!(
            "the database has another history than before: nothing that was cached is used"
        );
        count(&fleet.counters.histories, 1);
        return begin_anew(inner, fleet, follower).await;
    }
    if has_gap(follower, &look) {
        tracing::warn!(
            "the log of invalidations was pruned beyond what was read: the cache begins anew"
        );
        count(&fleet.counters.gaps, 1);
        return begin_anew(inner, fleet, follower).await;
    }
    fleet.knowledge.raise_horizon(look.horizon);
    let mut news = Vec::with_capacity(look.rows.len());
    for (transaction, touched) in look.rows {
        if !fleet.is_applied(transaction) {
            // All of it before the first is applied: whoever begins to read after that, knows.
            fleet.learn(&touched, transaction);
            news.push(touched);
        }
    }
    count(&fleet.counters.rows, news.len() as u64);
    for touched in &news {
        if touched.changes_definitions() {
            inner.picture.changed();
        }
        follower.switched |= touched.changes_switches();
        inner.watcher.heat.wrote(touched);
        apply(&inner.cache, touched, Cause::Remote);
    }
    fleet.settle(&look.snapshot);
    follower.horizon = look.horizon;
    follower.seen = look.snapshot;
    Ok(())
}

/// Reads the whole log, and serves nothing from before.
async fn begin_anew(inner: &Inner, fleet: &Fleet, follower: &mut Follower) -> Result<(), Error> {
    // First of all: what is known is forgotten, so nothing may be judged by it any more.
    inner.cache.lease().end();
    let read = read_history(fleet, &mut follower.connection, &follower.database).await?;
    (follower.history, follower.seen, follower.horizon) = (read.name, read.seen, read.horizon);
    // Keys begin with the history.
    inner.picture.forget();
    inner.cache.invalidate_everything(Cause::Gap);
    follower.switched = true;
    Ok(())
}

/// Whether rows were pruned that have not been read: of transactions that were not there yet, or
/// were running, when the log was last looked at.
fn has_gap(follower: &Follower, look: &Look) -> bool {
    if look.horizon <= follower.horizon {
        return false;
    }
    let is_lost = |id: &TransactionId| {
        *id < look.horizon
            && look.snapshot.sees(*id)
            && look.rows.iter().all(|(found, _)| found != id)
    };
    follower.seen.next() < look.horizon || follower.seen.running().iter().any(is_lost)
}

/// Writes rows for what is being written at this moment and has none.
async fn write_unlogged(fleet: &Arc<Fleet>, connection: &mut Connection) -> Result<(), Error> {
    for touched in fleet.all_unlogged() {
        let row = fleet.row(&touched);
        sql(row).fetch_scalar_on::<String>(connection).await?;
    }
    Ok(())
}

/// What else is done from time to time on the follower's connection.
async fn tend(inner: &Inner, follower: &mut Follower, pruned: &mut Instant) {
    /// How often somebody tries to empty the partition that is written next.
    const PRUNE: Duration = Duration::from_secs(60);
    if pruned.elapsed() >= PRUNE {
        // Not all processes at the same time.
        *pruned = Instant::now() + PRUNE.mul_f64(fastrand::f64() / 2.0);
        let emptied =
            sql("SELECT larder.prune()").fetch_scalar_on::<bool>(&mut follower.connection);
        if let Err(error) = emptied.await {
            tracing::warn!("failed to prune the log of invalidations: failed to {error}");
        }
    }
    if inner.picture.current().is_none()
        && let Err(error) = retake(&inner.picture, inner, &mut follower.connection).await
    {
        tracing::debug!("failed to look at the catalog: failed to {error}");
    }
}

/// Takes a picture of the catalog, so that what this process writes counts for single tables.
async fn retake(
    picture: &Picture,
    inner: &Inner,
    connection: &mut Connection,
) -> Result<(), Error> {
    let _turn = picture.turn().await;
    if picture.current().is_none() && picture.refresh(connection).await? {
        inner.cache.invalidate_everything(Cause::Schema);
    }
    Ok(())
}

fn report(failed: u32, error: &Error) {
    // Once, and then ever more rarely.
    if failed.is_power_of_two() {
        tracing::warn!(
            failed,
            "failed to look into the log of invalidations: failed to {error}; without it nothing is served from the cache"
        );
    }
}
