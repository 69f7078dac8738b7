//! Words of PostgreSQL's grammar that the parser does not know, in words that it knows.
//!
//! A rewrite keeps every table and every call of a function. It begins at a word that cannot
//! mean anything else there: a reserved one, or one between words that leave no choice.

use super::names::is_reserved;
use super::pieces::Piece;

/// What is written in place of the pieces at the start of what is left.
pub(super) struct Rewrite {
    /// What to write; nothing if empty.
    pub(super) text: &'static str,
    /// How many pieces it stands for.
    pub(super) taken: usize,
    /// Whether it was a row lock.
    pub(super) locks: bool,
}

fn replace(taken: usize, text: &'static str) -> Option<Rewrite> {
    Some(Rewrite {
        text,
        taken,
        locks: false,
    })
}

/// What to write for `word`, which is the first piece of `rest`, after the pieces `before`.
pub(super) fn rewrite(word: &str, before: &[Piece<'_>], rest: &[Piece<'_>]) -> Option<Rewrite> {
    let previous = |word: &str| before.last().is_some_and(|piece| piece.is_word(word));
    let previous_is_any = |words: &[&str]| before.last().is_some_and(|p| p.is_any_word(words));
    let next = |at: usize, word: &str| rest.get(at).is_some_and(|piece| piece.is_word(word));
    let opens = |at: usize| rest.get(at).is_some_and(|piece| piece.is_symbol("("));
    match word {
        "for" => match lock_length(rest) {
            0 => None,
            taken => Some(Rewrite {
                text: "",
                taken,
                locks: true,
            }),
        },
        // `ONLY t`, but not the end of `FETCH FIRST 3 ROWS ONLY`.
        "only" if !previous_is_any(&["row", "rows"]) => replace(1, ""),
        "table" => table(before),
        "temp" | "temporary" | "unlogged" if previous("into") => select_into(before, rest),
        // No more is known of `WHERE CURRENT OF cursor` than that it is a condition.
        "current" if previous("where") && next(1, "of") => replace(3, "true"),
        "overriding" if (next(1, "system") || next(1, "user")) && next(2, "value") => {
            replace(3, "")
        }
        "asymmetric" | "symmetric" | "variadic" => replace(1, ""),
        // `trim(both from x)`, as PostgreSQL writes it in the queries of views.
        "from" if previous_is_any(&["both", "leading", "trailing"]) => replace(1, ""),
        "collate" => collation(rest),
        "distinct" if previous("by") => replace(1, ""),
        "isnull" if !opens(1) => replace(1, "is null"),
        "notnull" if !opens(1) => replace(1, "is not null"),
        "next" if previous("fetch") => replace(1, "first"),
        "limit" if next(1, "all") => replace(2, ""),
        "exclude" => frame_exclusion(rest),
        "rows" if previous_is_any(&["from", "join", "lateral"]) && next(1, "from") && opens(2) => {
            replace(3, "( select")
        }
        // `f() AS (a int)` gives columns and no alias; a WITH has a query in the parentheses.
        "as" if before.last().is_some_and(|p| p.is_symbol(")")) && opens(1) => rest
            .get(2)
            .filter(|p| !p.is_any_word(&QUERY) && !p.is_symbol("("))
            .and_then(|_| replace(1, "as f")),
        "conflict" if previous("on") && opens(1) => conflict_target(rest),
        "with" if previous("returning") && opens(1) => {
            let end = rest.iter().position(|piece| piece.is_symbol(")"))?;
            replace(end + 1, "")
        }
        // Only a MERGE has no table there.
        "default" if previous("insert") && next(1, "values") => replace(2, "values ( 1 )"),
        "name" if before.len() > 1 && before[before.len() - 2].is_word("xmlelement") => {
            let comma = rest.get(2).is_some_and(|piece| piece.is_symbol(","));
            replace(if comma { 3 } else { 2 }, "")
        }
        _ => None,
    }
}

