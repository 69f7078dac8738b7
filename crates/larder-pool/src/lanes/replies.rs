//! The answers that a lane is waiting for, drained by the task that drives its connection.
//!
//! An answer that nobody reads stops its whole connection. So no caller reads: the task that
//! reads from the server also puts the rows where their callers find them, in the order in
//! which the server answers, and whether or not anybody is still there.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::StreamExt;
use futures::task::AtomicWaker;
use tokio::sync::Notify;
use tokio_postgres::{Client, Statement as Prepared};

use super::moment::{Moment, SharedMoment};
use super::request::{Outcome, Request, WholeRows};
use crate::Row;
use crate::connection::Link;

/// What lanes do with results and with time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How many bytes of rows are held for a caller.
    pub(super) result_cap: usize,
    pub(super) slow_after: Duration,
}

impl Limits {
    /// What is too large is still drained up to this many times the cap. Beyond it the lane is
    /// given up: its neighbours come along faster elsewhere.
    const DRAINED: usize = 16;
}

/// The reads that are on their way on a lane.
pub(crate) struct Replies {
    limits: Limits,
    sent: Mutex<Sent>,
    in_flight: AtomicUsize,
    /// Since when the server has been at work on the first of them.
    busy_since: SharedMoment,
    /// All but the first are to be sent elsewhere.
    relieve: AtomicBool,
    ended: AtomicBool,
    driver: AtomicWaker,
    /// Told when the lane has ended.
    on_end: Arc<Notify>,
}

/// What was sent and the driver has not looked at.
#[derive(Default)]
struct Sent {
    reads: Vec<Reading>,
    ended: bool,
}

/// A read that was sent.
struct Reading {
    request: Arc<Request>,
    sent: Moment,
    /// Reads the answer to its end, wherever that goes.
    answer: Pin<Box<dyn Future<Output = Verdict> + Send>>,
}

/// What an answer means for its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Fine,
    /// It is so large that the lane is better given up.
    TooMuch,
}

/// The lane has ended: nothing was sent.
pub(super) struct Ended;

impl Replies {
    pub(super) fn new(limits: Limits, on_end: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self {
            limits,
            sent: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            busy_since: SharedMoment::default(),
            relieve: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            driver: AtomicWaker::new(),
            on_end,
        })
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// For how long the server has been at work on the first of what is on its way.
    pub(super) fn held_for(&self, now: Moment) -> Duration {
        if self.in_flight() == 0 {
            return Duration::ZERO;
        }
        now.since(self.busy_since.get())
    }

    /// Whoever waits behind the first is sent elsewhere. Their statements run all the same, and
    /// what comes of them is thrown away.
    pub(super) fn relieve(&self) {
        self.relieve.store(true, Ordering::Release);
        self.driver.wake();
    }

    /// Sends reads, one behind the other with nothing in between.
    ///
    /// # Errors
    ///
    /// [`Ended`], and nothing was sent.
    pub(super) fn send<const N: usize>(
        &self,
        link: &Arc<Link>,
        reads: [(Arc<Request>, Prepared); N],
    ) -> Result<(), Ended> {
        let now = Moment::now();
        let reads = reads.map(|(request, prepared)| Reading {
            answer: Box::pin(read(
                Arc::clone(link),
                prepared,
                Arc::clone(&request),
                self.limits.result_cap,
            )),
            request,
            sent: now,
        });
        let mut context = Context::from_waker(Waker::noop());
        // Held while they are sent, so that answers are looked for in the order of the wire.
        let mut sent = self.sent();
        if sent.ended {
            return Err(Ended);
        }
        for mut reading in reads {
            // The first poll puts it on the wire. From here on the driver polls.
            if reading.answer.as_mut().poll(&mut context).is_pending() {
                if self.in_flight.fetch_add(1, Ordering::Relaxed) == 0 {
                    self.busy_since.set(now);
                }
                sent.reads.push(reading);
            }
        }
        Ok(())
    }

