//! The rows of a running statement.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use diesel::QueryResult;
use futures::Stream;

use super::Connection;
use super::link::{Answer, Ticket};
use super::row::Row;

/// A stream of rows. It can be dropped at any time: what the server still sends is
/// thrown away, and the connection knows whether it is free again.
///
/// It stays one row behind the server: a statement can fail after its last row (a
/// deferred constraint, a serialization failure at its implicit commit), and whoever
/// reads one row and no further has to hear of that.
pub struct Rows<'conn> {
    // On the heap: it is handed from one future to the next around it, and each has room for it.
    running: Box<Running>,
    /// While rows are to come, nothing else is done with the connection: no commit.
    _connection: PhantomData<&'conn mut Connection>,
}

struct Running {
    answer: Answer,
    ticket: Ticket,
    ahead: Option<Row>,
}

impl Rows<'_> {
    /// How many rows that have already arrived are thrown away on the spot when the
    /// stream is dropped.
    const DISCARDED_ON_DROP: usize = 64;

    pub(super) fn new(answer: Answer, ticket: Ticket) -> Self {
        let running = Running {
            answer,
            ticket,
            ahead: None,
        };
        Self {
            running: Box::new(running),
            _connection: PhantomData,
        }
    }

    /// How many rows the statement touched; known once the stream is at its end.
    pub(super) fn affected(&self) -> u64 {
        self.running.answer.affected()
    }

    /// The snapshot that was asked for before the statement, if it was.
    pub(super) fn take_snapshot(&mut self) -> Option<String> {
        self.running.answer.take_snapshot()
    }
}

impl Running {
    /// What the server sends next.
    fn poll_server(&mut self, context: &mut Context<'_>) -> Poll<Option<QueryResult<Row>>> {
        if self.ticket.is_answered() {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(self.answer.poll_next(context)) {
            Some(Ok(row)) => {
                self.ticket.row(row.raw_size_bytes(), row.len());
                Some(Ok(Row::of_server(row)))
            }
            Some(Err(error)) => {
                self.ticket.told_transaction(self.answer.transaction());
                Some(Err(self.ticket.failed(&error)))
            }
            None => {
                self.ticket.told_transaction(self.answer.transaction());
                self.ticket.answered();
                None
            }
        })
    }
}

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Rows").finish_non_exhaustive()
    }
}

impl Stream for Rows<'_> {
    type Item = QueryResult<Row>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(self.running.poll_server(context)) {
                Some(Ok(row)) => {
                    if let Some(before) = self.running.ahead.replace(row) {
                        return Poll::Ready(Some(Ok(before)));
                    }
                }
                Some(Err(error)) => {
                    self.running.ahead = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => return Poll::Ready(self.running.ahead.take().map(Ok)),
            }
        }
    }
}

impl Drop for Rows<'_> {
    fn drop(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..Self::DISCARDED_ON_DROP {
            match self.running.poll_server(&mut context) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) | Poll::Pending => return,
            }
        }
    }
}
