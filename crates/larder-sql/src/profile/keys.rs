//! By which parameters a statement names the rows of its one table.
//!
//! This is read from the tokens of the text, not from the parser's tree: the tree is made from a
//! text in which operators, casts and lists of values have become plainer than they were. What
//! is read here is a small part of PostgreSQL's grammar. A statement that has anything else, in
//! a place where it matters, names no rows.

use super::commands::Outcome;
use super::{Effect, QualifiedName, StatementKind};
use crate::failpoints;

mod assignments;
mod commands;
mod condition;
mod insert;
mod terms;

#[cfg(test)]
mod tests;

/// The most rows of a `VALUES` whose parameters are kept.
const MOST_ROWS: usize = 128;

/// The most conditions of a statement that are looked at.
const MOST_CONDITIONS: usize = 64;

/// By which parameters a statement names the rows of its one table, as far as its text tells.
///
/// Of a SELECT, an UPDATE or a DELETE these are the conditions `column = $n` that every row must
/// meet; of an INSERT the columns that get a parameter in every row. Whether one of the columns
/// is the table's key, only the [`Catalog`](crate::catalog::Catalog) knows: see
/// [`row_read`](crate::catalog::Catalog::row_read) and
/// [`row_write`](crate::catalog::Catalog::row_write).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyCandidates {
    /// The columns, each once, in the order of the text.
    pub columns: Box<[KeyCandidate]>,
    pub(crate) verb: Verb,
}

/// A column whose values a statement names by parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyCandidate {
    /// The column, folded as PostgreSQL folds names.
    pub column: Box<str>,
    /// The parameters, counted from 0: `$1` is 0. One for a condition, one for each row for an
    /// INSERT.
    pub parameters: Box<[u16]>,
}

/// What a statement does to the rows that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verb {
    Select {
        /// Whether a row of its result can only come from a row of the table.
        finds_rows: bool,
    },
    Insert(Conflict),
    Update,
    Delete,
}

/// What an INSERT does where a row is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// It fails, or leaves the row as it is.
    Keep,
    Update {
        /// The one column that names the conflict, if it is one.
        target: Option<Box<str>>,
        assigned: Box<[Box<str>]>,
    },
}

impl KeyCandidates {
    /// The parameters that stand for `column`.
    pub(crate) fn of(&self, column: &str) -> Option<&[u16]> {
        let mut columns = self.columns.iter();
        let found = columns.find(|candidate| &*candidate.column == column)?;
        Some(&found.parameters)
    }

    /// About how much it takes beside itself.
    pub(crate) fn bytes(&self) -> usize {
        let column = |column: &KeyCandidate| {
            size_of::<KeyCandidate>()
                + column.column.len()
                + size_of::<u16>() * column.parameters.len()
        };
        size_of::<Self>() + self.columns.iter().map(column).sum::<usize>()
    }
}

/// What the statement of `text` names, of which `outcome` is known.
pub(super) fn of_statement(text: &str, outcome: &Outcome) -> Option<Box<KeyCandidates>> {
    let table = only_table(outcome)?;
    let terms = terms::read(text)?;
    let found = match outcome.kind {
        StatementKind::Select => commands::select(&terms, outcome.finds_rows),
        StatementKind::Insert => insert::insert(&terms),
        StatementKind::Update => commands::update(&terms),
        StatementKind::Delete => commands::delete(&terms),
        _ => None,
    };
    let relaxed = || {
        let is_relaxed = failpoints::is_on("row-any-condition");
        is_relaxed.then(|| commands::relaxed(&terms, table, outcome))?
    };
    let (name, candidates) = found.or_else(relaxed)?;
    // Two readers of one text, who have to agree.
    (name == *table).then(|| Box::new(candidates))
}

/// What a statement does in the sight of the parser, if it may be one that is read here.
fn only_table(outcome: &Outcome) -> Option<&QualifiedName> {
    let touched = &outcome.touched;
    let (named, others) = match (&outcome.effect, outcome.kind) {
        (Effect::Read, StatementKind::Select) => (&touched.reads, &touched.writes),
        (Effect::Write, StatementKind::Insert | StatementKind::Update | StatementKind::Delete) => {
            (&touched.writes, &touched.reads)
        }
        _ => return None,
    };
    let is_one = named.len() == 1 && !touched.creates_table;
    let is_one = is_one && (others.is_empty() || failpoints::is_on("row-any-condition"));
    named.first().filter(|_| is_one)
}
