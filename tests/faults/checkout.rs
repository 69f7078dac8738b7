//! What the faults around the checkout of a connection need.

use diesel::sql_types::Integer;
use diesel_async::RunQueryDsl;
use larder_pool::{ConnectOptions, Error, Pool, PoolOptions, Session};

/// A pool whose connections are called `checkout`, as the pool is.
pub(super) async fn pool_of(url: &str, change: impl FnOnce(&mut PoolOptions)) -> Pool {
    let connect = ConnectOptions::parse(url)
        .unwrap()
        .application_name("checkout");
    let mut options = PoolOptions::named("checkout");
    change(&mut options);
    Pool::open(connect, options).await.unwrap()
}

/// The process of the server behind a session.
pub(super) async fn backend(session: &mut Session) -> Result<i32, Error> {
    diesel::select(diesel::dsl::sql::<Integer>("pg_backend_pid()"))
        .get_result(&mut *session)
        .await
        .map_err(|error| Error::statement(error, session.last_server_error()))
}

/// A statement that runs until it is ended.
pub(super) async fn sleep(session: &mut Session) -> Result<(), Error> {
    diesel::sql_query("SELECT pg_sleep(1000)")
        .execute(&mut *session)
        .await
        .map(|_| ())
        .map_err(|error| Error::statement(error, session.last_server_error()))
}
