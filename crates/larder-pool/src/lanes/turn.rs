//! One query on a lane, from its preparation to its answer.

use std::sync::Arc;

use tokio::time::timeout;
use tokio_postgres::Statement as Prepared;

use super::group::Group;
use super::judgement::{Failure, Judgement, Unprepared, judge_error};
use super::lane::Lane;
use super::request::{Outcome, Request, WholeRows};
use super::statements::LaneStatement;
use super::status::BypassReason;
use super::watched::Watched;
use crate::connection::{Observation, Origin, Question, Statement, begin_shared};
use crate::server_error::{ServerError, to_diesel, too_late};
use crate::{Error, OwnedQuery, Row, deadline};

/// The right to send a query on a lane, which was chosen for it.
pub struct LaneTurn {
    group: Arc<Group>,
    lane: Arc<Lane>,
    known: Arc<LaneStatement>,
}

/// The result of a query that a lane has answered.
#[derive(Debug)]
#[non_exhaustive]
pub struct LaneRows {
    /// All rows.
    pub rows: Vec<Row>,
    /// How many bytes they had on the wire.
    pub bytes: u64,
    /// How many values they have, NULLs included.
    pub values: u64,
    /// The server's snapshot from just before the query, where it was asked for: every
    /// transaction that it sees, the query sees too. `None` where the server refused it.
    pub snapshot: Option<String>,
}

/// Why a lane has not answered a query.
#[derive(Debug)]
pub enum LaneFailure {
    /// It has to run on a connection of the pool.
    Bypassed(OwnedQuery),
    /// The server refused it, as it would there.
    Failed(Error),
}

impl LaneTurn {
    pub(super) fn new(group: &Arc<Group>, lane: Arc<Lane>, known: Arc<LaneStatement>) -> Self {
        Self {
            group: Arc::clone(group),
            lane,
            known,
        }
    }