    fn sent(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends a read when it is polled for the first time, and then reads its answer.
async fn read(link: Arc<Link>, prepared: Prepared, request: Arc<Request>, cap: usize) -> Verdict {
    let client: &Client = link.client();
    let rows = client.query_raw(&prepared, &request.statement.binds.values);
    let mut rows = match rows.await {
        Ok(rows) => pin!(rows),
        Err(error) => {
            request.end(Outcome::Failed(error));
            return Verdict::Fine;
        }
    };
    let mut whole = WholeRows::default();
    let mut bytes = 0_usize;
    while let Some(row) = rows.next().await {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                request.end(Outcome::Failed(error));
                return Verdict::Fine;
            }
        };
        bytes = bytes.saturating_add(row.raw_size_bytes());
        if bytes > cap {
            // Its caller need not wait for the rest.
            request.end(Outcome::TooLarge);
            whole = WholeRows::default();
            if bytes > cap.saturating_mul(Limits::DRAINED) {
                return Verdict::TooMuch;
            }
        } else if request.is_wanted() {
            whole.values += row.len() as u64;
            whole.rows.push(Row::of_server(row));
        }
    }
    whole.bytes = bytes as u64;
    request.end(Outcome::Rows(whole));
    Verdict::Fine
}

/// The driver's part: what it still has to read.
pub(crate) struct Drain {
    replies: Arc<Replies>,
    waiting: VecDeque<Reading>,
}

impl Drain {
    pub(crate) fn new(replies: Arc<Replies>) -> Self {
        Self {
            replies,
            waiting: VecDeque::new(),
        }
    }

    /// Lets the connection do its part, and hands out what it has read. Gives `None` where the
    /// connection has ended or is to be given up.
    pub(crate) fn poll<M>(
        &mut self,
        context: &mut Context<'_>,
        connection: impl FnOnce(&mut Context<'_>) -> Poll<Option<M>>,
    ) -> Poll<Option<M>> {
        self.replies.driver.register(context.waker());
        let message = connection(context);
        // Whatever has arrived was put into channels by the call above. Where one of them was
        // full, taking from it wakes this task.
        let verdict = self.hand_out();
        if self.replies.relieve.swap(false, Ordering::Acquire) {
            for reading in self.waiting.iter().skip(1) {
                reading.request.end(Outcome::Blocked);
            }
        }
        match verdict {
            Verdict::Fine => message,
            Verdict::TooMuch => Poll::Ready(None),
        }
    }

    fn hand_out(&mut self) -> Verdict {
        self.waiting.extend(self.replies.sent().reads.drain(..));
        let mut context = Context::from_waker(Waker::noop());
        let mut ended = 0;
        let mut verdict = Verdict::Fine;
        let mut since = self.replies.busy_since.get();
        let mut now = None;
        while let Some(first) = self.waiting.front_mut() {
            match first.answer.as_mut().poll(&mut context) {
                Poll::Pending => break,
                Poll::Ready(outcome) => verdict = outcome,
            }
            let now = *now.get_or_insert_with(Moment::now);
            // It had the server for itself from when it was sent, or from when the one before
            // it had ended.
            let took = now.since(since.max(first.sent));
            first.request.took(took, self.replies.limits.slow_after);
            since = now;
            ended += 1;
            self.waiting.pop_front();
            if verdict == Verdict::TooMuch {
                break;
            }
        }
        if ended > 0 {
            self.replies.busy_since.set(since);
            self.replies.in_flight.fetch_sub(ended, Ordering::Relaxed);
        }
        verdict
    }
}

/// However the driver ends, nobody waits for ever.
impl Drop for Drain {
    fn drop(&mut self) {
        self.replies.ended.store(true, Ordering::Release);
        let mut sent = self.replies.sent();
        sent.ended = true;
        self.waiting.extend(sent.reads.drain(..));
        drop(sent);
        self.replies
            .in_flight
            .fetch_sub(self.waiting.len(), Ordering::Relaxed);
        let mut context = Context::from_waker(Waker::noop());
        for mut reading in self.waiting.drain(..) {
            // What had arrived whole before the end is an answer.
            if reading.answer.as_mut().poll(&mut context).is_pending() {
                reading.request.end(Outcome::Lost);
            }
        }
        self.replies.on_end.notify_one();
    }
}
