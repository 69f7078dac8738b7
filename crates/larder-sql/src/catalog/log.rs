//! What belongs to Larder's own log of invalidations, the schema `larder`: nothing that is cached
//! depends on it, so that writing it is no news to anybody.

use super::functions::FunctionEffect;
use super::snapshot;

const SCHEMA: &str = "larder";

/// Whether a table of this schema is one of the log's.
pub(super) fn is_its_schema(schema: &str) -> bool {
    schema == SCHEMA
}

/// What a function of the log does: `track`, which the triggers of tracked tables call, writes
/// the log and nothing else.
pub(super) fn effect(function: &snapshot::Function) -> Option<FunctionEffect> {
    let is_one = is_its_schema(&function.schema)
        && matches!(&*function.name, "note" | "track" | "prune" | "renew_epoch");
    is_one.then_some(FunctionEffect::Acting)
}
