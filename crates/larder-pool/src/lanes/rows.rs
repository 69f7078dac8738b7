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
    /// They are on their way, by this connection. They stand before it, so that they are given
    /// up before it goes back.
    Streaming(Box<(Rows<'static>, Session)>, &'conn mut Reader),
}

impl<'conn> ReaderRows<'conn> {
    pub(super) fn whole(rows: Vec<Row>) -> Self {
        Self(Source::Whole(rows.into_iter()))
    }

    pub(super) fn streaming(
        streaming: Box<(Rows<'static>, Session)>,
        reader: &'conn mut Reader,
    ) -> Self {
        Self(Source::Streaming(streaming, reader))
    }
}

impl Stream for ReaderRows<'_> {
    type Item = QueryResult<Row>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.0 {
            Source::Whole(rows) => Poll::Ready(rows.next().map(Ok)),
            Source::Streaming(streaming, reader) => {
                let (rows, session) = &mut **streaming;
                let next = ready!(Pin::new(rows).poll_next(context));
                if matches!(next, Some(Err(_))) {
                    reader.note_server_error(session.last_server_error());
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
