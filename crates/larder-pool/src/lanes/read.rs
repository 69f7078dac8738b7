//! The way of one read: by a lane, or by a connection of the pool.

use std::sync::Arc;

use super::group::Group;
use super::judgement::Failure;
use super::status::BypassReason;
use super::turn::LaneTurn;
use crate::connection::{Reuse, Statement};
use crate::{Error, OwnedQuery, Pool, Reader, Row, Rows, Session, TransactionSettings};

/// What came of a read.
pub(super) enum Read {
    /// By a lane: all rows have arrived.
    Whole(Vec<Row>),
    /// By a connection of its own: they arrive one by one.
    Streaming(Box<(Rows<'static>, Session)>),
}

impl Pool {
    /// A handle by which single statements run, each by the shortest way. See [`Reader`].
    pub fn reader(&self) -> Reader {
        Reader::new(self, None)
    }

    /// The same under settings: each statement runs in a transaction of its own that begins with
    /// them, on a connection of the pool.
    pub fn reader_with(&self, settings: &TransactionSettings) -> Reader {
        Reader::new(self, Some(settings.clone()))
    }

    /// Opens the lanes now and not with the first read that they could carry. Gives how many
    /// are open: 0 where there are none to open, and less than
    /// [`LaneOptions::count`](crate::LaneOptions::count) if an attempt failed.
    ///
    /// # Cancel safety
    ///
    /// Dropped, they are opened all the same.
    pub async fn open_lanes(&self) -> usize {
        match self.0.lanes.group() {
            Some(group) => group.opened().await,
            None => 0,
        }
    }

    /// A lane for a query; `None` where it has to run on a connection of the pool. That is
    /// counted, with the reason.
    pub fn lane(&self, query: &OwnedQuery) -> Option<LaneTurn> {
        self.turn(&query.statement)
    }

    /// Runs a statement by the shortest way.
    pub(super) async fn read_statement(
        &self,
        statement: Statement,
        settings: Option<&TransactionSettings>,
    ) -> Result<Read, Error> {
        // What is set for a transaction concerns nobody else on a lane.
        let turn = match settings {
            None => self.turn(&statement),
            Some(_) => None,
        };
        let statement = match turn {
            None => statement,
            Some(turn) => match turn.run(statement, false).await {
                Ok((rows, _)) => return Ok(Read::Whole(rows.rows)),
                Err(Failure::Bypassed(statement)) => statement,
                Err(Failure::Failed(error)) => return Err(error),
            },
        };
        let mut session = self.session_under(settings).await?;
        match session.run(Ok(Arc::new(statement))).await {
            Ok(rows) => Ok(Read::Streaming(Box::new((rows, session)))),
            Err(error) => Err(Error::statement(error, session.last_server_error())),
        }
    }

    /// A session, under settings if there are any.
    pub(super) async fn session_under(
        &self,
        settings: Option<&TransactionSettings>,
    ) -> Result<Session, Error> {
        match settings {
            Some(settings) if self.is_in_transaction_under_others(settings) => {
                Err(Error::OtherSettings)
            }
            Some(settings) => self.session_with(settings).await,
            None => self.session().await,
        }
    }

    fn turn(&self, statement: &Statement) -> Option<LaneTurn> {
        let group = self.0.lanes.group()?;
        match self.try_turn(group, statement) {
            Ok(turn) => Some(turn),
            Err(reason) => {
                group.counters.bypassed(reason);
                None
            }
        }
    }

    fn try_turn(
        &self,
        group: &Arc<Group>,
        statement: &Statement,
    ) -> Result<LaneTurn, BypassReason> {
        let watch = &self.0.connector.shared().watch;
        let known = match group.statements.get(statement) {
            Some(known) => known,
            None => {
                let profile = watch.profiles().of(&statement.sql);
                if !watch.observer.may_share_connection(&profile) {
                    return Err(BypassReason::Unfit);
                }
                let known = group.statements.insert(statement, profile);
                if matches!(statement.reuse, Reuse::Never) {
                    return Err(BypassReason::Rare);
                }
                known
            }
        };
        // Asked each time: definitions change.
        if !watch.observer.may_share_connection(&known.profile)
            || !statement.binds.unresolved().is_empty()
        {
            return Err(BypassReason::Unfit);
        }
        if let Some(reason) = known.is_away() {
            return Err(reason);
        }
        if self.is_in_transaction() {
            return Err(BypassReason::Transaction);
        }
        Ok(LaneTurn::new(group, group.choose()?, known))
    }
}
