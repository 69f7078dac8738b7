//! No connection could be made: where it was tried, and why it failed there.

use std::fmt;

use tokio::time::Instant;

use crate::connect_options::Target;
use crate::error_class::ErrorClass;
use crate::server_error::ServerError;

/// No connection could be made. Says where to and why, host by host where several were tried,
/// and never with which password.
#[derive(Debug, Clone)]
pub struct ConnectError {
    pub(crate) target: Target,
    /// When the search began.
    pub(crate) began: Instant,
    /// In the order in which they were made; never empty.
    pub(crate) attempts: Vec<FailedAttempt>,
    /// The attempt that says best why there is no connection.
    pub(crate) decisive: usize,
}

/// One attempt to connect that failed: with one address of one host, with or without TLS.
#[derive(Debug, Clone)]
pub struct FailedAttempt {
    pub(crate) place: String,
    pub(crate) cause: ConnectErrorCause,
    pub(crate) detail: String,
    pub(crate) server: Option<ServerError>,
}

/// Why no connection could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectErrorCause {
    /// The name of the host has no address.
    UnknownHost,
    /// No way leads there.
    Unreachable,
    /// Nobody listens there.
    Refused,
    /// No answer came in time.
    TimedOut,
    /// TLS could not be agreed on, or the certificate was not accepted.
    Tls,
    /// The password provider or the file of the password gave none.
    Password,
    /// The server does not accept the user or the password.
    Authentication,
    /// The database does not exist.
    UnknownDatabase,
    /// The server has no connection left for us.
    TooManyConnections,
    /// The server is starting up, shutting down or recovering.
    NotReady,
    /// The server is not of the kind that `target_session_attrs` asks for.
    WrongServer,
    /// Anything else; the text says what.
    Other,
}

impl ConnectErrorCause {
    /// Whether trying again with the same settings cannot help.
    pub fn is_permanent(self) -> bool {
        matches!(
            self,
            Self::Authentication | Self::UnknownDatabase | Self::Tls
        )
    }

    /// Whether the server spoke for its whole cluster, so that other hosts are not asked.
    pub(crate) fn ends_the_search(self) -> bool {
        matches!(
            self,
            Self::Authentication | Self::UnknownDatabase | Self::Password
        )
    }

    fn words(self) -> &'static str {
        match self {
            Self::UnknownHost => "the host is unknown",
            Self::Unreachable => "the host cannot be reached",
            Self::Refused => "the connection was refused",
            Self::TimedOut => "there was no answer in time",
            Self::Tls => "TLS failed",
            Self::Password => "no password could be had",
            Self::Authentication => "authentication failed",
            Self::UnknownDatabase => "the database does not exist",
            Self::TooManyConnections => "the server has too many connections",
            Self::NotReady => "the server is not ready",
            Self::WrongServer => "the server is not of the kind that is asked for",
            Self::Other => "the connection failed",
        }
    }
}

impl ConnectError {
    /// An error of attempts that were made, of which there is at least one.
    pub(crate) fn new(target: Target, began: Instant, attempts: Vec<FailedAttempt>) -> Self {
        let last = attempts.len().saturating_sub(1);
        let ended = |attempt: &FailedAttempt| attempt.cause.ends_the_search();
        // What may pass by itself decides: whoever waits for a connection goes on waiting.
        let may_pass = |attempt: &FailedAttempt| !attempt.cause.is_permanent();
        let decisive = match attempts.get(last) {
            Some(attempt) if ended(attempt) => last,
            _ => attempts.iter().position(may_pass).unwrap_or(0),
        };
        Self {
            target,
            began,
            attempts,
            decisive,
        }
    }

    /// Why. Of several attempts, the one that ended the search says it, or else the first that
    /// may succeed when it is made again.
    pub fn cause(&self) -> ConnectErrorCause {
        self.decisive()
            .map_or(ConnectErrorCause::Other, |attempt| attempt.cause)
    }

    /// What a program may do about it.
    pub fn class(&self) -> ErrorClass {
        match self.cause() {
            cause if cause.is_permanent() => ErrorClass::Caller,
            ConnectErrorCause::Password => ErrorClass::Caller,
            ConnectErrorCause::TimedOut => ErrorClass::Timeout,
            _ => ErrorClass::Connection,
        }
    }

    /// The error as the server stated it, if it was the server's.
    pub fn server_error(&self) -> Option<&ServerError> {
        self.server()
    }

    /// The hosts, ports, user and database that were tried.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Every attempt, in the order in which they were made.
    pub fn attempts(&self) -> &[FailedAttempt] {
        &self.attempts
    }

    pub(crate) fn server(&self) -> Option<&ServerError> {
        self.decisive()?.server.as_ref()
    }

    fn decisive(&self) -> Option<&FailedAttempt> {
        self.attempts.get(self.decisive)
    }
}

impl FailedAttempt {
    /// The host and port, with the address and the encryption where these tell it from others.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Why it failed.
    pub fn cause(&self) -> ConnectErrorCause {
        self.cause
    }
}

/// Reads after the place: "the connection was refused: ...".
impl fmt::Display for FailedAttempt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.cause.words())?;
        match &self.server {
            Some(reply) => write!(formatter, ": {reply}"),
            None if self.detail.is_empty() => Ok(()),
            None => write!(formatter, ": {}", self.detail),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "connect to {}: ", self.target)?;
        if let [only] = self.attempts.as_slice() {
            return write!(formatter, "{only}");
        }
        for (index, attempt) in self.attempts.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(formatter, "{separator}at {}: {attempt}", attempt.place)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConnectError {}
