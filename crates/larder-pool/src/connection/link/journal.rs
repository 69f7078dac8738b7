//! What became of the statements of a link: which were answered, given up, refused.

use std::any::Any;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use diesel::result::Error as DieselError;
use larder_sql::Fingerprint;
use tokio_postgres::error::SqlState as Code;

use super::Link;
use super::transaction_id::TransactionId;
use crate::connection::observation::Recording;
use crate::server_error::{ServerError, to_diesel};
use crate::written::Effects;

const UNDEFINED_OBJECT: &str = "42704";
const INVALID_STATEMENT_NAME: &str = "26000";
/// "cached plan must not change result type" comes under this one.
const FEATURE_NOT_SUPPORTED: &str = "0A000";
/// "cache lookup failed for type" comes under this one: the type was dropped.
const INTERNAL_ERROR: &str = "XX000";

/// What the observer holds on to until it is known what became of some writes.
pub(super) type Guard = Box<dyn Any + Send>;

/// What happened on the link.
#[derive(Default)]
pub(super) struct Journal {
    /// Statements sent so far; each has its number.
    pub(super) sent: u64,
    /// The highest number whose answer was read to its end. The server answers in
    /// order, so everything below it is over too.
    pub(super) answered: u64,
    /// Some answer was given up before its end: whether that statement failed is not known.
    pub(super) given_up: bool,
    /// The first error since the transaction or its innermost savepoint began.
    pub(super) failure: Option<ServerError>,
    /// The last error since the connection was lent.
    pub(super) last_error: Option<ServerError>,
    /// The number of the statement that failed with it.
    pub(super) last_error_of: u64,
    /// A statement that writes was sent outside of a transaction since the connection was lent.
    pub(super) has_written: bool,
    /// What is known of the id of the transaction that is open.
    pub(super) transaction_id: TransactionId,
    /// What the server said when it hung up, in the answer to a question of Larder's own.
    pub(super) farewell: Option<ServerError>,
    /// What statements outside of a transaction may have written whose answer nobody read.
    pub(super) unread: Effects,
    /// What the observer holds on to until it is known what became of those.
    pub(super) unread_guards: Vec<Guard>,
    /// What ran, while somebody records it.
    pub(super) recording: Option<Recording>,
}

impl Link {
    /// Whether the two sides no longer agree on what comes next, as after a COPY that
    /// nobody feeds.
    pub(crate) fn is_out_of_step(&self) -> bool {
        self.out_of_step.load(Ordering::Relaxed)
    }

    /// The two sides no longer agree.
    pub(super) fn fall_out_of_step(&self) {
        self.out_of_step.store(true, Ordering::Relaxed);
    }

    /// Whether a statement has failed on it without an answer of the server, or with one after
    /// which the server hangs up.
    pub(crate) fn has_failed_for_good(&self) -> bool {
        let journal = self.journal();
        let has_ended = |error: &ServerError| error.ends_connection();
        journal.last_error.as_ref().is_some_and(has_ended)
    }

    /// Takes over from a link that is lost what its user has asked for.
    pub(crate) fn go_on_from(&self, lost: &Self) {
        self.set_answer_timeout(lost.answer_timeout());
        let (recording, has_written) = {
            let mut journal = lost.journal();
            (journal.recording.take(), journal.has_written)
        };
        let mut journal = self.journal();
        journal.recording = recording;
        journal.has_written |= has_written;
    }

    /// A statement that may write is about to be sent, whether or not a transaction is open: it
    /// may have been committed by the time somebody would like to run everything again.
    pub(crate) fn note_write(&self) {
        self.journal().has_written = true;
    }

    /// Whether the server may still be at work on something.
    pub(crate) fn is_busy(&self) -> bool {
        let journal = self.journal();
        journal.answered < journal.sent
    }

    /// How many statements have been sent.
    pub(crate) fn sent(&self) -> u64 {
        self.journal().sent
    }

    /// Whether the outcome of some statement was never read.
    pub(crate) fn has_given_up(&self) -> bool {
        self.journal().given_up
    }

    /// The first error since the transaction, or its innermost savepoint, began.
    pub(crate) fn failure(&self) -> Option<ServerError> {
        self.journal().failure.clone()
    }

    /// The last error that the server reported on this link.
    pub(crate) fn last_error(&self) -> Option<ServerError> {
        self.journal().last_error.clone()
    }

    /// The same, if nothing that was sent after it was answered.
    pub(crate) fn latest_error(&self) -> Option<ServerError> {
        let journal = self.journal();
        let is_latest = journal.answered <= journal.last_error_of;
        journal.last_error.clone().filter(|_| is_latest)
    }

    /// Whether a statement that writes was sent outside of a transaction since the connection
    /// was lent.
    pub(crate) fn has_written(&self) -> bool {
        self.journal().has_written
    }

    /// The savepoint in which statements failed has ended.
    pub(crate) fn forget_failures(&self) {
        let mut journal = self.journal();
        journal.failure = None;
        journal.given_up = false;
    }

    /// The outermost transaction begins or has ended. What was sent in another one decides nothing
    /// any more, and the id of that is nobody's.
    pub(crate) fn forget_transaction(&self) {
        let mut journal = self.journal();
        journal.failure = None;
        journal.given_up = false;
        journal.transaction_id = TransactionId::None;
    }

