//! One statement on its way: how it ends is noted, whatever that end is.

use std::sync::{Arc, Mutex, PoisonError};

use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::Link;
use super::journal::Guard;
use crate::connection::observation::Observation;
use crate::connection::sent::SentStatement;
use crate::connection::statement::Statement;
use crate::deadline;
use crate::server_error::{ServerError, SqlState};
use crate::trouble::Trouble;

/// The number of one statement on its way. Dropped before the answer was read, it leaves a note.
pub(crate) struct Ticket {
    link: Arc<Link>,
    number: u64,
    answered: bool,
    /// The connection had ended before.
    sent_in_vain: bool,
    observation: Option<Observation>,
    /// The transaction in which it and its companion took effect.
    transaction: Option<u64>,
    /// What the observer holds on to until the statement is over and that was told. Nobody
    /// shares it; the lock lets references to the ticket go from thread to thread.
    guard: Mutex<Option<Guard>>,
}

impl Ticket {
    pub(super) fn new(link: &Arc<Link>) -> Self {
        Self::watching(link, None)
    }

    /// The same, of a statement that is watched to its end, whatever that is. With one lock where
    /// [`watch`](Self::watch) takes another: every statement comes by here.
    pub(super) fn watching(link: &Arc<Link>, observation: Option<Observation>) -> Self {
        let mut journal = link.journal();
        journal.sent += 1;
        if let (Some(observation), Some(recording)) = (&observation, &mut journal.recording) {
            recording.statements.push(observation.recorded());
        }
        Self {
            link: Arc::clone(link),
            number: journal.sent,
            answered: false,
            sent_in_vain: link.is_closed(),
            observation,
            transaction: None,
            guard: Mutex::default(),
        }
    }

    /// Goes on with what another ticket watched before, and a guard for as long as that takes.
    pub(super) fn resume(&mut self, observation: Option<Observation>, guard: Option<Guard>) {
        self.observation = observation;
        self.guard = Mutex::new(guard);
    }

    /// The statement has done nothing, as its answer says. It may be sent again, in another way.
    pub(super) fn withdrawn(&mut self) -> Option<Observation> {
        self.settled();
        self.observation.take()
    }

    /// The companion has told in which transaction it is.
    pub(crate) fn told_transaction(&mut self, transaction: Option<u64>) {
        self.transaction = transaction;
    }

    /// Watches the statement to its end, whatever that is.
    pub(super) fn watch(&mut self, observation: Option<Observation>) {
        if let (Some(observation), Some(recording)) =
            (&observation, &mut self.link.journal().recording)
        {
            recording.statements.push(observation.recorded());
        }
        self.observation = observation;
    }

    /// A row has arrived.
    pub(crate) fn row(&mut self, bytes: usize, values: usize) {
        if let Some(observation) = &mut self.observation {
            observation.row(bytes, values);
        }
    }

    /// The statement is over, and how is told at the end of this function.
    fn end(&mut self) -> Option<Observation> {
        let observation = self.observation.take()?;
        if let Some(recording) = &mut self.link.journal().recording {
            recording.bytes += observation.bytes();
            recording.values += observation.values();
        }
        Some(observation)
    }

    /// The answer was read to its end.
    pub(crate) fn answered(&mut self) {
        let observation = self.observation.take();
        let mut journal = self.link.journal();
        if let (Some(observation), Some(recording)) = (&observation, &mut journal.recording) {
            recording.bytes += observation.bytes();
            recording.values += observation.values();
            // While rows are to come nothing else is sent, so the last one is this one.
            if let Some(recorded) = recording.statements.last_mut() {
                recorded.rows = Some(observation.rows());
            }
        }
        self.answered = true;
        self.link.settled(journal, self.number);
        if let Some(observation) = observation {
            observation.answered(self.transaction);
        }
    }

    /// The server is done with it, whatever it said.
    pub(super) fn settled(&mut self) {
        self.answered = true;
        self.link.settled(self.link.journal(), self.number);
    }

