//! The forms of SELECT, UPDATE and DELETE that name rows of one table.

use super::terms::{Term, first_outside, outside};
use super::{KeyCandidate, KeyCandidates, MOST_CONDITIONS, Verb, assignments, condition};
use crate::QualifiedName;
use crate::failpoints;
use crate::profile::StatementKind;
use crate::profile::commands::Outcome;

/// A table in the place where it is selected from or written.
pub(super) struct Relation<'t> {
    /// Its name, as it is given.
    pub(super) parts: Vec<&'t str>,
    pub(super) alias: Option<&'t str>,
}

impl Relation<'_> {
    pub(super) fn name(&self) -> Option<QualifiedName> {
        QualifiedName::from_parts(&self.parts)
    }
}

/// What may stand anywhere in a statement only if it has another query or another table in it.
pub(super) const OF_QUERIES: &[&str] = &[
    "except",
    "intersect",
    "into",
    "join",
    "lateral",
    "merge",
    "only",
    "select",
    "table",
    "tablesample",
    "union",
    "values",
    "with",
];

/// What ends the condition of a SELECT.
const AFTER_CONDITION: &[&str] = &[
    "fetch", "for", "group", "having", "limit", "offset", "order", "window",
];

/// `SELECT .. FROM table [[AS] alias] WHERE condition [..]`
pub(super) fn select(
    terms: &[Term<'_>],
    finds_rows: bool,
) -> Option<(QualifiedName, KeyCandidates)> {
    let (select, rest) = terms.split_first()?;
    if !select.is_word("select") || rest.iter().any(|term| term.is_any_word(OF_QUERIES)) {
        return None;
    }
    let from = only_from(rest)?;
    let (relation, rest) = relation(&rest[from + 1..])?;
    let (condition, _) = condition_before(rest, AFTER_CONDITION)?;
    let verb = Verb::Select {
        finds_rows: finds_rows && !terms.windows(2).any(is_aggregate_of_row),
    };
    candidates(verb, &relation, condition, &[])
}

/// `UPDATE table [[AS] alias] SET assignments WHERE condition [RETURNING ..]`
pub(super) fn update(terms: &[Term<'_>]) -> Option<(QualifiedName, KeyCandidates)> {
    let (update, rest) = terms.split_first()?;
    let is_more = |term: &Term<'_>| term.is_any_word(OF_QUERIES);
    if !update.is_word("update") || rest.iter().any(is_more) || froms(rest).next().is_some() {
        return None;
    }
    let (relation, rest) = relation(rest)?;
    let (set, rest) = rest.split_first()?;
    if !set.is_word("set") {
        return None;
    }
    let end = first_outside(rest, &["where"]);
    let mut assigned = assignments::columns(&rest[..end])?;
    if failpoints::is_on("row-assigned-key") {
        assigned.clear();
    }
    let (condition, _) = condition_before(&rest[end..], &["returning"])?;
    candidates(Verb::Update, &relation, condition, &assigned)
}

/// `DELETE FROM table [[AS] alias] WHERE condition [RETURNING ..]`
pub(super) fn delete(terms: &[Term<'_>]) -> Option<(QualifiedName, KeyCandidates)> {
    let [delete, from, rest @ ..] = terms else {
        return None;
    };
    let is_more = |term: &Term<'_>| term.is_any_word(OF_QUERIES);
    if !delete.is_word("delete") || !from.is_word("from") || rest.iter().any(is_more) {
        return None;
    }
    let (relation, rest) = relation(rest)?;
    let (condition, _) = condition_before(rest, &["returning"])?;
    candidates(Verb::Delete, &relation, condition, &[])
}

/// Where the FROM stands, if there is one and nothing else could be it.
fn only_from(terms: &[Term<'_>]) -> Option<usize> {
    let mut found = froms(terms);
    let at = found.next()?;
    found.next().is_none().then_some(at)
}

/// Where a FROM stands outside parentheses that is not that of `a IS DISTINCT FROM b`.
fn froms(terms: &[Term<'_>]) -> impl Iterator<Item = usize> {
    let is_of_distinct = |at: usize| at > 0 && terms[at - 1].is_word("distinct");
    let found =
        outside(terms).filter(move |(at, term)| term.is_word("from") && !is_of_distinct(*at));
    found.map(|(at, _)| at)
}

/// The table at the start of `terms`, and what follows it and its alias.
pub(super) fn relation<'t, 'a>(terms: &'t [Term<'a>]) -> Option<(Relation<'t>, &'t [Term<'a>])> {
    let (parts, rest) = path(terms)?;
    let (alias, rest) = match rest {
        [as_word, alias, rest @ ..] if as_word.is_word("as") => (Some(alias.name()?), rest),
        // SET is no reserved word, but only an AS makes it an alias.
        [alias, rest @ ..] if !alias.is_word("set") && alias.name().is_some() => {
            (alias.name(), rest)
        }
        _ => (None, rest),
    };
    Some((Relation { parts, alias }, rest))
}

/// The names with dots between at the start of `terms`.
pub(super) fn path<'t, 'a>(terms: &'t [Term<'a>]) -> Option<(Vec<&'t str>, &'t [Term<'a>])> {
    let (first, mut rest) = terms.split_first()?;
    let mut parts = vec![first.name()?];
    while let [dot, part, after @ ..] = rest
        && dot.is_symbol(".")
    {
        parts.push(part.name()?);
        rest = after;
    }
    Some((parts, rest))
}

/// The condition after the WHERE at the start of `terms`, and what follows from one of `ends` on.
fn condition_before<'t, 'a>(
    terms: &'t [Term<'a>],
    ends: &[&str],
) -> Option<(&'t [Term<'a>], &'t [Term<'a>])> {
    let (first, rest) = terms.split_first()?;
    let is_where = first.is_word("where");
    is_where.then(|| rest.split_at(first_outside(rest, ends)))
}

fn candidates(
    verb: Verb,
    relation: &Relation<'_>,
    condition: &[Term<'_>],
    assigned: &[Box<str>],
) -> Option<(QualifiedName, KeyCandidates)> {
    let mut columns: Vec<KeyCandidate> = Vec::new();
    let equalities = condition::equalities(condition, relation);
    for (column, parameter) in equalities.into_iter().take(MOST_CONDITIONS) {
        let is_known = columns.iter().any(|known| *known.column == *column);
        if !is_known && !assigned.contains(&column) {
            columns.push(KeyCandidate {
                column,
                parameters: Box::new([parameter]),
            });
        }
    }
    if columns.is_empty() {
        return None;
    }
    let columns = columns.into();
    Some((relation.name()?, KeyCandidates { columns, verb }))
}

/// `table.count` is the aggregate of the whole row where the table has no such column.
fn is_aggregate_of_row(pair: &[Term<'_>]) -> bool {
    const AGGREGATES: &[&str] = &[
        "any_value",
        "array_agg",
        "count",
        "json_agg",
        "json_agg_strict",
        "jsonb_agg",
        "jsonb_agg_strict",
        "max",
        "min",
    ];
    let name = pair[1].name();
    pair[0].is_symbol(".") && name.is_some_and(|name| AGGREGATES.contains(&name))
}

/// Every `column = $n` of a statement, wherever it stands. It is wrong, and for tests alone.
pub(super) fn relaxed(
    terms: &[Term<'_>],
    table: &QualifiedName,
    outcome: &Outcome,
) -> Option<(QualifiedName, KeyCandidates)> {
    let verb = match outcome.kind {
        StatementKind::Select => Verb::Select {
            finds_rows: outcome.finds_rows,
        },
        StatementKind::Update => Verb::Update,
        StatementKind::Delete => Verb::Delete,
        _ => return None,
    };
    let columns = terms.windows(3).filter_map(|three| match three {
        [column, equals, Term::Parameter(parameter)] if equals.is_symbol("=") => {
            Some(KeyCandidate {
                column: column.name()?.into(),
                parameters: Box::new([*parameter]),
            })
        }
        _ => None,
    });
    let columns: Box<[KeyCandidate]> = columns.collect();
    let has_some = !columns.is_empty();
    has_some.then(|| (table.clone(), KeyCandidates { columns, verb }))
}