    /// Where the lane leads, and how its session reads.
    pub fn origin(&self) -> Origin<'_> {
        self.lane.origin()
    }

    /// The lane is not used any more: it is replaced.
    pub fn retire_lane(&self) {
        self.lane.retire();
    }

    /// Reads the query, with a snapshot from just before it if that is asked for.
    ///
    /// # Errors
    ///
    /// [`LaneFailure`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves nothing behind: what the server answers is thrown away.
    pub async fn load(self, query: OwnedQuery, as_of: bool) -> Result<LaneRows, LaneFailure> {
        let OwnedQuery { statement, profile } = query;
        // On the heap: callers have enough of their own to carry.
        match Box::pin(self.run(statement, as_of)).await {
            Ok((whole, snapshot)) => Ok(LaneRows {
                rows: whole.rows,
                bytes: whole.bytes,
                values: whole.values,
                snapshot,
            }),
            Err(Failure::Bypassed(statement)) => {
                Err(LaneFailure::Bypassed(OwnedQuery { statement, profile }))
            }
            Err(Failure::Failed(error)) => Err(LaneFailure::Failed(error)),
        }
    }

    /// Runs the statement, within the time that the request has. Nobody else's statement may be
    /// ended for that, so the caller leaves, and what is answered later is thrown away.
    pub(super) async fn run(
        self,
        statement: Statement,
        as_of: bool,
    ) -> Result<(WholeRows, Option<String>), Failure> {
        let answered = self.run_without_deadline(statement, as_of);
        match deadline::in_time("an answer of the database", answered).await {
            Some(answered) => answered,
            None => Err(Failure::Failed(Error::Statement {
                source: too_late(deadline::limit().unwrap_or_default()),
                server: None,
            })),
        }
    }

    async fn run_without_deadline(
        self,
        statement: Statement,
        as_of: bool,
    ) -> Result<(WholeRows, Option<String>), Failure> {
        let mut watched = Watched::new(self.observe(&statement));
        let prepared = match self.prepared(&statement).await {
            Ok(prepared) => prepared,
            Err(unprepared) => {
                return Err(self.unsent(unprepared, statement, &mut watched));
            }
        };
        let request = Arc::new(Request::new(statement, Arc::clone(&self.known)));
        let (outcome, snapshot) = match self.exchange(&request, prepared, as_of).await {
            Ok(answers) => answers,
            Err(reason) => return Err(self.bypass(reason, &request, &mut watched)),
        };
        match self.judge(outcome) {
            Judgement::Answered(whole) => {
                self.group.counters.read();
                watched.answered(&whole);
                Ok((whole, snapshot))
            }
            Judgement::Refused(error, reply) => {
                self.group.counters.read();
                watched.refused(&reply);
                Err(refused(&error, reply))
            }
            Judgement::Bypass(reason) => Err(self.bypass(reason, &request, &mut watched)),
        }
    }

    /// Tells the observer that the statement is about to be sent.
    fn observe(&self, statement: &Statement) -> Observation {
        let lane = &self.lane;
        begin_shared(
            lane.link(),
            lane.opened(),
            &self.known.profile,
            &statement.binds,
        )
    }

    /// The statement as it is prepared on the lane, by whoever comes first.
    async fn prepared(&self, statement: &Statement) -> Result<Prepared, Unprepared> {
        let id = self.lane.id();
        let place = self.known.preparation(id, |lane| self.group.is_open(lane));
        if let Some(prepared) = place.get() {
            return Ok(prepared.clone());
        }
        let link = Arc::clone(self.lane.link());
        let (sql, types) = (statement.sql.clone(), statement.binds.types());
        // In a task of its own, so that a caller who leaves leaves no statement without a name here.
        let preparing = tokio::spawn(async move {
            let prepare = || link.client().prepare_typed(&sql, &types);
            place.get_or_try_init(prepare).await.cloned()
        });
        match timeout(self.group.options.slow_after, preparing).await {
            Ok(Ok(Ok(prepared))) => Ok(prepared),
            Ok(Ok(Err(error))) => Err(Unprepared::Failed(error)),
            Ok(Err(_)) => Err(Unprepared::Bypass(BypassReason::Lost)),
            Err(_) => Err(Unprepared::Bypass(BypassReason::Blocked)),
        }
    }

    /// Sends the statement, behind the question for the snapshot if that is asked for.
    async fn exchange(
        &self,
        request: &Arc<Request>,
        prepared: Prepared,
        as_of: bool,
    ) -> Result<(Outcome, Option<String>), BypassReason> {
        let sent = Arc::clone(request);
        if !as_of {
            let sent = self.lane.send([(sent, prepared)]);
            sent.map_err(|_| BypassReason::Lost)?;
            return Ok((request.outcome().await, None));
        }
        let question = self.lane.link().snapshot_question();
        let question = timeout(self.group.options.slow_after, question).await;
        let question = question.map_err(|_| BypassReason::Blocked)?;
        let Ok(Question::Named(question)) = question else {
            return Err(BypassReason::Lost);
        };
        let asked = Arc::new(Request::question());
        let sent = self
            .lane
            .send([(Arc::clone(&asked), question), (sent, prepared)]);
        sent.map_err(|_| BypassReason::Lost)?;
        // The server answers in this order.
        let snapshot = match asked.outcome().await {
            Outcome::Rows(whole) => whole.rows.first().and_then(Row::text),
            Outcome::Failed(_) => None,
            _ => return Err(BypassReason::Lost),
        };
        Ok((request.outcome().await, snapshot))
    }

    fn judge(&self, outcome: Outcome) -> Judgement {
        let judgement = match outcome {
            Outcome::Rows(whole) => Judgement::Answered(whole),
            Outcome::TooLarge => Judgement::Bypass(BypassReason::Large),
            Outcome::Blocked => Judgement::Bypass(BypassReason::Blocked),
            Outcome::Lost => Judgement::Bypass(BypassReason::Lost),
            Outcome::Failed(error) => judge_error(error),
        };
        self.heed(&judgement);
        judgement
    }

    /// Remembers what an outcome means for the next time.
    fn heed(&self, judgement: &Judgement) {
        match judgement {
            Judgement::Bypass(reason @ (BypassReason::Large | BypassReason::Slow)) => {
                self.known.send_away(*reason);
            }
            Judgement::Bypass(BypassReason::Unfit) => self.known.send_away(BypassReason::Unfit),
            Judgement::Bypass(BypassReason::Refused) => {
                self.known.forget(self.lane.id());
                self.lane.link().types().clear();
            }
            _ => {}
        }
    }

    /// The statement runs on a connection of the pool, which tells of it once more.
    fn bypass(
        &self,
        reason: BypassReason,
        request: &Arc<Request>,
        watched: &mut Watched,
    ) -> Failure {
        self.group.counters.bypassed(reason);
        watched.leave();
        Failure::Bypassed(request.statement.clone())
    }

    fn unsent(
        &self,
        unprepared: Unprepared,
        statement: Statement,
        watched: &mut Watched,
    ) -> Failure {
        let reason = match unprepared {
            Unprepared::Bypass(reason) => reason,
            Unprepared::Failed(error) => match judge_error(error) {
                Judgement::Refused(error, reply) => {
                    watched.not_sent(&reply);
                    return refused(&error, reply);
                }
                Judgement::Bypass(reason) => reason,
                Judgement::Answered(_) => BypassReason::Lost,
            },
        };
        self.heed(&Judgement::Bypass(reason));
        self.group.counters.bypassed(reason);
        watched.leave();
        Failure::Bypassed(statement)
    }
}

/// An error that is the statement's own, as a connection of the pool would give it.
fn refused(error: &tokio_postgres::Error, reply: Box<ServerError>) -> Failure {
    Failure::Failed(Error::Statement {
        source: to_diesel(error, None, Some(&reply)),
        server: Some(reply),
    })
}

impl std::fmt::Debug for LaneTurn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LaneTurn").finish_non_exhaustive()
    }
}
