//! Trying an index out that is not there: `hypopg` lets the planner believe in it, in this session
//! alone, and nothing is written.

use larder_database::{Connection, sql};
use serde::Deserialize;

use super::candidate::Candidate;
use super::explain;
use super::node::Node;
use crate::connection::{Unanswered, ask};

/// What the planner makes of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trial {
    /// The cost of the whole plan without it.
    pub(super) before: f64,
    /// With it, at most: its real pages may be a little more than `hypopg` thinks.
    pub(super) after: f64,
    /// The size of the index, in bytes.
    pub(super) bytes: f64,
}

#[derive(Deserialize)]
struct Made {
    name: String,
    bytes: i64,
}

/// Tries it out on a statement; `None` if the planner would not use it, or would gain little.
pub(super) async fn try_out(
    connection: &mut Connection,
    schema: &str,
    statement: &str,
    before: f64,
    candidate: &Candidate,
) -> Result<Option<Trial>, Unanswered> {
    let made = make(connection, schema, candidate).await;
    let planned = match &made {
        Ok(Some(_)) => Some(explain::plan(connection, statement, false).await),
        _ => None,
    };
    let reset = format!("SELECT 1 AS one FROM {schema}.hypopg_reset()");
    ask(connection, sql(reset)).await?;
    let (Some(made), Some(planned)) = (made?, planned) else {
        return Ok(None);
    };
    let Some(root) = Node::root(&planned?) else {
        return Ok(None);
    };
    /// Less is not worth an index.
    const WORTH: f64 = 0.7;
    /// How far the real index may be from the one that was tried.
    const MARGIN: f64 = 1.1;
    let after = MARGIN * root.cost;
    let is_worth = root.uses_index(&made.name) && after <= WORTH * before;
    let bytes = made.bytes as f64;
    Ok(is_worth.then_some(Trial {
        before,
        after,
        bytes,
    }))
}

async fn make(
    connection: &mut Connection,
    schema: &str,
    candidate: &Candidate,
) -> Result<Option<Made>, Unanswered> {
    let question = format!(
        "SELECT h.indexname::text AS name, {schema}.hypopg_relation_size(h.indexrelid)::int8 AS bytes
         FROM {schema}.hypopg_create_index(:definition) h"
    );
    let question = sql(question).bind("definition", candidate.sql(""));
    let rows = ask(connection, question).await?;
    let made = rows.into_iter().next();
    Ok(made.and_then(|row| serde_json::from_value(row).ok()))
}
