//! One read on a lane: what is sent, and the place where its answer comes.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::statements::LaneStatement;
use crate::Row;
use crate::connection::{Carrier, Statement};

/// A read, shared by its caller and the lane that answers it.
pub(super) struct Request {
    pub(super) statement: Statement,
    /// What lanes know of it; `None` for a question of our own.
    known: Option<Arc<LaneStatement>>,
    /// Its caller still waits.
    wanted: AtomicBool,
    answer: Mutex<Answer>,
}

enum Answer {
    Awaited(Option<Waker>),
    There(Outcome),
    Taken,
}

/// How a read on a lane ended.
pub(super) enum Outcome {
    Rows(WholeRows),
    Failed(tokio_postgres::Error),
    /// Its result is larger than is held for one caller.
    TooLarge,
    /// Another statement takes too long before it.
    Blocked,
    /// The lane has ended.
    Lost,
}

/// All rows of a result.
#[derive(Default)]
pub(super) struct WholeRows {
    pub(super) rows: Vec<Row>,
    /// What they had on the wire.
    pub(super) bytes: u64,
    /// How many values they have, NULLs included.
    pub(super) values: u64,
}

impl Request {
    pub(super) fn new(statement: Statement, known: Arc<LaneStatement>) -> Self {
        Self {
            statement,
            known: Some(known),
            ..Self::question()
        }
    }

    /// A question without values that no caller has asked.
    pub(super) fn question() -> Self {
        Self {
            statement: Statement::nothing(),
            known: None,
            wanted: AtomicBool::new(true),
            answer: Mutex::new(Answer::Awaited(None)),
        }
    }

    /// It has held its lane for this long.
    pub(super) fn took(&self, time: Duration, slow_after: Duration) {
        if let Some(known) = &self.known {
            known.took(time, slow_after);
        }
    }

    /// Whether anybody waits for the answer. If not, what comes is thrown away.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// It has ended like this. The first end counts.
    pub(super) fn end(&self, outcome: Outcome) {
        let mut answer = self.answer();
        if let Answer::Awaited(waker) = &mut *answer {
            let waker = waker.take();
            *answer = Answer::There(outcome);
            drop(answer);
            self.wanted.store(false, Ordering::Relaxed);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Waits for the end.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the answer is thrown away when it comes.
    pub(super) async fn outcome(&self) -> Outcome {
        let _caller = Caller(self);
        poll_fn(|context| {
            let mut answer = self.answer();
            match std::mem::replace(&mut *answer, Answer::Taken) {
                Answer::There(outcome) => Poll::Ready(outcome),
                Answer::Taken => Poll::Ready(Outcome::Lost),
                Answer::Awaited(waker) => {
                    let waker = waker.filter(|waker| waker.will_wake(context.waker()));
                    let waker = waker.unwrap_or_else(|| context.waker().clone());
                    *answer = Answer::Awaited(Some(waker));
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn answer(&self) -> MutexGuard<'_, Answer> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Carrier for Request {
    fn statement(&self) -> &Statement {
        &self.statement
    }
}

/// Whoever waits for an answer, until it goes away.
struct Caller<'a>(&'a Request);

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        self.0.wanted.store(false, Ordering::Relaxed);
    }
}
