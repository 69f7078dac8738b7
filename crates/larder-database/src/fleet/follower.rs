//! The follower: looks into the log for what others have written, and keeps the lease.

use std::sync::{Arc, Weak};
use std::time::Duration;

use larder_cache::{Cause, Moment, Snapshot, Touched, TransactionId};
use larder_pool::Connection;
use tokio::time::{Instant, sleep, timeout};

use super::members::{Fleet, apply};
use super::poll::{Look, database, poll};
use super::reading;
use super::second_tier::SecondTier;
use super::statistics::count;
use crate::database::Inner;
use crate::events::CacheEvent;
use crate::sql::sql;
use crate::{Error, log, switches};

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
}

impl Follower {
    /// Begins to follow: notes which history this is, and learns what the log still tells.
    ///
    /// # Errors
    ///
    /// If the server does not answer, is a standby, or has no log that can be read.
    pub(crate) async fn begin(
        fleet: &Fleet,
        mut connection: Connection,
        definitions: Option<u64>,
    ) -> Result<Self, Error> {
        let database = database(&mut connection).await?;
        let History {
            name,
            seen,
            horizon,
        } = read_history(fleet, &mut connection, &database, definitions).await?;
        Ok(Self {
            connection,
            database,
            history: name,
            seen,
            horizon,
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
    definitions: Option<u64>,
) -> Result<History, Error> {
    fleet.forget();
    let seen = if fleet.settings.remember {
        reading::read(connection, &fleet.knowledge, definitions).await?
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
    const PAUSE: Duration = Duration::from_millis(20);
    let mut failed = 0_u32;
    let mut has_lease = true;
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
        let looked = look(&inner, &fleet, &mut follower).await;
        tell_of_lease(&inner, &mut has_lease);
        match looked {
            Ok(()) => {
                if failed > 0 {
                    tracing::info!("the log of invalidations is followed again");
                }
                failed = 0;
                tend(&inner, &mut follower, &mut pruned).await;
            }
            Err(error) => {
                fleet.counters.failed(&error);
                failed = failed.saturating_add(1);
                report(failed, &error);
                let connecting =
                    async { follower.reconnect(inner.connect_follower().await?).await };
                // It is tried again, and its error is that of the next look.
                timeout(CONNECT, connecting).await.ok();
            }
        }
        drop(inner);
        sleep(PAUSE).await;
        let rest = pause_after(failed, fleet.settings.poll_interval).saturating_sub(PAUSE);
        if timeout(rest, fleet.wake.notified()).await.is_ok() {
            count(&fleet.counters.hinted, 1);
        }
    }
}

/// How long connecting may take after a failed look.
const CONNECT: Duration = Duration::from_secs(10);

/// How long until the next look: after failures ever longer, and not the same in all processes.
fn pause_after(failed: u32, poll_interval: Duration) -> Duration {
    match failed {
        0..=2 => poll_interval,
        _ => poll_interval.mul_f64(f64::from(failed.min(8)) * (0.5 + fastrand::f64() / 2.0)),
    }
}

/// Looks into the log once, applies what is new and renews the lease.
async fn look(inner: &Inner, fleet: &Arc<Fleet>, follower: &mut Follower) -> Result<(), Error> {
    // What was committed before this moment is seen. Taken before anything is sent.
    let began = inner.cache.clock().now();
    let looked = async {
        write_unlogged(fleet, &mut follower.connection).await?;
        match poll(&mut follower.connection, &follower.seen).await {
            // What is wrong with the log itself comes with its cure.
            Err(error) if error.server_error().is_some() => {
                log::ensure(&mut follower.connection, false).await?;
                Err(error)
            }
            polled => polled,
        }
    };
    let looked = timeout(fleet.settings.max_staleness, looked).await;
    let look = looked.map_err(|_| Error::LogLate)??;
    let switched = look.rows.iter().any(|(_, row)| row.changes_switches());
    if go_on(inner, fleet, follower, look).await? || switched {
        switches::load(inner, &mut follower.connection).await?;
    }
    renew(inner, fleet, began);
    Ok(())
}

/// Tells those who listen whether what is kept may be served, if that has changed.
fn tell_of_lease(inner: &Inner, has_lease: &mut bool) {
    let had_lease = *has_lease;
    *has_lease = inner.cache.lease().holds(inner.cache.clock().now());
    match (had_lease, *has_lease) {
        (true, false) => inner.events.send(|| CacheEvent::LeaseLost),
        (false, true) => inner.events.send(|| CacheEvent::LeaseRegained),
        _ => {}
    }
}

fn renew(inner: &Inner, fleet: &Fleet, began: Moment) {
    let took = inner.cache.clock().now().since(began);
    inner
        .cache
        .lease()
        .renew(began, fleet.settings.max_staleness);
    fleet.counters.looked(began, took);
}

/// Applies what a look has told; says whether it was another history, and everything was begun
/// anew.
async fn go_on(
    inner: &Inner,
    fleet: &Fleet,
    follower: &mut Follower,
    look: Look,
) -> Result<bool, Error> {
    let history = format!("{} {}", follower.database, look.epoch);
    // A server that was set back without anybody telling it: it gives ids again.
    let set_back = look.snapshot.next() < follower.seen.next();
    if history != follower.history || set_back {
        tracing::warn!(
            "the database has another history than before: nothing that was cached is used"
        );
        count(&fleet.counters.histories, 1);
        inner.events.send(|| CacheEvent::HistoryChanged);
        begin_anew(inner, fleet, follower).await?;
        return Ok(true);
    }
    if look.is_cut_off {
        tracing::info!("there is too much news in the log of invalidations: the cache begins anew");
        begin_anew(inner, fleet, follower).await?;
        return Ok(true);
    }
    if has_gap(follower, &look) {
        tracing::warn!(
            "the log of invalidations was pruned beyond what was read: the cache begins anew"
        );
        count(&fleet.counters.gaps, 1);
        inner.events.send(|| CacheEvent::LogGap);
        begin_anew(inner, fleet, follower).await?;
        return Ok(true);
    }
    fleet.knowledge.raise_horizon(look.horizon);
    let mut news = Vec::with_capacity(look.rows.len());
    // With a change of definitions among them, it is not known which of the others came after it.
    let changed = look.rows.iter().any(|(_, row)| row.changes_definitions());
    let definitions = inner.picture.definitions().filter(|_| !changed);
    for (transaction, touched) in look.rows {
        // An own write too, if it was applied by definitions that were no longer right.
        if !(fleet.is_applied(transaction, &touched) && touched.is_known_by(definitions)) {
            let touched = as_known(inner, touched, definitions);
            // All of it before the first is applied: whoever begins to read after that, knows.
            fleet.learn(&touched, transaction);
            news.push(touched);
        }
    }
    fleet.forget_applied(&look.snapshot);
    count(&fleet.counters.rows, news.len() as u64);
    for touched in &news {
        if touched.changes_definitions() {
            inner.picture.changed();
        }
        inner.watcher.heat.wrote(touched);
        apply(&inner.cache, touched, Cause::Remote);
    }
    follower.horizon = look.horizon;
    follower.seen = look.snapshot;
    Ok(false)
}

/// What a row says, or everything if its writer knew other definitions: it cannot have known what
/// else it touched.
fn as_known(inner: &Inner, touched: Touched, definitions: Option<u64>) -> Touched {
    if touched.is_known_by(definitions) {
        return touched;
    }
    // One of the two has missed a change of definitions. If it is this process, it looks now.
    if inner.picture.may_look_for_a_table() {
        inner.picture.changed();
    }
    Touched::everything()
}

/// Reads the whole log, and serves nothing from before.
async fn begin_anew(inner: &Inner, fleet: &Fleet, follower: &mut Follower) -> Result<(), Error> {
    // First of all: what is known is forgotten, so nothing may be judged by it any more.
    inner.cache.lease().end();
    let definitions = inner.picture.definitions();
    let read = read_history(
        fleet,
        &mut follower.connection,
        &follower.database,
        definitions,
    )
    .await?;
    (follower.history, follower.seen, follower.horizon) = (read.name, read.seen, read.horizon);
    // Keys begin with the history.
    inner.picture.forget();
    inner.cache.invalidate_everything(Cause::Gap);
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
async fn tend(inner: &Arc<Inner>, follower: &mut Follower, pruned: &mut Instant) {
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
    if inner.picture.current().is_none() {
        // Beside the follower, which must not wait: a large catalog takes its time.
        let inner = Arc::clone(inner);
        tokio::spawn(async move {
            if let Err(error) = retake(&inner).await {
                tracing::debug!("failed to look at the catalog: failed to {error}");
            }
        });
    }
}

/// Takes a picture of the catalog, so that what this process writes counts for single tables. On a
/// connection of its own: it is not to wait for those that wait for the picture.
async fn retake(inner: &Inner) -> Result<(), Error> {
    let Some(_turn) = inner.picture.turn_if_free() else {
        return Ok(());
    };
    let mut connection = inner.pool.connect_apart(|_, _| {}).await?;
    if inner.picture.current().is_none() && inner.picture.refresh(&mut connection).await? {
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
