//! The rows that a [`Reader`] gives.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::vec;

use diesel::QueryResult;
use futures::Stream;

use super::Reader;
use crate::{Row, Rows, Session};

/// A stream of rows, whole in memory where they came by a lane. It can be dropped at any time.
pub struct ReaderRows<'conn>(Source<'conn>);

enum Source<'conn> {
    /// All of them have arrived.
    Whole(vec::IntoIter<Row>),
    Streaming(Box<Streaming<'conn>>),
}

/// Rows on their way, with the connection that they come by.
struct Streaming<'conn> {
    // In this order: the rows are given up before their connection goes back.
    rows: Rows<'static>,
    session: Session,
    reader: &'conn mut Reader,
}

impl<'conn> ReaderRows<'conn> {
    pub(super) fn whole(rows: Vec<Row>) -> Self {
        Self(Source::Whole(rows.into_iter()))
    }

    pub(super) fn streaming(
        rows: Rows<'static>,
        session: Session,
        reader: &'conn mut Reader,
    ) -> Self {
        Self(Source::Streaming(Box::new(Streaming {
            rows,
            session,
            reader,
        })))
    }
}

impl Stream for ReaderRows<'_> {
    type Item = QueryResult<Row>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.0 {
            Source::Whole(rows) => Poll::Ready(rows.next().map(Ok)),
            Source::Streaming(streaming) => {
                let next = ready!(Pin::new(&mut streaming.rows).poll_next(context));
                if matches!(next, Some(Err(_))) {
                    let error = streaming.session.last_server_error();
                    streaming.reader.note_server_error(error);
                }
                Poll::Ready(next)
            }
        }
    }
}

impl std::fmt::Debug for ReaderRows<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ReaderRows").finish_non_exhaustive()
    }
}
