//! From an error to what exactly is wrong and what to do about it.

use larder_database::Error;
use larder_pool::{ConnectError, ConnectErrorCause};

/// What is wrong, as one word, and what to do about it, in words.
pub(super) type Diagnosis = (&'static str, &'static str);

/// What no answer in time means.
pub(super) const SILENT: Diagnosis = (
    "silent",
    "see whether the server is overloaded or stopped (its load, its log, pg_stat_activity), and whether a firewall drops what is sent there",
);

/// What an error of the database means.
pub(super) fn of(error: &Error) -> Diagnosis {
    match error {
        Error::Pool(larder_pool::Error::Connect(error)) => of_connect(error),
        Error::Pool(larder_pool::Error::ShutDown { .. }) => (
            "shut_down",
            "this instance was shut down: send it nothing more, and start another one",
        ),
        _ => (
            "error",
            "see the log of the server: it answers, and refuses what it is asked",
        ),
    }
}

/// What it means that no connection could be made.
pub(super) fn of_connect(error: &ConnectError) -> Diagnosis {
    match error.cause() {
        ConnectErrorCause::UnknownHost => (
            "unknown_host",
            "correct the host in database.url, or see why its name is not known (DNS)",
        ),
        ConnectErrorCause::Unreachable => (
            "unreachable",
            "see why no way leads to the server: network, routes, firewall",
        ),
        ConnectErrorCause::Refused => (
            "refused",
            "start PostgreSQL, or correct host and port in database.url",
        ),
        ConnectErrorCause::TimedOut => SILENT,
        ConnectErrorCause::Tls => (
            "tls",
            "see whether the certificate of the server is valid and trusted, and what database.tls asks for",
        ),
        ConnectErrorCause::Password => (
            "password",
            "see why the provider or the file of the password gives none",
        ),
        ConnectErrorCause::Authentication => (
            "authentication",
            "set the user and the password in database.url that the server accepts; if the password was changed there, change it here",
        ),
        ConnectErrorCause::UnknownDatabase => (
            "unknown_database",
            "create the database, or correct its name in database.url",
        ),
        ConnectErrorCause::TooManyConnections => TOO_MANY,
        ConnectErrorCause::NotReady => (
            "not_ready",
            "wait until the server has started or recovered; its log says how far it is",
        ),
        ConnectErrorCause::WrongServer => (
            "wrong_server",
            "see which of the hosts in database.url is the primary, and what database.target_session_attrs asks for",
        ),
        _ => ("other", "see the log of the server"),
    }
}

/// What it means that the server has no connection left.
pub(super) const TOO_MANY: Diagnosis = (
    "too_many_connections",
    "see in pg_stat_activity who has them; end what is idle, lower pool.size and pool.overflow of all processes together below max_connections, or put a pooler in between",
);
