//! Which columns a SET assigns.

use super::terms::{Term, between_commas, in_parentheses};

/// The columns that `terms`, the list after SET, assign, whole or in part; `None` if that cannot
/// be told.
pub(super) fn columns(terms: &[Term<'_>]) -> Option<Vec<Box<str>>> {
    let mut columns = Vec::new();
    for assignment in between_commas(terms) {
        match in_parentheses(assignment) {
            // `(a, b) = (1, 2)`
            Some((targets, _)) => {
                for target in between_commas(targets) {
                    columns.push(column(target)?);
                }
            }
            None => columns.push(column(assignment)?),
        }
    }
    Some(columns)
}

/// The column at the start of `target`. A field or an element of it may follow, but no table
/// precedes it.
fn column(target: &[Term<'_>]) -> Option<Box<str>> {
    target.first()?.name().map(Into::into)
}
