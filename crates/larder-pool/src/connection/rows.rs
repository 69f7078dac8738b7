//! The rows of a running statement.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use diesel::QueryResult;
use futures::Stream;

use super::link::Ticket;
use super::row::Row;

/// A stream of rows. It can be dropped at any time: what the server still sends is
/// thrown away, and the connection knows whether it is free again.
pub struct Rows {
    stream: Pin<Box<tokio_postgres::RowStream>>,
    ticket: Ticket,
}

impl Rows {
    /// How many rows that have already arrived are thrown away on the spot when the
    /// stream is dropped. One row is the usual case: `get_result` reads no further.
    const DISCARDED_ON_DROP: usize = 64;

    pub(super) fn new(stream: tokio_postgres::RowStream, ticket: Ticket) -> Self {
        Self {
            stream: Box::pin(stream),
            ticket,
        }
    }

    /// How many rows the statement touched; known once the stream is at its end.
    pub(super) fn affected(&self) -> u64 {
        self.stream.rows_affected().unwrap_or(0)
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Rows").finish_non_exhaustive()
    }
}

impl Stream for Rows {
    type Item = QueryResult<Row>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ticket.is_answered() {
            return Poll::Ready(None);
        }
        let next = std::task::ready!(self.stream.as_mut().poll_next(context));
        Poll::Ready(match next {
            Some(Ok(row)) => Some(Ok(Row(row))),
            Some(Err(error)) => {
                self.ticket.answered();
                Some(Err(self.ticket.report(&error)))
            }
            None => {
                self.ticket.answered();
                None
            }
        })
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..Self::DISCARDED_ON_DROP {
            if self.ticket.is_answered() {
                return;
            }
            if Pin::new(&mut *self).poll_next(&mut context).is_pending() {
                return;
            }
        }
    }
}
