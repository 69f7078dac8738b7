//! The follower: looks into the log for what others have written, and keeps the lease.

use std::sync::{Arc, Weak};
use std::time::Duration;

use larder_cache::{Cause, Moment};
use larder_pool::Connection;
use tokio::time::{Instant, sleep, timeout};

use super::history::{Follower, begin_anew};
use super::members::Fleet;
use super::news::go_on;
use super::poll::poll;
use super::statistics::count;
use crate::database::Inner;
use crate::events::CacheEvent;
use crate::sql::sql;
use crate::warming::answer_requests;
use crate::{Error, log, switches};

/// Follows the log until the database is shut down or nobody holds it any more.
pub(crate) async fn follow(database: Weak<Inner>, mut follower: Follower) {
    /// However many hints come, the log is not looked at more often.
    const PAUSE: Duration = Duration::from_millis(20);
    let mut failed = 0_u32;
    let mut has_lease = true;
    let mut chores = Chores::default();
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
                if std::mem::take(&mut follower.must_warm) {
                    tokio::spawn(answer_requests(Arc::downgrade(&inner)));
                }
                chores.tend(&inner, &mut follower).await;
            }
            Err(error) => {
                fleet.counters.failed(&error);
                failed = failed.saturating_add(1);
                report(failed, &error);
                // What is late may still come: a slow database must not cost all that is kept.
                let is_late = matches!(error, Error::LogLate);
                if is_late && failed <= PATIENCE && !follower.has_ended() {
                    continue;
                }
                let connecting =
                    async { follower.reconnect(inner.connect_follower().await?).await };
                // If it fails, its error is that of the next look.
                let connected = timeout(CONNECT, connecting).await;
                if failed == 1 && matches!(connected, Ok(Ok(()))) {
                    continue;
                }
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

/// After how many late looks in a row another connection is tried.
const PATIENCE: u32 = 3;

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
    let began = inner.cache.lease_clock().now();
    if follower.is_lost {
        begin_anew(inner, fleet, follower).await?;
    }
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
    go_on(inner, fleet, follower, look).await?;
    if follower.must_load_switches {
        switches::load(inner, &mut follower.connection).await?;
        follower.must_load_switches = false;
    }
    renew(inner, fleet, began);
    Ok(())
}

/// Tells those who listen whether what is kept may be served, if that has changed.
fn tell_of_lease(inner: &Inner, has_lease: &mut bool) {
    let had_lease = *has_lease;
    *has_lease = inner.cache.lease().holds(inner.cache.lease_clock().now());
    match (had_lease, *has_lease) {
        (true, false) => inner.events.send(|| CacheEvent::LeaseLost),
        (false, true) => inner.events.send(|| CacheEvent::LeaseRegained),
        _ => {}
    }
}

fn renew(inner: &Inner, fleet: &Fleet, began: Moment) {
    let took = inner.cache.lease_clock().now().since(began);
    inner
        .cache
        .lease()
        .renew(began, fleet.settings.max_staleness);
    fleet.looked(began);
    fleet.counters.looked(began, took);
}

/// Writes rows for what is being written at this moment and has none, and for what the others have
/// not been told of yet.
async fn write_unlogged(fleet: &Fleet, connection: &mut Connection) -> Result<(), Error> {
    let owed = fleet.owed();
    let touched = fleet.all_unlogged().and(&owed);
    if !touched.is_empty() {
        let row = fleet.row(&touched);
        sql(row)
            .fetch_scalar_on::<Option<String>>(connection)
            .await?;
        fleet.told(&owed);
    }
    Ok(())
}

/// What else is done from time to time.
struct Chores {
    pruned: Instant,
    retaken: Option<Instant>,
}

impl Default for Chores {
    fn default() -> Self {
        Self {
            pruned: Instant::now(),
            retaken: None,
        }
    }
}

impl Chores {
    /// How often somebody tries to empty the partition that is written next.
    const PRUNE: Duration = Duration::from_secs(60);
    /// How often the catalog is looked at, at most.
    const RETAKE: Duration = Duration::from_millis(200);

    async fn tend(&mut self, inner: &Arc<Inner>, follower: &mut Follower) {
        if self.pruned.elapsed() >= Self::PRUNE {
            // Not all processes at the same time.
            self.pruned = Instant::now() + Self::PRUNE.mul_f64(fastrand::f64() / 2.0);
            let emptied = sql("SELECT larder.prune()");
            let emptied = emptied.fetch_scalar_on::<bool>(&mut follower.connection);
            if let Err(error) = emptied.await {
                tracing::warn!("failed to prune the log of invalidations: failed to {error}");
            }
        }
        let is_due = self
            .retaken
            .is_none_or(|retaken| retaken.elapsed() >= Self::RETAKE);
        if is_due && inner.picture.current().is_none() {
            self.retaken = Some(Instant::now());
            // Beside the follower, which must not wait: a large catalog takes its time.
            let inner = Arc::clone(inner);
            tokio::spawn(async move {
                if let Err(error) = retake(&inner).await {
                    tracing::debug!("failed to look at the catalog: failed to {error}");
                }
            });
        }
    }
}

/// Takes a picture of the catalog, so that what this process writes counts for single tables. On a
/// connection of its own: it is not to wait for those that wait for the picture.
async fn retake(inner: &Inner) -> Result<(), Error> {
    let mut connection = inner.pool.connect_apart(|_, _| {}).await?;
    connection.set_answer_timeout(Some(CONNECT));
    let Some(_turn) = inner.picture.turn_if_free() else {
        return Ok(());
    };
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
