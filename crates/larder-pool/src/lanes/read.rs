//! The way of one read: by a lane, or by a connection of the pool.

use crate::connection::Statement;
use crate::{Error, Pool, Reader, Row, Rows, Session};

/// What came of a read.
pub(super) enum Read {
    /// By a lane: all rows have arrived.
    #[expect(dead_code, reason = "lanes are being built")]
    Whole(Vec<Row>),
    /// By a connection of its own: they arrive one by one.
    Streaming(Rows<'static>, Session),
}

impl Pool {
    /// A handle by which single statements run, each by the shortest way. See [`Reader`].
    pub fn reader(&self) -> Reader {
        Reader::new(self)
    }

    /// Runs a statement by the shortest way.
    pub(super) async fn read_statement(&self, statement: Statement) -> Result<Read, Error> {
        let mut session = self.session().await?;
        match session.run(Ok(statement)).await {
            Ok(rows) => Ok(Read::Streaming(rows, session)),
            Err(error) => Err(Error::statement(error, session.last_server_error())),
        }
    }
}
