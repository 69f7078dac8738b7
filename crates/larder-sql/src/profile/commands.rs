//! What a statement does, by its command.
//!
//! The first word of a statement names its command. Queries, INSERT, UPDATE, DELETE and MERGE
//! go to the parser. The others are simple enough to be read here, and more of their options
//! are PostgreSQL's own than the parser knows.

use super::names::QualifiedName;
use super::parse::parse;
use super::pieces::Piece;
use super::tree::Touched;
use super::{Effect, RowActions, StatementKind, UnknownReason};

/// What is known of one statement.
pub(super) struct Outcome {
    pub(super) kind: StatementKind,
    pub(super) effect: Effect,
    pub(super) touched: Touched,
    pub(super) locks_rows: bool,
    pub(super) truncates_cascade: bool,
    pub(super) is_simple_selection: bool,
    pub(super) finds_rows: bool,
}

impl Outcome {
    pub(super) fn new(kind: StatementKind, effect: Effect) -> Self {
        Self {
            kind,
            effect,
            touched: Touched::default(),
            locks_rows: false,
            truncates_cascade: false,
            is_simple_selection: false,
            finds_rows: false,
        }
    }

    pub(super) fn unknown(kind: StatementKind, reason: UnknownReason) -> Self {
        Self::new(kind, Effect::Unknown(reason))
    }

    fn writing(mut self, tables: impl IntoIterator<Item = QualifiedName>) -> Self {
        self.touched.writes.extend(tables);
        self
    }

    fn of_kind(self, kind: StatementKind) -> Self {
        Self { kind, ..self }
    }
}

