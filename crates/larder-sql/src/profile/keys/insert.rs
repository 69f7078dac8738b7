//! The forms of INSERT that say which rows they insert.

use super::commands::{OF_QUERIES, relation};
use super::terms::{Term, between_commas, first_outside, in_parentheses};
use super::{Conflict, KeyCandidate, KeyCandidates, MOST_ROWS, Verb, assignments};
use crate::QualifiedName;

/// `INSERT INTO table [AS alias] [(columns)] VALUES rows | DEFAULT VALUES [ON CONFLICT ..]
/// [RETURNING ..]`
pub(super) fn insert(terms: &[Term<'_>]) -> Option<(QualifiedName, KeyCandidates)> {
    let [insert, into, rest @ ..] = terms else {
        return None;
    };
    // `OVERRIDING USER VALUE` takes other values than those that are given.
    let is_more = |term: &Term<'_>| {
        term.is_any_word(OF_QUERIES) && !term.is_word("values") || term.is_word("overriding")
    };
    if !insert.is_word("insert") || !into.is_word("into") || rest.iter().any(is_more) {
        return None;
    }
    let (table, rest) = table(rest)?;
    let (columns, rest) = match in_parentheses(rest) {
        Some((columns, rest)) => (names(columns)?, rest),
        None => (Vec::new(), rest),
    };
    let (columns, rest) = match rest {
        [default, values, rest @ ..] if default.is_word("default") && values.is_word("values") => {
            (Vec::new(), rest)
        }
        [values, rest @ ..] if values.is_word("values") => {
            let (rows, rest) = rows(rest)?;
            (candidates(&columns, &rows), rest)
        }
        _ => return None,
    };
    let verb = Verb::Insert(conflict(rest)?);
    let columns = columns.into();
    Some((table, KeyCandidates { columns, verb }))
}

/// The table that is written. Only an AS makes a word an alias here.
fn table<'t, 'a>(terms: &'t [Term<'a>]) -> Option<(QualifiedName, &'t [Term<'a>])> {
    let (relation, mut rest) = relation(terms)?;
    if relation.alias.is_some() {
        let (_, after) = super::commands::path(terms)?;
        if !after.first()?.is_word("as") {
            rest = after;
        }
    }
    Some((relation.name()?, rest))
}

/// The columns of a list of nothing but names, each once.
fn names<'t>(terms: &'t [Term<'_>]) -> Option<Vec<&'t str>> {
    let mut names = Vec::new();
    for column in between_commas(terms) {
        let [column] = column else {
            return None;
        };
        names.push(column.name()?);
    }
    Some(names)
}

/// The rows of VALUES, each as its values, and what follows them.
#[expect(
    clippy::type_complexity,
    reason = "it has no other name than what it is"
)]
fn rows<'t, 'a>(mut terms: &'t [Term<'a>]) -> Option<(Vec<Vec<&'t [Term<'a>]>>, &'t [Term<'a>])> {
    let mut rows = Vec::new();
    loop {
        let (row, rest) = in_parentheses(terms)?;
        rows.push(between_commas(row));
        match rest {
            [comma, rest @ ..] if comma.is_symbol(",") => terms = rest,
            _ => return Some((rows, rest)),
        }
    }
}

/// The columns that get a parameter in every row.
fn candidates(columns: &[&str], rows: &[Vec<&[Term<'_>]>]) -> Vec<KeyCandidate> {
    if rows.len() > MOST_ROWS || rows.iter().any(|row| row.len() != columns.len()) {
        return Vec::new();
    }
    let parameter = |value: &[Term<'_>]| match value {
        [Term::Parameter(parameter)] => Some(*parameter),
        _ => None,
    };
    let of_column = |(at, column): (usize, &&str)| {
        let parameters: Option<Box<[u16]>> = rows.iter().map(|row| parameter(row[at])).collect();
        Some(KeyCandidate {
            column: (*column).into(),
            parameters: parameters?,
        })
    };
    columns.iter().enumerate().filter_map(of_column).collect()
}

/// What stands after the rows.
fn conflict(terms: &[Term<'_>]) -> Option<Conflict> {
    let rest = match terms {
        [] => return Some(Conflict::Keep),
        [returning, ..] if returning.is_word("returning") => return Some(Conflict::Keep),
        [on, conflict, rest @ ..] if on.is_word("on") && conflict.is_word("conflict") => rest,
        _ => return None,
    };
    let (target, rest) = rest.split_at(first_outside(rest, &["do"]));
    match rest {
        [_, nothing, ..] if nothing.is_word("nothing") => Some(Conflict::Keep),
        [_, update, set, rest @ ..] if update.is_word("update") && set.is_word("set") => {
            let end = first_outside(rest, &["where", "returning"]);
            Some(Conflict::Update {
                target: column_of(target),
                assigned: assignments::columns(&rest[..end])?.into(),
            })
        }
        _ => None,
    }
}

/// The column of a target that is nothing but one column.
fn column_of(target: &[Term<'_>]) -> Option<Box<str>> {
    match in_parentheses(target)? {
        ([column], []) => column.name().map(Into::into),
        _ => None,
    }
}
