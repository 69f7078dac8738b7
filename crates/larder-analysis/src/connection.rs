//! Questions to the server, each behind a savepoint: one that is refused ends no other.

use diesel::sql_types::Json;
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use larder_database::{Connection, Error, ErrorClass, Sql};
use serde_json::Value;

/// Why a question has no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// The server refused it, and answers others.
    Refused(Refusal),
    /// Nothing can be asked any more.
    Lost(Error),
}

/// What the server said instead of an answer.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// In its words.
    pub(crate) why: String,
    /// What to do about it.
    pub(crate) cure: &'static str,
}

impl From<Error> for Unanswered {
    fn from(error: Error) -> Self {
        match error.class() {
            ErrorClass::Connection | ErrorClass::OutcomeUnknown => Self::Lost(error),
            _ => Self::Refused(Refusal::of(&error)),
        }
    }
}

impl From<diesel::result::Error> for Unanswered {
    fn from(error: diesel::result::Error) -> Self {
        Self::from(Error::from(error))
    }
}

impl Refusal {
    fn of(error: &Error) -> Self {
        let state = error.sql_state();
        let cure = match state.as_ref().map_or("", |state| state.as_str()) {
            "42501" => "grant the role pg_monitor, or analyse as a role that may see it",
            "57014" => "give it longer: --timeout, or `statement_timeout` of the options",
            "55P03" => "try again when whoever holds the lock is done",
            _ => "see the log of the server",
        };
        let why = match error.server_error() {
            Some(server) => server.message().to_owned(),
            None => error.to_string(),
        };
        Self { why, cure }
    }
}

/// The rows of an answer as JSON objects.
pub(crate) async fn ask(
    connection: &mut Connection,
    question: Sql,
) -> Result<Vec<Value>, Unanswered> {
    connection
        .transaction::<_, Unanswered, _>(async |connection| {
            Ok(question.fetch_json_on(connection).await?)
        })
        .await
}

/// Runs a statement without an answer, not by itself: what it does holds until the end.
pub(crate) async fn run(connection: &mut Connection, text: &str) -> Result<(), Unanswered> {
    connection
        .transaction::<_, Unanswered, _>(async |connection| {
            let done = sql_query(text).execute(connection).await;
            done.map_err(|error| refused(error, connection))?;
            Ok(())
        })
        .await
}

#[derive(QueryableByName)]
struct Explained {
    #[diesel(sql_type = Json, column_name = "QUERY PLAN")]
    plan: Value,
}

/// The plan that an EXPLAIN with FORMAT JSON gives.
pub(crate) async fn explain(connection: &mut Connection, text: &str) -> Result<Value, Unanswered> {
    let plans = connection
        .transaction::<_, Unanswered, _>(async |connection| {
            let plans = sql_query(text).load::<Explained>(connection).await;
            plans.map_err(|error| refused(error, connection))
        })
        .await?;
    let plan = plans.into_iter().next().map(|explained| explained.plan);
    Ok(plan.unwrap_or_default())
}

fn refused(error: diesel::result::Error, connection: &Connection) -> Unanswered {
    let said = connection.last_server_error();
    let mut unanswered = Unanswered::from(error);
    if let (Unanswered::Refused(refusal), Some(said)) = (&mut unanswered, said) {
        refusal.why = said.message().to_owned();
    }
    unanswered
}