/// Classifies one statement.
pub(super) fn classify(pieces: &[Piece<'_>]) -> Outcome {
    use StatementKind as Kind;

    let Some(first) = pieces.first() else {
        return Outcome::new(Kind::Empty, Effect::None);
    };
    let command = match first {
        Piece::Word(word) => word.as_ref(),
        Piece::Symbol(symbol) => symbol,
        Piece::Quoted(_) | Piece::Value(_) => "",
    };
    match command {
        "select" | "values" | "table" | "with" | "(" => query(Kind::Select, pieces),
        "insert" => query(Kind::Insert, pieces),
        "update" => query(Kind::Update, pieces),
        "delete" => query(Kind::Delete, pieces),
        "merge" => query(Kind::Merge, pieces),
        "copy" => copy(&pieces[1..]),
        "truncate" => truncate(&pieces[1..]),
        "refresh" => refresh(&pieces[1..]),
        "create" => create(pieces),
        "alter" | "comment" | "drop" | "grant" | "import" | "reassign" | "revoke" | "security" => {
            Outcome::new(Kind::Ddl, Effect::Schema)
        }
        "explain" => explain(&pieces[1..]),
        "declare" => declare(pieces),
        "call" => Outcome::unknown(Kind::Call, UnknownReason::Opaque),
        "do" => Outcome::unknown(Kind::Do, UnknownReason::Opaque),
        "execute" => Outcome::unknown(Kind::Execute, UnknownReason::Opaque),
        "load" => Outcome::unknown(Kind::Other, UnknownReason::Opaque),
        "prepare" if second_is(pieces, "transaction") => transaction(),
        "prepare" => Outcome::unknown(Kind::Prepare, UnknownReason::Opaque),
        // The transaction that it commits was another one, and perhaps another session's.
        "commit" if second_is(pieces, "prepared") => {
            Outcome::unknown(Kind::Transaction, UnknownReason::Opaque)
        }
        "abort" | "begin" | "commit" | "end" | "release" | "rollback" | "savepoint" | "start" => {
            transaction()
        }
        "close" | "fetch" | "move" => Outcome::new(Kind::Cursor, Effect::None),
        "deallocate" => Outcome::new(Kind::Prepare, Effect::None),
        "discard" | "reset" | "set" => Outcome::new(Kind::Set, Effect::None),
        "show" => Outcome::new(Kind::Show, Effect::None),
        "listen" | "unlisten" => Outcome::new(Kind::Listen, Effect::None),
        "notify" => Outcome::new(Kind::Notify, Effect::None),
        "lock" => Outcome::new(Kind::Lock, Effect::None),
        "analyse" | "analyze" | "checkpoint" | "cluster" | "reindex" | "vacuum" => {
            Outcome::new(Kind::Maintenance, Effect::None)
        }
        _ => Outcome::unknown(Kind::Other, UnknownReason::NoCommand),
    }
}

fn second_is(pieces: &[Piece<'_>], word: &str) -> bool {
    pieces.get(1).is_some_and(|piece| piece.is_word(word))
}

fn transaction() -> Outcome {
    Outcome::new(StatementKind::Transaction, Effect::None)
}

/// What the parser makes of `pieces`; `kind` is what they look like.
fn query(kind: StatementKind, pieces: &[Piece<'_>]) -> Outcome {
    match parse(pieces) {
        Ok(parsed) => {
            let effect = if parsed.touched.creates_table {
                Effect::Schema
            } else if parsed.touched.writes.is_empty() {
                Effect::Read
            } else {
                Effect::Write
            };
            Outcome {
                locks_rows: parsed.locks_rows,
                is_simple_selection: parsed.is_simple_selection,
                finds_rows: parsed.finds_rows,
                touched: parsed.touched,
                ..Outcome::new(parsed.kind, effect)
            }
        }
        Err(reason) => Outcome::unknown(kind, reason),
    }
}

/// `COPY name [(columns)] FROM | TO ..`, `COPY (query) TO ..`
fn copy(pieces: &[Piece<'_>]) -> Outcome {
    let kind = StatementKind::Copy;
    let pieces = skip_words(pieces, &["binary"]);
    let outcome = match pieces.first() {
        Some(piece) if piece.is_symbol("(") => {
            let Some(end) = closing(pieces) else {
                return Outcome::unknown(kind, UnknownReason::NoCommand);
            };
            let rest = &pieces[end + 1..];
            if !rest.first().is_some_and(|piece| piece.is_word("to")) {
                return Outcome::unknown(kind, UnknownReason::NoCommand);
            }
            (query(kind, &pieces[1..end]).of_kind(kind), rest)
        }
        _ => {
            let Some((table, rest)) = name(pieces) else {
                return Outcome::unknown(kind, UnknownReason::NoCommand);
            };
            let rest = match rest.first() {
                Some(piece) if piece.is_symbol("(") => match closing(rest) {
                    Some(end) => &rest[end + 1..],
                    None => rest,
                },
                _ => rest,
            };
            let mut outcome = match rest.first() {
                Some(piece) if piece.is_word("from") => Outcome::new(kind, Effect::Write),
                Some(piece) if piece.is_word("to") => Outcome::new(kind, Effect::Read),
                _ => return Outcome::unknown(kind, UnknownReason::NoCommand),
            };
            if outcome.effect == Effect::Write {
                outcome.touched.writes.insert(table);
                outcome.touched.actions |= RowActions::INSERT;
                // `COPY .. FROM .. WHERE condition`: it may call functions.
                if let Some(condition) = rest.iter().position(|piece| piece.is_word("where")) {
                    match condition_functions(&rest[condition..]) {
                        Ok(functions) => outcome.touched.functions = functions,
                        Err(reason) => return Outcome::unknown(kind, reason),
                    }
                }
            } else {
                outcome.touched.reads.insert(table);
            }
            (outcome, rest)
        }
    };
    let (outcome, rest) = outcome;
    if rest.get(1).is_some_and(|piece| piece.is_word("program")) {
        Outcome::unknown(kind, UnknownReason::Opaque)
    } else {
        outcome
    }
}

/// The functions that a condition calls; `condition` begins with WHERE.
fn condition_functions(
    condition: &[Piece<'_>],
) -> Result<std::collections::BTreeSet<QualifiedName>, UnknownReason> {
    let mut select = vec![
        Piece::Word("select".into()),
        Piece::Value(super::pieces::Value::Number),
    ];
    select.extend_from_slice(condition);
    Ok(parse(&select)?.touched.functions)
}

/// `TRUNCATE [TABLE] [ONLY] name [*], .. [RESTART IDENTITY] [CASCADE]`
fn truncate(pieces: &[Piece<'_>]) -> Outcome {
    let kind = StatementKind::Truncate;
    let mut rest = skip_words(pieces, &["table"]);
    let mut outcome = Outcome::new(kind, Effect::Write);
    loop {
        let Some((table, after)) = name(skip_words(rest, &["only"])) else {
            return Outcome::unknown(kind, UnknownReason::NoCommand);
        };
        outcome.touched.writes.insert(table);
        rest = match after.first() {
            Some(piece) if piece.is_symbol("*") => &after[1..],
            _ => after,
        };
        match rest.first() {
            Some(piece) if piece.is_symbol(",") => rest = &rest[1..],
            _ => break,
        }
    }
    let options = ["restart", "continue", "identity", "cascade", "restrict"];
    if !rest.iter().all(|piece| piece.is_any_word(&options)) {
        return Outcome::unknown(kind, UnknownReason::NoCommand);
    }
    outcome.touched.actions |= RowActions::TRUNCATE;
    outcome.truncates_cascade = rest.iter().any(|piece| piece.is_word("cascade"));
    outcome
}

/// `REFRESH MATERIALIZED VIEW [CONCURRENTLY] name ..`
fn refresh(pieces: &[Piece<'_>]) -> Outcome {
    let kind = StatementKind::Refresh;
    let rest = skip_words(pieces, &["materialized", "view", "concurrently"]);
    match name(rest) {
        Some((view, _)) => Outcome::new(kind, Effect::Write).writing([view]),
        None => Outcome::unknown(kind, UnknownReason::NoCommand),
    }
}

/// `CREATE TABLE .. AS query`, or any other CREATE.
fn create(pieces: &[Piece<'_>]) -> Outcome {
    let ddl = Outcome::new(StatementKind::Ddl, Effect::Schema);
    let options = ["global", "local", "temporary", "temp", "unlogged"];
    let rest = skip_words(&pieces[1..], &options);
    if !rest.first().is_some_and(|piece| piece.is_word("table")) {
        return ddl;
    }
    let rest = skip_words(&rest[1..], &["if", "not", "exists"]);
    let Some((table, rest)) = name(rest) else {
        return ddl;
    };
    let Some(query_at) = query_after_as(rest) else {
        return ddl;
    };
    let mut body = &rest[query_at..];
    if let [before @ .., with, data] = body
        && with.is_any_word(&["with", "no"])
        && data.is_word("data")
    {
        body = match before {
            [before @ .., word] if with.is_word("no") && word.is_word("with") => before,
            _ => before,
        };
    }
    let kind = StatementKind::CreateTableAs;
    if body.first().is_some_and(|piece| piece.is_word("execute")) {
        return Outcome::unknown(kind, UnknownReason::Opaque);
    }
    let mut outcome = query(kind, body).of_kind(kind).writing([table]);
    outcome.touched.creates_table = true;
    if !matches!(outcome.effect, Effect::Unknown(_)) {
        outcome.effect = Effect::Schema;
    }
    outcome
}

/// Where the query begins after an AS that stands outside parentheses.
fn query_after_as(pieces: &[Piece<'_>]) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Symbol("(") => depth += 1,
            Piece::Symbol(")") => depth = depth.saturating_sub(1),
            _ if depth == 0 && piece.is_word("as") => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// `EXPLAIN [ANALYZE] [VERBOSE] statement`, `EXPLAIN (options) statement`
fn explain(pieces: &[Piece<'_>]) -> Outcome {
    const OPTIONS: [&str; 3] = ["analyze", "analyse", "verbose"];
    let (options, statement) = match pieces.first() {
        Some(piece) if piece.is_symbol("(") && !is_query_in_parentheses(pieces) => {
            match closing(pieces) {
                Some(end) => (&pieces[1..end], &pieces[end + 1..]),
                None => return Outcome::unknown(StatementKind::Explain, UnknownReason::NoCommand),
            }
        }
        _ => {
            let statement = skip_words(pieces, &OPTIONS);
            (&pieces[..pieces.len() - statement.len()], statement)
        }
    };
    // `analyze 'off'` cannot be told from `analyze 'on'`: values are not looked at.
    let runs = options.iter().enumerate().any(|(at, option)| {
        option.is_any_word(&OPTIONS[..2])
            && !options
                .get(at + 1)
                .is_some_and(|value| value.is_any_word(&["false", "off"]))
    });
    if statement
        .first()
        .is_some_and(|piece| piece.is_word("explain"))
    {
        return Outcome::unknown(StatementKind::Explain, UnknownReason::NoCommand);
    }
    let inner = classify(statement).of_kind(StatementKind::Explain);
    if runs || matches!(inner.effect, Effect::Unknown(_) | Effect::None) {
        inner
    } else {
        // Planning reads no rows, but looks at the tables and may run functions of constants.
        let mut outcome = inner;
        outcome.effect = Effect::Read;
        outcome.touched.reads.append(&mut outcome.touched.writes);
        outcome.touched.creates_table = false;
        outcome.truncates_cascade = false;
        outcome.locks_rows = false;
        outcome
    }
}

fn is_query_in_parentheses(pieces: &[Piece<'_>]) -> bool {
    pieces
        .iter()
        .find(|piece| !piece.is_symbol("("))
        .is_some_and(|piece| piece.is_any_word(&["select", "values", "table", "with"]))
}

/// `DECLARE name .. CURSOR .. FOR query`
fn declare(pieces: &[Piece<'_>]) -> Outcome {
    let kind = StatementKind::Cursor;
    let cursor = pieces.iter().position(|piece| piece.is_word("cursor"));
    let query_at = cursor.and_then(|cursor| {
        let rest = pieces[cursor..].iter();
        rest.take(4)
            .position(|piece| piece.is_word("for"))
            .map(|at| cursor + at + 1)
    });
    match query_at {
        Some(at) => query(kind, &pieces[at..]).of_kind(kind),
        None => Outcome::unknown(kind, UnknownReason::NoCommand),
    }
}

/// What follows the leading pieces that are one of `words`.
fn skip_words<'p, 'a>(pieces: &'p [Piece<'a>], words: &[&str]) -> &'p [Piece<'a>] {
    let skipped = pieces.iter().take_while(|piece| piece.is_any_word(words));
    &pieces[skipped.count()..]
}

/// The index of the parenthesis that closes the one at the start of `pieces`.
fn closing(pieces: &[Piece<'_>]) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, piece) in pieces.iter().enumerate() {
        if piece.is_symbol("(") {
            depth += 1;
        } else if piece.is_symbol(")") {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}

/// The name at the start of `pieces`, and what follows it.
fn name<'p, 'a>(pieces: &'p [Piece<'a>]) -> Option<(QualifiedName, &'p [Piece<'a>])> {
    let mut parts = vec![pieces.first()?.identifier()?];
    let mut rest = &pieces[1..];
    while let [dot, part, after @ ..] = rest
        && dot.is_symbol(".")
    {
        parts.push(part.identifier()?);
        rest = after;
    }
    Some((QualifiedName::from_parts(&parts)?, rest))
}
