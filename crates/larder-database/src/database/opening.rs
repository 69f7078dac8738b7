//! What a database is put together from, and how it begins to follow the log.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use larder_cache::l2::{Codec, Redis, RedisOptions};
use larder_cache::{Cache, CacheOptions, Lease};
use larder_metrics::{CacheRecorder, PoolRecorder};
use larder_pool::{ConnectOptions, Connection, PoolerMode};

use super::Inner;
use crate::events::{CacheEvent, Events};
use crate::fleet::{CHANNEL, Fleet, FleetSettings, Follower, SecondTier};
use crate::options::{CacheMode, CacheSettings, Hints};
use crate::sql::sql;
use crate::warming::HotKeys;
use crate::{Error, log, switches};

impl Inner {
    /// The connection on which the log is followed: beside the pool, so that a pool in use to the
    /// last connection does not cost the lease.
    pub(crate) async fn connect_follower(&self) -> Result<Connection, Error> {
        /// How long the follower waits for anything, so that a connection that is dead in silence
        /// does not end it.
        const ANSWER: Duration = Duration::from_secs(10);
        let wake = self.fleet.as_ref().map(|fleet| Arc::clone(&fleet.wake));
        let on_notification = move |_: &str, _: &str| {
            if let Some(wake) = &wake {
                wake.notify_one();
            }
        };
        // The snapshot of a look has to be taken after its locks, which is so at this level alone.
        // A look has a deadline of its own, and the catalog is read at leisure. Given to the
        // connection, they hold behind a pooler too, where a SET would be somebody else's.
        let settings = [
            ("default_transaction_isolation", "read committed"),
            ("statement_timeout", "0"),
        ];
        let connecting = self.pool.connect_apart_with(&settings, on_notification);
        let mut connection = connecting.await?;
        connection.set_answer_timeout(Some(ANSWER));
        if self
            .fleet
            .as_ref()
            .is_some_and(|fleet| fleet.settings.notify)
        {
            sql(format!("LISTEN {CHANNEL}"))
                .execute_on(&mut connection)
                .await?;
        }
        Ok(connection)
    }

    /// Makes sure that there is a log, learns what it tells, and takes a picture of the catalog:
    /// without it a write would count for everything in all processes.
    pub(super) async fn begin_to_follow(
        &self,
        fleet: &Fleet,
        install_log: bool,
    ) -> Result<Follower, Error> {
        let mut connection = Box::pin(self.connect_follower()).await?;
        Box::pin(log::ensure(&mut connection, install_log)).await?;
        let turn = self.picture.turn().await;
        Box::pin(self.picture.refresh(&mut connection)).await?;
        drop(turn);
        let definitions = self.picture.definitions();
        let began = self.cache.lease_clock().now();
        let mut follower = Follower::begin(fleet, connection, definitions).await?;
        switches::load(self, follower.connection()).await?;
        follower.must_load_switches = false;
        self.cache
            .lease()
            .renew(began, fleet.settings.max_staleness);
        Ok(follower)
    }
}

/// A subscription belongs to a session, and a pooler in transaction mode keeps none.
pub(super) fn refuse_notify_behind_pooler(
    connect: &ConnectOptions,
    settings: &CacheSettings,
) -> Result<(), Error> {
    let listens = settings.mode == CacheMode::Shared && settings.hints == Hints::Notify;
    if listens && connect.pooler == PoolerMode::Transaction {
        return Err(larder_pool::Error::Options(
            "cache.hints = notify needs LISTEN, and a pooler in transaction mode \
             (database.pooler = transaction) keeps no subscription: use redis or off, or the \
             direct URL of the server"
                .to_owned(),
        )
        .into());
    }
    Ok(())
}

/// What notes how connections and loads of the cache fare.
pub(super) fn recorders(name: &str, series: bool) -> (PoolRecorder, CacheRecorder) {
    if series {
        (PoolRecorder::new(name), CacheRecorder::new(name))
    } else {
        (
            PoolRecorder::without_series(name),
            CacheRecorder::without_series(name),
        )
    }
}

/// The processes on the same database, if it is shared.
pub(super) fn fleet(settings: &CacheSettings, has_second_tier: bool) -> Option<Arc<Fleet>> {
    (settings.mode == CacheMode::Shared).then(|| {
        Arc::new(Fleet::new(FleetSettings {
            max_staleness: settings.max_staleness,
            poll_interval: settings.poll_interval.min(settings.max_staleness / 2),
            notify: settings.hints == Hints::Notify,
            remember: has_second_tier,
        }))
    })
}

/// What the processes share through Redis.
pub(super) fn second_tier(
    settings: &CacheSettings,
    redis: Option<RedisOptions>,
    cache: &Cache,
    fleet: Option<&Fleet>,
) -> Result<Option<SecondTier>, Error> {
    let (Some(redis), Some(fleet)) = (redis, fleet) else {
        return Ok(None);
    };
    let codec = Codec {
        compress_above: settings.compress_above,
        seal: settings.seal.clone(),
    };
    Ok(Some(SecondTier::new(
        Redis::open(redis)?,
        codec,
        Arc::clone(&fleet.knowledge),
        cache.clone(),
        &settings.namespace,
        settings.load_lock,
        HotKeys::new(match settings.warm && settings.enabled {
            true => settings.warm_keys,
            false => 0,
        }),
    )))
}

/// Lets those hear who listen what becomes of the cache and of Redis.
pub(super) fn tell_of(events: &Arc<Events>, cache: &Cache, second_tier: Option<&SecondTier>) {
    let heard = Arc::clone(events);
    cache.on_invalidated(move |cause, what| heard.invalidated(cause, what));
    if let Some(tier) = second_tier {
        let heard = Arc::clone(events);
        tier.redis().on_change(move |is_available| {
            heard.send(|| {
                if is_available {
                    CacheEvent::RedisAvailable
                } else {
                    CacheEvent::RedisUnavailable
                }
            });
        });
    }
}

/// The results that this process keeps.
pub(super) fn cache(settings: &CacheSettings, shared: bool) -> Cache {
    let cache = Cache::new(CacheOptions {
        max_entries: settings.max_entries,
        max_bytes: settings.max_bytes,
        cleanup_interval: settings.cleanup_interval,
        clock: settings.clock.clone(),
        lease: if shared {
            Lease::lapsed()
        } else {
            Lease::permanent()
        },
        early_refresh: settings.early_refresh,
        jitter: settings.jitter,
    });
    cache.set_enabled(settings.enabled);
    cache
}

/// What tells this database from others where this process is alone with it. With something that
/// nobody outside knows, so that no value can be chosen to collide with another one's key.
pub(super) fn local_identity(target: &str) -> String {
    let secret = [RandomState::new(), RandomState::new()].map(|state| state.hash_one(0));
    format!("{target} {secret:x?}")
}
