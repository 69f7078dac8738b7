//! What became of statements, by their text: how often, how long, and how the server runs them.

mod summary;

pub use summary::{PlanSnapshot, PlanValues, StatementSummary};
