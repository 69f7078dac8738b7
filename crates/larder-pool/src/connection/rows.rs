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
    answer: Answer,
    ticket: Ticket,
    ahead: Option<Row>,
    /// While rows are to come, nothing else is done with the connection: no commit.
    _connection: PhantomData<&'conn mut Connection>,
}

impl Rows<'_> {
    /// How many rows that have already arrived are thrown away on the spot when the
    /// stream is dropped.
    const DISCARDED_ON_DROP: usize = 64;

    pub(super) fn new(answer: Answer, ticket: Ticket) -> Self {
        Self {
            answer,
            ticket,
            ahead: None,
            _connection: PhantomData,
        }
    }

    /// How many rows the statement touched; known once the stream is at its end.
    pub(super) fn affected(&self) -> u64 {
        self.answer.affected()
    }

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
            match ready!(self.poll_server(context)) {
                Some(Ok(row)) => {
                    if let Some(before) = self.ahead.replace(row) {
                        return Poll::Ready(Some(Ok(before)));
                    }
                }
                Some(Err(error)) => {
                    self.ahead = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => return Poll::Ready(self.ahead.take().map(Ok)),
            }
        }
    }
}

impl Drop for Rows<'_> {
    fn drop(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..Self::DISCARDED_ON_DROP {
            match self.poll_server(&mut context) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) | Poll::Pending => return,
            }
        }
    }
}