/// `COLLATE schema.name`: the parser does not know it after every expression.
fn collation(rest: &[Piece<'_>]) -> Option<Rewrite> {
    let is_name = |at: usize| rest.get(at).is_some_and(|p| p.identifier().is_some());
    let mut taken = 2;
    if !is_name(1) {
        return None;
    }
    while rest.get(taken).is_some_and(|p| p.is_symbol(".")) && is_name(taken + 1) {
        taken += 2;
    }
    replace(taken, "")
}

/// What a query, or what stands in a WITH, can begin with.
const QUERY: [&str; 8] = [
    "delete", "insert", "merge", "select", "table", "update", "values", "with",
];

/// `TABLE name` is `SELECT * FROM name`. In `SELECT .. INTO TABLE name` the word says nothing.
fn table(before: &[Piece<'_>]) -> Option<Rewrite> {
    match before.last() {
        Some(piece) if piece.is_any_word(&["into", "temp", "temporary", "unlogged"]) => {
            replace(1, "")
        }
        _ => replace(1, "select * from"),
    }
}

/// `SELECT .. INTO TEMP name`, but not `INSERT INTO temp`, nor `SELECT .. INTO temp FROM ..`.
fn select_into(before: &[Piece<'_>], rest: &[Piece<'_>]) -> Option<Rewrite> {
    let command = before.len().checked_sub(2).map(|at| &before[at]);
    let is_option = match rest.get(1)? {
        Piece::Word(next) => next == "table" || !is_reserved(next),
        Piece::Quoted(_) => true,
        Piece::Value(_) | Piece::Symbol(_) => false,
    };
    if is_option && !command.is_some_and(|piece| piece.is_any_word(&["insert", "merge"])) {
        replace(1, "")
    } else {
        None
    }
}

/// `EXCLUDE TIES` and its like at the end of a window's frame.
fn frame_exclusion(rest: &[Piece<'_>]) -> Option<Rewrite> {
    let forms: [&[&str]; 4] = [
        &["ties"],
        &["group"],
        &["current", "row"],
        &["no", "others"],
    ];
    let form = forms.iter().find(|words| starts_with(rest, 1, words))?;
    let taken = 1 + form.len();
    rest.get(taken)
        .filter(|piece| piece.is_symbol(")"))
        .and_then(|_| replace(taken, ""))
}

/// `ON CONFLICT (lower(x)) WHERE y > 0 DO ..`: what names the index is not run, so it may go.
///
/// `conflict(..)` may also be a function in the condition of a join, so nothing may go that
/// could be more than an expression.
fn conflict_target(rest: &[Piece<'_>]) -> Option<Rewrite> {
    let end = rest.iter().position(|piece| piece.is_word("do"))?;
    let is_more = |piece: &Piece<'_>| {
        piece.is_any_word(&QUERY) || piece.is_any_word(&["conflict", "from", "join", "on"])
    };
    if rest[1..end].iter().any(is_more) {
        None
    } else {
        replace(end, "conflict")
    }
}

fn starts_with(pieces: &[Piece<'_>], at: usize, words: &[&str]) -> bool {
    words
        .iter()
        .enumerate()
        .all(|(index, word)| pieces.get(at + index).is_some_and(|p| p.is_word(word)))
}

/// How many pieces `FOR UPDATE OF a, b SKIP LOCKED` and its like take; 0 if they do not stand
/// at the start of `pieces`.
fn lock_length(pieces: &[Piece<'_>]) -> usize {
    let strengths: [&[&str]; 4] = [
        &["update"],
        &["no", "key", "update"],
        &["share"],
        &["key", "share"],
    ];
    let Some(strength) = strengths.iter().find(|words| starts_with(pieces, 1, words)) else {
        return 0;
    };
    let mut at = 1 + strength.len();
    if starts_with(pieces, at, &["of"]) {
        at += 1;
        // Names, and dots and commas between them.
        while pieces.get(at).is_some_and(|p| p.identifier().is_some()) {
            at += 1;
            match pieces.get(at) {
                Some(p) if p.is_symbol(",") || p.is_symbol(".") => at += 1,
                _ => break,
            }
        }
    }
    if starts_with(pieces, at, &["nowait"]) {
        at += 1;
    } else if starts_with(pieces, at, &["skip", "locked"]) {
        at += 2;
    }
    at
}
