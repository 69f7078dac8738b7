//! The answer to a statement, with the answers to what travels around it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use tokio_postgres::{
    Error, Row, RowStream, SimpleQueryMessage, SimpleQueryRow, SimpleQueryStream,
};

use super::commit::is_read_only;

/// The answer to a text without binds.
pub(super) type Reply = Pin<Box<SimpleQueryStream>>;

/// The rows of a statement and then its end. Where something travels with the statement, its
/// end comes once all of that was answered, and a failure of any of it is the statement's.
pub(crate) struct Answer {
    source: Source,
    around: Option<Box<Around>>,
    /// Rows that were waited for before anybody asked for them.
    ahead: VecDeque<Row>,
    /// The statement itself has ended.
    source_over: bool,
    /// How it failed, while what comes after it is not over.
    failure: Option<Error>,
    over: bool,
    transaction: Option<u64>,
    /// The snapshot that was asked for before it.
    snapshot: Option<String>,
}

/// The answer to the statement itself.
pub(super) enum Source {
    Rows(Pin<Box<RowStream>>),
    /// What it returns is thrown away.
    Batch(Reply),
}

impl Source {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Row, Error>>> {
        match self {
            Self::Rows(rows) => rows.as_mut().poll_next(context),
            Self::Batch(reply) => loop {
                match ready!(reply.as_mut().poll_next(context)) {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => return Poll::Ready(None),
                }
            },
        }
    }
}

/// What travels around a statement.
pub(super) struct Around {
    /// The companion may be refused because nothing can be written.
    may_be_refused: bool,
    begin: Option<Reply>,
    companion: Option<Reply>,
    commit: Option<Reply>,
    transaction: Option<u64>,
    failure: Option<Error>,
}

/// What became of BEGIN.
pub(super) enum Begun {
    /// Nothing of what follows takes effect by itself. With what it was asked at its end.
    Done(Option<String>),
    /// It was not sent: each statement takes effect by itself.
    NotSent,
    /// It was refused, or hit by a request to cancel.
    Refused(Error),
}

impl Around {
    pub(super) fn new(
        begin: Option<Reply>,
        companion: Option<Reply>,
        commit: Option<Reply>,
        may_be_refused: bool,
    ) -> Self {
        Self {
            may_be_refused,
            begin,
            companion,
            commit,
            transaction: None,
            failure: None,
        }
    }

    /// Waits for the answer to BEGIN, if it was sent.
    pub(super) async fn begun(&mut self) -> Result<Begun, Error> {
        let Some(begin) = self.begin.take() else {
            return Ok(Begun::NotSent);
        };
        match last_value(begin).await {
            Ok(value) => Ok(Begun::Done(value)),
            Err(error) if error.as_db_error().is_some() => Ok(Begun::Refused(error)),
            Err(error) => Err(error),
        }
    }

    /// Waits until the companion and COMMIT are over.
    pub(super) async fn ended(&mut self) -> Result<(), Error> {
        poll_fn(|context| self.poll_ended(context)).await
    }

    fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while let Some(companion) = &mut self.companion {
            match ready!(companion.as_mut().poll_next(context)) {
                Some(Ok(SimpleQueryMessage::Row(row))) => self.transaction = id_in(&row),
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    self.transaction = None;
                    self.companion = None;
                    // COMMIT rolls back. A query has written nothing where nothing can be written.
                    let is_needless = self.may_be_refused && is_read_only(&error);
                    self.failure = Some(error).filter(|_| !is_needless);
                }
                None => self.companion = None,
            }
        }
        while let Some(commit) = &mut self.commit {
            match ready!(commit.as_mut().poll_next(context)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    // The id stays: where no answer comes it is asked for by it.
                    self.commit = None;
                    self.failure.get_or_insert(error);
                }
                None => self.commit = None,
            }
        }
        Poll::Ready(self.failure.take().map_or(Ok(()), Err))
    }
}

impl Answer {
    /// A statement that travels alone.
    pub(super) fn of(rows: RowStream) -> Self {
        Self::new(Source::Rows(Box::pin(rows)), None)
    }

    pub(super) fn accompanied(source: Source, around: Around) -> Self {
        Self::new(source, Some(Box::new(around)))
    }

    fn new(source: Source, around: Option<Box<Around>>) -> Self {
        Self {
            source,
            around,
            ahead: VecDeque::new(),
            source_over: false,
            failure: None,
            over: false,
            transaction: None,
            snapshot: None,
        }
    }

    /// With the snapshot that was asked for before it.
    pub(super) fn with_snapshot(mut self, snapshot: Option<String>) -> Self {
        self.snapshot = snapshot;
        self
    }

    /// The snapshot that was asked for before it, if it was.
    pub(crate) fn take_snapshot(&mut self) -> Option<String> {
        self.snapshot.take()
    }

    /// How many rows the statement touched; known once everything is over.
    pub(crate) fn affected(&self) -> u64 {
        match &self.source {
            Source::Rows(rows) => rows.rows_affected().unwrap_or(0),
            Source::Batch(_) => 0,
        }
    }

    /// The transaction that the companion told; known once everything is over.
    pub(crate) fn transaction(&self) -> Option<u64> {
        self.transaction
    }

    /// Waits for what the first row that anybody gets needs: a second row, or the end.
    ///
    /// # Errors
    ///
    /// If the statement or its company failed. Everything is over then, unless the connection
    /// is lost or what the server sent was not expected.
    pub(super) async fn begin(&mut self) -> Result<(), Error> {
        while self.ahead.len() < 2 {
            match poll_fn(|context| self.poll_server(context)).await {
                Some(row) => self.ahead.push_back(row?),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Waits until everything is over, whatever it says.
    pub(super) async fn throw_away(mut self) {
        while let Some(Ok(_)) = poll_fn(|context| self.poll_next(context)).await {}
    }

    /// The next row. After an error there is nothing more.
    pub(crate) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Row, Error>>> {
        match self.ahead.pop_front() {
            Some(row) => Poll::Ready(Some(Ok(row))),
            None => self.poll_server(context),
        }
    }

    fn poll_server(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Row, Error>>> {
        if self.over {
            return Poll::Ready(None);
        }
        if !self.source_over {
            match ready!(self.source.poll_next(context)) {
                Some(Ok(row)) => return Poll::Ready(Some(Ok(row))),
                // What follows an error that is not the server's may never come.
                Some(Err(error)) if self.around.is_none() || error.as_db_error().is_none() => {
                    self.over = true;
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Err(error)) => self.failure = Some(error),
                None => {}
            }
            self.source_over = true;
        }
        let ended = match &mut self.around {
            Some(around) => {
                let ended = ready!(around.poll_ended(context));
                self.transaction = around.transaction;
                ended
            }
            None => Ok(()),
        };
        self.over = true;
        Poll::Ready(self.failure.take().map_or(ended, Err).err().map(Err))
    }
}

/// Waits for the end of the answer to a text.
pub(super) async fn read_to_its_end(reply: Reply) -> Result<(), Error> {
    last_value(reply).await.map(drop)
}

/// Waits for the end of the answer to a text; gives the first value of its last row.
pub(super) async fn last_value(mut reply: Reply) -> Result<Option<String>, Error> {
    let mut value = None;
    while let Some(message) = poll_fn(|context| reply.as_mut().poll_next(context)).await {
        if let SimpleQueryMessage::Row(row) = message? {
            value = row.try_get(0)?.map(str::to_owned);
        }
    }
    Ok(value)
}

/// The transaction id in the row of a companion.
pub(super) fn id_in(row: &SimpleQueryRow) -> Option<u64> {
    row.try_get(0).ok()??.parse().ok()
}
