//! Making connections: several hosts, kinds of servers, passwords that change.

mod hosts;
mod passwords;
mod session_attributes;

use std::sync::Arc;

use larder_pool::{ConnectError, ConnectOptions, Error, Pool, PoolOptions};

/// A pool of one connection that has not connected yet.
fn pool(options: ConnectOptions) -> Pool {
    let mut pool = PoolOptions::named("connector");
    pool.size = 1;
    pool.overflow = 0;
    Pool::open_lazily(options, pool).unwrap()
}

/// Why connecting fails, which it must.
async fn refusal(options: ConnectOptions) -> Arc<ConnectError> {
    match Pool::open(options, PoolOptions::named("connector")).await {
        Err(Error::Connect(error)) => error,
        other => panic!("not an error of connecting: {other:?}"),
    }
}
