//! Why an attempt failed, from what the parts of it say.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use super::stage::Stage;
use crate::connect_error::{ConnectErrorCause, FailedAttempt};
use crate::pooler_reply;
use crate::server_error::{ServerError, with_causes};

/// What ended an attempt.
pub(super) enum Failure {
    /// The name was looked up, and there is no address for it.
    UnknownHost(String),
    /// The provider gave no password.
    Password(String),
    /// Its share of the time is used up.
    TimedOut(Duration),
    /// Connecting, TLS, logging in or setting up failed.
    Connection {
        error: tokio_postgres::Error,
        phase: Phase,
    },
    /// All went well, but it is not a server that is asked for.
    WrongServer(String),
}

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Dial,
    Tls,
    Login,
}

impl Phase {
    /// The phase of an attempt that came so far. Without TLS, logging in begins at the socket.
    pub(super) fn of(stage: Stage, tls_is_required: bool) -> Self {
        match stage {
            Stage::Dialing => Self::Dial,
            Stage::Connected if tls_is_required => Self::Tls,
            Stage::Handshake => Self::Tls,
            Stage::Connected | Stage::Encrypted => Self::Login,
        }
    }
}

impl Failure {
    /// Whether the same could succeed without TLS, so that `prefer` tries it.
    pub(super) fn may_be_due_to_tls(&self) -> bool {
        let Self::Connection { error, phase } = self else {
            return false;
        };
        match error.code() {
            // No rule of the server lets us in over TLS. Not a wrong password, which would
            // go out in the clear without becoming right.
            Some(code) => code.code() == "28000",
            None => *phase == Phase::Tls || cause_of_io(error) == Some(ConnectErrorCause::Tls),
        }
    }

    pub(super) fn into_attempt(self, place: String) -> FailedAttempt {
        let (cause, detail, server) = match self {
            Self::UnknownHost(detail) => (ConnectErrorCause::UnknownHost, detail, None),
            Self::Password(detail) => (ConnectErrorCause::Password, detail, None),
            Self::TimedOut(limit) => {
                let detail = format!("gave up after {limit:?}");
                (ConnectErrorCause::TimedOut, detail, None)
            }
            Self::WrongServer(detail) => (ConnectErrorCause::WrongServer, detail, None),
            Self::Connection { error, phase } => {
                let server = ServerError::of(&error);
                let server = server.map(ServerError::with_pooler_advice);
                (cause_of(&error, phase), with_causes(&error), server)
            }
        };
        FailedAttempt {
            place,
            cause,
            detail,
            server,
        }
    }
}

fn cause_of(error: &tokio_postgres::Error, phase: Phase) -> ConnectErrorCause {
    if let Some(code) = error.code() {
        return match code.code() {
            code if code.starts_with("28") => ConnectErrorCause::Authentication,
            "3D000" => ConnectErrorCause::UnknownDatabase,
            "53300" => ConnectErrorCause::TooManyConnections,
            "57P03" | "57P01" | "57P02" => ConnectErrorCause::NotReady,
            "08P01" => error
                .as_db_error()
                .map_or(ConnectErrorCause::Other, |reply| {
                    pooler_reply::cause_of(reply.message())
                }),
            _ => ConnectErrorCause::Other,
        };
    }
    if let Some(cause) = cause_of_io(error) {
        return cause;
    }
    match phase {
        // A server or a balancer that restarts hangs up.
        _ if error.is_closed() => ConnectErrorCause::NotReady,
        Phase::Tls => ConnectErrorCause::Tls,
        Phase::Dial => ConnectErrorCause::Other,
        // What our side refuses while logging in is told from what it cannot read by the
        // name of its kind, which is all that tokio-postgres shows of it.
        Phase::Login => match error.to_string().as_str() {
            "authentication error" | "invalid configuration" => ConnectErrorCause::Authentication,
            _ => ConnectErrorCause::Other,
        },
    }
}

/// The cause that an error of input or output among the sources tells.
fn cause_of_io(error: &(dyn StdError + 'static)) -> Option<ConnectErrorCause> {
    let mut source = Some(error);
    while let Some(inner) = source {
        if let Some(cause) = inner.downcast_ref::<io::Error>().and_then(cause_of_kind) {
            return Some(cause);
        }
        source = inner.source();
    }
    None
}

fn cause_of_kind(error: &io::Error) -> Option<ConnectErrorCause> {
    // rustls stands inside the error and not behind it.
    if error
        .get_ref()
        .is_some_and(|inner| inner.is::<rustls::Error>())
    {
        return Some(ConnectErrorCause::Tls);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => {
            Some(ConnectErrorCause::Refused)
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Some(ConnectErrorCause::Unreachable)
        }
        io::ErrorKind::TimedOut => Some(ConnectErrorCause::TimedOut),
        // A server or a balancer that restarts hangs up, also in the middle of TLS.
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Some(ConnectErrorCause::NotReady),
        _ => None,
    }
}
