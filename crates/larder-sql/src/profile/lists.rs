//! Lists of values, which differ in length from call to call, as one value.

use super::pieces::Piece;

/// Collapses what varies with the number of values: `IN (1, 2, 3)`, `ARRAY[1, 2, 3]` and the
/// rows of `VALUES` that look like the row before or hold nothing but values.
pub(super) fn collapse(pieces: Vec<Piece<'_>>) -> Vec<Piece<'_>> {
    let mut kept: Vec<Piece<'_>> = Vec::with_capacity(pieces.len());
    let closing = closing_parentheses(&pieces);
    let mut at = 0;
    while at < pieces.len() {
        let opens_list = match &pieces[at] {
            piece if piece.is_symbol("(") => kept.last().is_some_and(|last| last.is_word("in")),
            piece if piece.is_symbol("[") => kept.last().is_some_and(|last| last.is_word("array")),
            _ => false,
        };
        if opens_list && let Some(end) = list_of_values(&pieces, at + 1) {
            kept.push(pieces[at].clone());
            kept.push(pieces[end - 1].clone());
            at = end;
        } else if pieces[at].is_word("values") {
            at = rows(&pieces, &closing, at, &mut kept);
        } else {
            kept.push(pieces[at].clone());
            at += 1;
        }
    }
    kept
}

/// Where the list of values that starts at `at` ends: the index of what closes it.
fn list_of_values(pieces: &[Piece<'_>], mut at: usize) -> Option<usize> {
    loop {
        if pieces.get(at)?.is_symbol("-") || pieces.get(at)?.is_symbol("+") {
            at += 1;
        }
        if !matches!(pieces.get(at)?, Piece::Value(_)) {
            return None;
        }
        at += 1;
        let next = pieces.get(at)?;
        if next.is_symbol(")") || next.is_symbol("]") {
            return Some(at);
        }
        if !next.is_symbol(",") {
            return None;
        }
        at += 1;
    }
}

/// Keeps `VALUES` and those of its rows that say something new; gives where the rows end.
fn rows<'a>(
    pieces: &[Piece<'a>],
    closing: &[usize],
    values: usize,
    kept: &mut Vec<Piece<'a>>,
) -> usize {
    kept.push(pieces[values].clone());
    let mut previous: Option<&[Piece<'_>]> = None;
    let mut at = values + 1;
    loop {
        // Before the first row nothing stands, before each other one a comma.
        let start = if previous.is_some() && pieces.get(at).is_some_and(|p| p.is_symbol(",")) {
            at + 1
        } else if previous.is_none() {
            at
        } else {
            return at;
        };
        let Some(end) = row_end(pieces, closing, start) else {
            return at;
        };
        let row = &pieces[start..end];
        if previous.is_none_or(|previous| !holds_only_values(row) && !same(row, previous)) {
            kept.extend_from_slice(&pieces[at..end]);
            previous = Some(row);
        }
        at = end;
    }
}

/// The index after the row that starts at `start`, if one does.
fn row_end(pieces: &[Piece<'_>], closing: &[usize], start: usize) -> Option<usize> {
    let opens = pieces.get(start)?.is_symbol("(");
    (opens && closing[start] != UNCLOSED).then(|| closing[start] + 1)
}

/// In place of the index of what closes a parenthesis.
const UNCLOSED: usize = usize::MAX;

/// For each opening parenthesis the index of the one that closes it.
fn closing_parentheses(pieces: &[Piece<'_>]) -> Vec<usize> {
    let mut closing = vec![UNCLOSED; pieces.len()];
    let mut open = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        if piece.is_symbol("(") {
            open.push(at);
        } else if piece.is_symbol(")")
            && let Some(opening) = open.pop()
        {
            closing[opening] = at;
        }
    }
    closing
}

fn holds_only_values(row: &[Piece<'_>]) -> bool {
    row.iter().all(|piece| match piece {
        Piece::Value(_) => true,
        Piece::Symbol(symbol) => matches!(*symbol, "(" | ")" | "," | "-" | "+"),
        Piece::Word(_) => piece.is_any_word(&["default", "null", "true", "false"]),
        Piece::Quoted(_) => false,
    })
}

/// Whether two rows are one but for the kinds of their values.
fn same(row: &[Piece<'_>], other: &[Piece<'_>]) -> bool {
    row.len() == other.len()
        && row.iter().zip(other).all(|pair| match pair {
            (Piece::Value(_), Piece::Value(_)) => true,
            (one, other) => one == other,
        })
}
