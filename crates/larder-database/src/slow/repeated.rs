//! Statements that one request runs again and again.

use std::sync::{Mutex, PoisonError};

use larder_pool::{Repetition, Repetitions};
use larder_sql::StatementProfile;

use crate::scope::Context;

/// How often a request has run the same statements.
#[derive(Debug, Default)]
pub(crate) struct RequestRepetitions(Mutex<Repetitions>);

impl RequestRepetitions {
    pub(crate) fn count(&self, profile: &StatementProfile) -> Repetition {
        let mut repetitions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        repetitions.count(profile.fingerprint)
    }
}

/// Runs a future as one request: where its statements are the same again and again, on however
/// many connections, that is noticed (`query.repetitions`). Outside of a request that is noticed
/// for each session by itself. [`deadline::within`](crate::deadline::within) makes a request, too.
///
/// The first time that a statement is noticed is an event at level warn, target
/// `larder::repeated`; each time counts in
/// [`repeated_in_request`](crate::StatementSummary::repeated_in_request). Within a request another
/// one is a part of it. What the future spawns belongs to it where it [carries](crate::carry) this
/// along.
///
/// # Cancel safety
///
/// That of the future.
///
/// # Examples
///
/// ```no_run
/// # async fn example(db: larder_database::Database, ids: Vec<i64>) -> Result<(), larder_database::Error> {
/// larder_database::request(async {
///     for id in ids {
///         // Noticed when it runs for the tenth time: `WHERE id = ANY(:ids)` asks for all at once.
///         let name: String = db.sql("SELECT name FROM menus WHERE id = :id").bind("id", id).fetch_scalar().await?;
///         println!("{name}");
///     }
///     Ok(())
/// })
/// .await
/// # }
/// ```
pub fn request<F: Future>(future: F) -> impl Future<Output = F::Output> {
    // Taken when it is made: where it is polled first, another task may run.
    let context = Context::current().in_request();
    context.enter(future)
}
