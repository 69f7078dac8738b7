//! TLS to a real PostgreSQL: which servers each mode accepts, who we are to the server, and
//! that logging in notices somebody in between.

pub(crate) mod certificates;
mod channel_binding;
mod client_certificates;
mod matrix;
pub(crate) mod server;

use larder_database::sql;
use larder_pool::{ConnectErrorCause, ConnectOptions, Error, Pool, PoolOptions};

use crate::support::PATIENCE;

/// How an attempt to connect ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Connected, in the clear.
    Clear,
    /// Connected through TLS.
    Encrypted,
    Refused(ConnectErrorCause),
    /// The options were not accepted.
    Unusable,
}

/// Connects, asks the server whether it sees TLS, and closes the connection.
async fn connect(url: &str) -> (Outcome, String) {
    let options = match ConnectOptions::parse(url) {
        Ok(options) => options,
        Err(error) => return (Outcome::Unusable, error.to_string()),
    };
    let pool = match Pool::open(options, PoolOptions::named("tls")).await {
        Ok(pool) => pool,
        Err(Error::Connect(error)) => {
            return (Outcome::Refused(error.cause()), error.to_string());
        }
        Err(Error::Options(problem)) => return (Outcome::Unusable, problem),
        Err(other) => panic!("not an error of connecting: {other}"),
    };
    let mut session = pool.session().await.unwrap();
    let encrypted: bool = sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        .fetch_scalar_on(&mut session)
        .await
        .unwrap();
    drop(session);
    pool.shutdown(PATIENCE).await.unwrap();
    match encrypted {
        true => (Outcome::Encrypted, String::new()),
        false => (Outcome::Clear, String::new()),
    }
}
