//! What all who use one Redis share: its connection, its breaker, its counters; and how a call
//! is made.

use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use ::redis::{ErrorKind, RedisResult, ServerErrorKind};
use tokio::time::timeout;

use super::breaker::{Breaker, Fault};
use super::connector::{Connection, Connector};
use super::hints::Hints;
use super::statistics::Counters;
use super::writes::Writes;

pub(super) struct Shared {
    pub(super) connector: Connector,
    pub(super) connect_timeout: Duration,
    pub(super) deadline: Duration,
    pub(super) breaker: Breaker,
    pub(super) counters: Counters,
    pub(super) writes: Writes,
    pub(super) hints: Hints,
    link: RwLock<Option<Link>>,
    /// What is wrong, as it was logged last.
    complaint: Mutex<Option<String>>,
}

/// A connection, and its number.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) connection: Connection,
    pub(super) number: u64,
}

/// A call has no answer: Redis is left alone, did not answer, or answered by an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoAnswer;

impl Shared {
    pub(super) fn new(connector: Connector, connect_timeout: Duration, deadline: Duration) -> Self {
        Self {
            connector,
            connect_timeout,
            deadline,
            breaker: Breaker::new(),
            counters: Counters::default(),
            writes: Writes::default(),
            hints: Hints::default(),
            link: RwLock::default(),
            complaint: Mutex::default(),
        }
    }

    /// The connection, if there is one.
    pub(super) fn link(&self) -> Option<Link> {
        let link = self.link.read().unwrap_or_else(PoisonError::into_inner);
        link.clone()
    }

    pub(super) fn set_link(&self, link: Option<Link>) {
        let old = {
            let mut place = self.link.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *place, link)
        };
        drop(old);
    }

    /// From now on nobody is answered.
    pub(super) fn close(&self) {
        if let Some(link) = self.link() {
            self.breaker.failed(link.number, Fault::Lost);
        }
        self.set_link(None);
    }

    /// Asks Redis, if it may be asked, and waits for no longer than `deadline`.
    pub(super) async fn call<T, A: Future<Output = RedisResult<T>>>(
        &self,
        deadline: Duration,
        ask: impl FnOnce(Connection) -> A,
    ) -> Result<T, NoAnswer> {
        if !self.breaker.is_closed() {
            return Err(NoAnswer);
        }
        let link = self.link().ok_or(NoAnswer)?;
        let number = link.number;
        match timeout(deadline, ask(link.connection)).await {
            Ok(Ok(answer)) => {
                self.breaker.succeeded();
                Ok(answer)
            }
            Ok(Err(error)) => {
                self.failed(number, &error);
                Err(NoAnswer)
            }
            Err(_) => {
                self.counters.timeouts.increment();
                self.trip(number, Fault::Failed, "it does not answer in time");
                Err(NoAnswer)
            }
        }
    }

    /// Counts an error of a call, and gives Redis up if need be.
    pub(super) fn failed(&self, link: u64, error: &::redis::RedisError) {
        self.counters.errors.increment();
        let why = error.to_string();
        match fault_of(error) {
            None => {
                // It is there, so it is not left alone.
                self.breaker.succeeded();
                tracing::debug!(%error, "Redis refused a command");
            }
            // A Cluster repairs its connections itself.
            Some(_) if self.connector.is_cluster() => self.trip(link, Fault::Failed, &why),
            Some(fault) => self.trip(link, fault, &why),
        }
    }

    fn trip(&self, link: u64, fault: Fault, why: &str) {
        if !self.breaker.failed(link, fault) {
            return;
        }
        self.counters.breaker_opened.increment();
        if fault == Fault::Lost {
            self.set_link(None);
        }
        self.complain(why);
    }

    /// Logs that Redis is unavailable: once for each reason.
    pub(super) fn complain(&self, why: &str) {
        let mut complaint = self
            .complaint
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if complaint.as_deref() == Some(why) {
            return;
        }
        *complaint = Some(why.to_owned());
        let redis = self.connector.describe();
        tracing::warn!(
            redis,
            reason = why,
            "Redis is unavailable: the database is asked instead"
        );
    }

    /// What is wrong, as it was logged.
    pub(super) fn complaint(&self) -> Option<String> {
        let complaint = self.complaint.lock();
        complaint.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Logs that Redis is available, if it was not.
    pub(super) fn praise(&self) {
        let mut complaint = self
            .complaint
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if complaint.take().is_some() {
            tracing::info!(
                redis = self.connector.describe(),
                "Redis is available again"
            );
        }
    }
}

/// What an error says of the connection. `None`: Redis is well and refuses this command.
pub(super) fn fault_of(error: &::redis::RedisError) -> Option<Fault> {
    match error.kind() {
        ErrorKind::Server(
            ServerErrorKind::BusyLoading
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::TryAgain,
        ) => Some(Fault::Failed),
        // It was a master, and is none any more.
        ErrorKind::Server(ServerErrorKind::ReadOnly) => Some(Fault::Lost),
        ErrorKind::Server(_) => None,
        ErrorKind::Extension if error.code() == Some("NOAUTH") => Some(Fault::Lost),
        ErrorKind::Extension | ErrorKind::UnexpectedReturnType => None,
        _ => Some(Fault::Lost),
    }
}
