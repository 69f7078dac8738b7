//! The pools that are compared: the same connections, the same statement.

use std::time::Duration;

use diesel::sql_types::BigInt;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use larder_pool::{ConnectOptions, Pool, PoolOptions};

use crate::error::{Error, Result};

/// What the database has to do for a request: some milliseconds of a processor.
const STATEMENT: &str = "(SELECT count(*) FROM generate_series(1, 20000))";

/// A pool, and how it is asked.
#[derive(Clone)]
pub(super) enum Contender {
    Larder(Pool),
    Bb8(bb8::Pool<AsyncDieselConnectionManager<AsyncPgConnection>>),
}

impl Contender {
    /// Larder's pool with its defaults, but for the number of connections.
    pub(super) async fn larder(url: &str, connections: usize, target: Duration) -> Result<Self> {
        let mut options = PoolOptions::named("overload");
        options.size = connections;
        options.overflow = 0;
        options.keep_open = connections;
        options.overload_target = target;
        let pool = Pool::open(ConnectOptions::parse(url)?, options).await?;
        Ok(Self::Larder(pool))
    }

    /// bb8 with its defaults: a caller waits for 30 s, and each connection is pinged before use.
    pub(super) async fn bb8(url: &str, connections: usize) -> Result<Self> {
        let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(url);
        let pool = bb8::Pool::builder()
            .max_size(u32::try_from(connections).unwrap_or(u32::MAX))
            .build(manager)
            .await
            .map_err(|error| Error::Peer(error.to_string()))?;
        Ok(Self::Bb8(pool))
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Larder(_) => "larder",
            Self::Bb8(_) => "bb8",
        }
    }

    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Larder(_) => "Larder's pool",
            Self::Bb8(_) => "bb8 + diesel-async, as they come",
        }
    }

    /// One request. `false` where it was refused.
    pub(super) async fn serve(&self) -> bool {
        let query = diesel::select(diesel::dsl::sql::<BigInt>(STATEMENT));
        match self {
            Self::Larder(pool) => {
                let Ok(mut session) = pool.session().await else {
                    return false;
                };
                query.get_result::<i64>(&mut *session).await.is_ok()
            }
            Self::Bb8(pool) => {
                let Ok(mut connection) = pool.get().await else {
                    return false;
                };
                query.get_result::<i64>(&mut *connection).await.is_ok()
            }
        }
    }
}
