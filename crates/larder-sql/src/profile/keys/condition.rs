//! The conditions `column = $n` that every row must meet.

use super::commands::{Relation, path};
use super::terms::{Term, in_parentheses, outside};

/// The conditions of this form among those that AND joins in `condition`, in the order of the
/// text.
pub(super) fn equalities(condition: &[Term<'_>], relation: &Relation<'_>) -> Vec<(Box<str>, u16)> {
    let mut found = Vec::new();
    let mut open = vec![condition];
    while let Some(condition) = open.pop() {
        let condition = without_parentheses(condition);
        match conjuncts(condition).as_slice() {
            [only] => found.extend(equality(only, relation)),
            several => open.extend(several.iter().rev()),
        }
    }
    found
}

/// `((condition))` is `condition`.
fn without_parentheses<'t, 'a>(mut terms: &'t [Term<'a>]) -> &'t [Term<'a>] {
    while let Some((inner, [])) = in_parentheses(terms) {
        terms = inner;
    }
    terms
}

/// What AND joins, outside parentheses; nothing if something else could join it.
fn conjuncts<'t, 'a>(terms: &'t [Term<'a>]) -> Vec<&'t [Term<'a>]> {
    let mut parts = Vec::new();
    let mut start = 0;
    // `a BETWEEN b AND c`
    let mut awaited = 0_usize;
    for (at, term) in outside(terms) {
        if term.is_any_word(&["case", "or"]) {
            return Vec::new();
        } else if term.is_word("between") {
            awaited += 1;
        } else if term.is_word("and") {
            if awaited > 0 {
                awaited -= 1;
            } else {
                parts.push(&terms[start..at]);
                start = at + 1;
            }
        }
    }
    parts.push(&terms[start..]);
    parts
}

/// The column and the parameter, if `terms` are `column = $n` or `$n = column`.
fn equality(terms: &[Term<'_>], relation: &Relation<'_>) -> Option<(Box<str>, u16)> {
    let (column, parameter) = match terms {
        [column @ .., equals, Term::Parameter(parameter)] if equals.is_symbol("=") => {
            (column, parameter)
        }
        [Term::Parameter(parameter), equals, column @ ..] if equals.is_symbol("=") => {
            (column, parameter)
        }
        _ => return None,
    };
    let (parts, rest) = path(column)?;
    let (column, table) = parts.split_last()?;
    let is_of_table = match (table, relation.alias) {
        ([], _) => true,
        ([one], Some(alias)) => *one == alias,
        (_, Some(_)) => false,
        (table, None) => table.len() <= 2 && ends_alike(table, &relation.parts),
    };
    (rest.is_empty() && is_of_table).then(|| ((*column).into(), *parameter))
}

/// Whether one of two paths is the end of the other.
fn ends_alike(one: &[&str], other: &[&str]) -> bool {
    let pairs = one.iter().rev().zip(other.iter().rev());
    pairs.into_iter().all(|(one, other)| one == other)
}