    /// Begins to record what runs.
    pub(crate) fn record(&self) {
        self.journal().recording = Some(Recording::default());
    }

    /// Ends the recording and gives it.
    pub(crate) fn recorded(&self) -> Recording {
        self.journal().recording.take().unwrap_or_default()
    }

    /// The server is done with the statement of this number.
    pub(super) fn settled(&self, mut journal: MutexGuard<'_, Journal>, number: u64) {
        journal.answered = journal.answered.max(number);
        let unread = !journal.unread.is_empty();
        drop(journal);
        // The server answers in order, so what came before is over too.
        if unread {
            self.settle_unread();
        }
    }

    /// Statements outside of a transaction whose answer nobody read are over: tells what
    /// they may have written.
    pub(crate) fn settle_unread(&self) {
        let (effects, guards) = self.take_unread();
        if !effects.is_empty() {
            self.watch
                .observer
                .tell(|observer| observer.committed(&effects, None));
        }
        drop(guards);
    }

    /// The connection is given up; nobody knows what became of those statements.
    pub(crate) fn doubt_unread(&self) {
        let (effects, guards) = self.take_unread();
        if !effects.is_empty() {
            self.watch
                .observer
                .tell(|observer| observer.in_doubt(&effects));
        }
        drop(guards);
    }

    fn take_unread(&self) -> (Effects, Vec<Guard>) {
        let mut journal = self.journal();
        let effects = std::mem::take(&mut journal.unread);
        (effects, std::mem::take(&mut journal.unread_guards))
    }

    /// The connection goes to somebody else, who is not to hear of this one's errors, nor to wait
    /// as long as this one wanted.
    pub(crate) fn forget_everything(&self) {
        self.answer_timeout.restore();
        self.late.store(false, Ordering::Relaxed);
        let mut journal = self.journal();
        journal.failure = None;
        journal.given_up = false;
        journal.last_error = None;
        journal.has_written = false;
        journal.transaction_id = TransactionId::None;
        journal.recording = None;
    }

    /// Notes an error and gives it as Diesel states it.
    pub(super) fn report(
        &self,
        error: &tokio_postgres::Error,
        reply: Option<ServerError>,
        statement: u64,
    ) -> DieselError {
        let Some(mut reply) = reply else {
            return to_diesel(error, self.lost(), None);
        };
        if matches!(reply.state().as_str(), UNDEFINED_OBJECT | INTERNAL_ERROR) {
            self.types.clear();
        }
        if is_outdated_plan(error) {
            self.watch.outdate(self.generation);
        }
        if is_lost_name(error) {
            self.lose_names();
            if self.pooled.is_none() {
                reply = reply.with_pooler_advice();
            }
        }
        let mut journal = self.journal();
        // What follows the first error in a transaction only repeats it.
        if journal.failure.is_none() {
            journal.failure = Some(reply.clone());
        }
        journal.last_error = Some(reply);
        journal.last_error_of = statement;
        to_diesel(error, self.lost(), journal.last_error.as_ref())
    }

    /// It was this statement that failed last, while it was prepared.
    pub(super) fn blame(&self, fingerprint: Fingerprint) {
        let mut journal = self.journal();
        let Journal {
            failure,
            last_error,
            ..
        } = &mut *journal;
        for error in failure.iter_mut().chain(last_error) {
            error.blame(fingerprint);
        }
    }

    pub(super) fn last_error_makes_statements_useless(&self) -> bool {
        self.journal().last_error.as_ref().is_some_and(|error| {
            matches!(
                error.state().as_str(),
                INVALID_STATEMENT_NAME | FEATURE_NOT_SUPPORTED | UNDEFINED_OBJECT | INTERNAL_ERROR
            )
        })
    }

    /// The server does not know the statements that this side takes for known, those by which
    /// tokio-postgres looks up types among them. They are prepared anew for as long as the
    /// connection is used, which is until it comes back.
    pub(super) fn lose_names(&self) {
        self.statements().forget_all();
        self.fall_out_of_step();
    }

    /// Whether the last error is that the server has no statement of a name, or already one.
    pub(super) fn last_error_is_of_names(&self) -> bool {
        let journal = self.journal();
        let last = journal.last_error.as_ref();
        last.is_some_and(|error| matches!(error.state().as_str(), "26000" | "42P05"))
    }

    pub(super) fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the server has no prepared statement of that name, or already one: the names are not
/// what this side takes them for.
pub(super) fn is_lost_name(error: &tokio_postgres::Error) -> bool {
    let codes = [Code::INVALID_SQL_STATEMENT_NAME, Code::DUPLICATE_PSTATEMENT];
    error.code().is_some_and(|code| codes.contains(code))
}

/// Whether a prepared statement would return other columns than when it was prepared. The code
/// stands for much else, and the text is translated; the routine of the server is not.
pub(super) fn is_outdated_plan(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|reply| {
        *reply.code() == Code::FEATURE_NOT_SUPPORTED
            && reply.routine() == Some("RevalidateCachedQuery")
    })
}
