//! Statements that tell the server which trace they belong to, as a comment behind the text.
//!
//! Each has a text of its own, so it is sent without a name: nothing that is kept of statements,
//! neither here nor on the server, is ever found or pushed out by one. What it does, its key in the
//! cache and what is counted of it go by the text without the comment. A setting of the session
//! instead, such as `application_name`, would cost a round trip and outlast the statement.

use std::sync::Arc;

use diesel::QueryResult;

use super::accompanied::Request;
use super::answer::Answer;
use super::ticket::Pending;
use super::{Link, Ticket, refuse_transaction_control};
use crate::connection::observation::Observation;
use crate::connection::rows::Rows;
use crate::connection::statement::Statement;

/// A text with a comment behind it. On a line of its own, because the text may end with a comment
/// that goes on to the end of its line.
pub(super) fn commented(sql: &str, comment: &str) -> String {
    format!("{sql}\n/*{comment}*/")
}

impl Link {
    /// Sends a statement with a comment, its types resolved.
    pub(super) async fn query_commented<'conn>(
        self: &Arc<Self>,
        statement: &Statement,
        comment: &str,
        mut observation: Pending<'_>,
    ) -> QueryResult<Rows<'conn>> {
        refuse_transaction_control(&statement.sql)?;
        let sql = commented(&statement.sql, comment);
        let types = statement.binds.types();
        let observation = observation.take();
        let companion = observation.as_ref().and_then(Observation::companion);
        match observation {
            Some(observation) if companion.is_some() || observation.settings().is_some() => {
                let request = Request::Unnamed(&sql, &statement.binds.values, &types);
                self.accompany(request, observation, companion).await
            }
            observation => {
                let mut ticket = Ticket::new(self);
                ticket.watch(observation);
                let values = statement.binds.values.iter().zip(types);
                let sent = self.asking_behind(self.client.query_typed_raw(&sql, values));
                let answer = self.answer(Box::pin(sent)).await;
                match answer.map_err(|error| ticket.late(error))? {
                    Ok(rows) => Ok(Rows::new(Answer::of(rows), ticket)),
                    Err(error) => Err(ticket.failed(&error)),
                }
            }
        }
    }
}
