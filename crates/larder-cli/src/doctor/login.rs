//! Whether the role may log in to the database, as a service does.

use std::time::Instant;

use larder_database::{CacheMode, Database, DatabaseOptions, Error};
use larder_pool::{ConnectErrorCause, TlsMode};

use super::check::{Outcome, Verdict};

/// One connection for what is asked, and one to see what a pooler does with two.
const CONNECTIONS: usize = 2;

/// Logs in.
pub(super) async fn check(mut options: DatabaseOptions) -> Outcome<Database> {
    options.pool.size = CONNECTIONS;
    options.pool.overflow = 0;
    // These would be more connections.
    options.pool.lanes.count = 0;
    options.cache.enabled = false;
    // It reads nothing twice, and there may be no log yet.
    options.cache.mode = CacheMode::Local;
    options.queries.metrics = false;
    options.redis = None;
    let target = options.connect.target();
    let proven = match options.connect.tls.mode {
        TlsMode::VerifyFull => ", certificate verified for the host",
        TlsMode::VerifyCa => ", authority of the certificate verified",
        _ => "",
    };
    let began = Instant::now();
    match Database::open(options).await {
        Ok(database) => {
            let taken = began.elapsed().as_secs_f64() * 1e3;
            let (user, name) = (&target.user, &target.database);
            let seen = format!("as {user} on {name} in {taken:.0} ms{proven}");
            Outcome::found(vec![Verdict::ok(seen)], database)
        }
        Err(error) => {
            let cure = cure(&error);
            Outcome::missing(Verdict::failure(format!("failed to {error}"), cure))
        }
    }
}

fn cure(error: &Error) -> &'static str {
    let Error::Pool(larder_pool::Error::Connect(error)) = error else {
        return "let the role read the system catalogs, as every role may by default; behind a \
                pooler in transaction mode, set database.pooler to transaction";
    };
    match error.cause() {
        ConnectErrorCause::Authentication => {
            "correct user and password in database.url (percent-encode special characters), or \
             what pg_hba.conf demands of this role from this address"
        }
        ConnectErrorCause::UnknownDatabase => {
            "correct the name of the database in database.url, or create it: CREATE DATABASE"
        }
        ConnectErrorCause::TooManyConnections => {
            "raise max_connections, lower the pools of all services, or put a pooler in between"
        }
        ConnectErrorCause::Tls => {
            "see database.tls and database.tls_root_certificate: the certificate has to be \
             signed by a trusted authority, and for verify-full it has to name the host"
        }
        ConnectErrorCause::NotReady => "wait until the server has started or recovered",
        ConnectErrorCause::TimedOut => {
            "raise database.connect_timeout where the server wakes up first, or see what is slow"
        }
        _ => "see the log of the server for why it refused",
    }
}
