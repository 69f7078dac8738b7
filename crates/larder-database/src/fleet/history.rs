//! Where this process stands in the log, and beginning anew where that cannot be told.

use std::sync::Arc;

use larder_cache::{Cause, Snapshot, TransactionId};
use larder_pool::Connection;

use super::members::Fleet;
use super::poll::{database, poll};
use super::reading;
use super::second_tier::SecondTier;
use crate::Error;
use crate::database::Inner;

/// Where this process stands in the log.
pub(crate) struct Follower {
    pub(super) connection: Connection,
    /// Which database the connection leads to.
    pub(super) database: String,
    pub(super) history: String,
    /// Everything that this saw has been applied.
    pub(super) seen: Snapshot,
    /// What was pruned from the log when it was last looked at.
    pub(super) horizon: TransactionId,
    /// It is not known what has happened since: everything begins anew at the next look.
    pub(super) is_lost: bool,
    /// Somebody has switched something that is not applied here yet.
    pub(crate) must_load_switches: bool,
    /// Somebody has asked for warming.
    pub(super) must_warm: bool,
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
            is_lost: false,
            must_load_switches: true,
            must_warm: false,
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

    /// Whether its connection has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.connection.is_closed()
    }

    /// Goes on with another connection. If the old one has ended by then, it is not known what
    /// happened in between: a server that has crashed may have lost commits, and gives their ids
    /// again.
    pub(super) async fn reconnect(&mut self, mut connection: Connection) -> Result<(), Error> {
        self.database = database(&mut connection).await?;
        self.is_lost |= self.connection.is_closed();
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
    fleet.knowledge.begin(look.horizon);
    let name = format!("{database} {}", look.epoch);
    fleet.set_identity(name.clone());
    Ok(History {
        name,
        seen,
        horizon: look.horizon,
    })
}

/// Reads the log again, and serves nothing from before. It may fail, and is begun again then.
pub(super) async fn begin_anew(
    inner: &Inner,
    fleet: &Fleet,
    follower: &mut Follower,
) -> Result<(), Error> {
    // Before anything is waited for: what is known is forgotten, so nothing may be judged by it,
    // and nothing that was kept by it may be there when the lease holds again.
    follower.is_lost = true;
    inner.cache.lease().end();
    inner.cache.invalidate_everything(Cause::Gap);
    let definitions = inner.picture.definitions();
    let read = read_history(
        fleet,
        &mut follower.connection,
        &follower.database,
        definitions,
    )
    .await?;
    if read.name != follower.history {
        // The connections that there are may lead to a server that went another way.
        fleet.begin_history();
        inner.pool.retire_connections();
    }
    (follower.history, follower.seen, follower.horizon) = (read.name, read.seen, read.horizon);
    // Keys begin with the history.
    inner.picture.forget();
    // What was loaded meanwhile may be of the old one.
    inner.cache.invalidate_everything(Cause::Gap);
    follower.must_load_switches = true;
    follower.is_lost = false;
    Ok(())
}