    /// The statement failed. An error of the server's is an answer; any other one means
    /// that nobody knows what the server is doing.
    pub(crate) fn failed(&mut self, error: &tokio_postgres::Error) -> DieselError {
        let mut reply = ServerError::of(error);
        if reply.is_some() {
            self.settled();
        } else {
            self.link.fall_out_of_step();
            // The server may have said why before, when nobody was asking.
            reply = self.link.farewell();
        }
        let mut in_doubt = false;
        if let Some(observation) = self.end() {
            if let Some(reply) = &mut reply {
                reply.blame(observation.fingerprint());
                if let Some(limit) = deadline::passed()
                    && reply.state() == SqlState::QUERY_CANCELED
                {
                    reply.add_note(&format!(
                        "the deadline of the request, {limit:?} in all, has passed"
                    ));
                }
            }
            let may_commit = observation.commits_by_itself() && !self.sent_in_vain;
            // The server may hang up after it has committed.
            let is_refusal = |reply: &ServerError| match may_commit {
                true => !reply.leaves_outcome_open(),
                false => !reply.ends_connection(),
            };
            match &reply {
                Some(reply) if is_refusal(reply) => observation.refused(reply),
                _ => {
                    in_doubt = may_commit;
                    observation.lost();
                }
            }
        }
        let error = self.link.report(error, reply, self.number);
        match in_doubt {
            true => self.in_doubt(error.to_string()),
            false => error,
        }
    }

    /// No answer has come in time, as this error says. A write that commits by itself may have
    /// taken effect, or take effect later.
    pub(super) fn late(&self, error: DieselError) -> DieselError {
        let observation = self.observation.as_ref();
        match observation.is_some_and(Observation::commits_by_itself) {
            true => self.in_doubt(error.to_string()),
            false => error,
        }
    }

    fn in_doubt(&self, cause: String) -> DieselError {
        let doubt = Trouble::InDoubt(self.link.doubt_of(self.transaction));
        doubt.error(DatabaseErrorKind::ClosedConnection, cause)
    }

    /// Takes the answer as a whole.
    pub(super) fn settle<T>(&mut self, result: Result<T, tokio_postgres::Error>) -> QueryResult<T> {
        match result {
            Ok(value) => {
                self.answered();
                Ok(value)
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.answered
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let observation = self.observation.take();
        let unread = observation.map(|observation| observation.abandoned(self.link.is_late()));
        if self.answered {
            return;
        }
        let unread = unread.filter(|unread| !unread.is_empty());
        // Before the lock: the observer takes locks of its own.
        let guard = unread
            .as_ref()
            .and_then(|unread| self.link.watch.observer.unread(unread));
        let mut own = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        let own = own.take();
        let mut journal = self.link.journal();
        journal.given_up = true;
        journal.unread_guards.extend(guard.into_iter().chain(own));
        if let Some(unread) = unread {
            journal.unread.merge(unread);
        }
    }
}

/// A statement that is watched and not sent yet. It may fail while it is prepared, or be given up.
pub(super) struct Pending<'a> {
    link: &'a Link,
    observation: Option<Observation>,
}

impl<'a> Pending<'a> {
    pub(super) fn new(link: &'a Link, observation: Option<Observation>) -> Self {
        Self { link, observation }
    }

    /// Whether no transaction is open.
    pub(super) fn is_alone(&self) -> bool {
        self.observation.as_ref().is_some_and(Observation::is_alone)
    }

    /// Tells that no companion goes with it; what the observer holds on to meanwhile.
    pub(super) fn unaccompanied(&self) -> Option<Guard> {
        self.observation
            .as_ref()
            .and_then(Observation::unaccompanied)
    }

    /// It will be sent as this.
    pub(super) fn sends(&mut self, statement: &Arc<Statement>) {
        if let Some(observation) = &mut self.observation {
            observation.sends(SentStatement::of(Arc::clone(statement) as _));
        }
    }

    /// What it is to carry to the server, as a comment.
    pub(super) fn comment(&self) -> Option<String> {
        self.observation.as_ref()?.comment()
    }

    pub(super) fn take(&mut self) -> Option<Observation> {
        self.observation.take()
    }

    pub(super) fn failed(&mut self, error: DieselError) -> DieselError {
        let reply = self.link.last_error();
        let reply = reply.filter(|reply| reply.is_reported_by(&error));
        if let Some(observation) = self.observation.take() {
            if reply.is_some() {
                self.link.blame(observation.fingerprint());
            }
            observation.not_sent(reply.as_ref());
        }
        error
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        // Nothing of it has run, so nothing was written.
        if let Some(observation) = self.observation.take() {
            drop(observation.abandoned(self.link.is_late()));
        }
    }
}
