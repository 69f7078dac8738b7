//! What a statement does, as far as its text tells.

use std::collections::BTreeSet;

use crate::statement::{leading_keyword, statements};

mod commands;
mod expressions;
mod keys;
mod kind;
mod lists;
mod names;
mod normal_text;
mod parse;
mod parser_text;
mod pieces;
mod rewrites;
mod row_actions;
mod selection;
mod session_effect;
mod tree;
mod unknown;

#[cfg(test)]
mod tests;

pub(crate) use keys::{Conflict, Verb};
pub use keys::{KeyCandidate, KeyCandidates};
pub use kind::StatementKind;
pub use names::QualifiedName;
pub use normal_text::Fingerprint;
pub(crate) use row_actions::RowActions;
pub use selection::is_in_subquery;
pub use session_effect::SessionEffect;
pub use unknown::UnknownReason;

use commands::Outcome;
use pieces::Pieces;

/// The longest text that is looked at, in bytes: 1 MiB.
const LONGEST_TEXT: usize = 1 << 20;

/// The most statements that a text may hold to be looked at.
const MOST_STATEMENTS: usize = 1_000;

/// What a text does to the database, as far as the text tells.
///
/// It says nothing of what only the catalog knows: that a table is a view or a partition, what
/// its triggers, rules and foreign keys do, whether a function writes, and which of several
/// tables of one name is meant.
///
/// Made by [`classify`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatementProfile {
    /// What kind of statement it is.
    pub kind: StatementKind,
    /// What it does to tables.
    pub effect: Effect,
    /// The tables whose rows it reads, in order of their names.
    ///
    /// The target of an UPDATE, DELETE or MERGE is among them only if it is read in another
    /// place too. Views, sequences and system tables count as tables; names that a WITH gives
    /// to queries do not.
    pub reads: Vec<QualifiedName>,
    /// The tables whose rows it writes, in order of their names; those that it creates from a
    /// query too.
    pub writes: Vec<QualifiedName>,
    /// The functions that it calls by name, in order of their names.
    ///
    /// What is called by operators, casts, defaults, indexes and types is not visible in the
    /// text. `current_date` and its like are among them; `coalesce`, `nullif`, `greatest`,
    /// `least`, `grouping` and `row` are syntax and are not. `extract(..)`, `position(..)`,
    /// `overlay(..)`, `trim(..)` and `AT TIME ZONE` stand here as the functions of `pg_catalog`
    /// behind them, and `unnest`, `json_table` and `xmltable` under these names.
    pub functions: Vec<QualifiedName>,
    /// Whether it locks the rows that it reads: `FOR UPDATE`, `FOR SHARE` and their like.
    pub locks_rows: bool,
    /// Whether it makes a table from a query: `CREATE TABLE .. AS`, `SELECT .. INTO`.
    pub creates_table: bool,
    /// Whether it is a `TRUNCATE .. CASCADE`, which empties referencing tables too.
    pub truncates_cascade: bool,
    /// Whether a string in it may be read as a time relative to now: `'today'`, `'now'`.
    /// Its result may then change although no table did.
    pub moving_time: bool,
    /// Whether it is a query that selects rows one by one, so that each is in its result or not
    /// whatever other rows are: without LIMIT, OFFSET, FETCH, DISTINCT, GROUP BY, HAVING,
    /// aggregates, windows and set operations. Queries within it may have all that. An aggregate
    /// that a user has made, called like any function, is not recognised.
    pub is_simple_selection: bool,
    /// By which of its parameters it names the rows of its one table, if it does. Texts of one
    /// fingerprint may differ in it.
    pub key_candidates: Option<Box<KeyCandidates>>,
    /// The same for all texts that differ only in values, in the lengths of lists of values, in
    /// whitespace, comments and the case of what is not quoted.
    pub fingerprint: Fingerprint,
    /// The text that all those have in common, with `?` in place of values: it is safe to show.
    pub normalised: Box<str>,
    /// In which ways it changes rows of the tables in `writes`.
    pub(crate) actions: RowActions,
    session_effect: SessionEffect,
}

/// What a statement does to tables.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Neither reads nor writes rows: settings, locks, notifications, maintenance.
    None,
    /// Reads rows of the tables in [`reads`](StatementProfile::reads), and writes none itself.
    /// A function that it calls may.
    Read,
    /// Writes rows of the tables in [`writes`](StatementProfile::writes).
    Write,
    /// Changes definitions. Which results that changes cannot be told from the text, so it
    /// counts as writing everything, and the catalog has to be read again.
    Schema,
    /// Not known, so it counts as writing everything.
    Unknown(UnknownReason),
}

impl StatementProfile {
    /// Whether it counts as writing every table there is.
    #[must_use]
    pub fn writes_everything(&self) -> bool {
        matches!(self.effect, Effect::Schema | Effect::Unknown(_))
    }

    /// Whether, as far as the text tells, it does nothing but read the rows of
    /// [`reads`](Self::reads). Nothing else can be cached.
    #[must_use]
    pub fn is_plain_read(&self) -> bool {
        self.kind == StatementKind::Select && self.effect == Effect::Read && !self.locks_rows
    }

    /// The table that it is about, where it is about one: the one that it writes, or the only one
    /// that it reads.
    #[must_use]
    pub fn collection(&self) -> Option<&str> {
        match (&*self.writes, &*self.reads) {
            ([table], _) | ([], [table]) => Some(table.name()),
            _ => None,
        }
    }

    /// What it leaves behind on the session that runs it.
    ///
    /// Names of functions without a schema are taken for PostgreSQL's own where it has them.
    #[must_use]
    pub fn session_effect(&self) -> SessionEffect {
        self.session_effect
    }

    /// Why it is not known what the statement does, if it is not.
    #[must_use]
    pub fn unknown_reason(&self) -> Option<&UnknownReason> {
        match &self.effect {
            Effect::Unknown(reason) => Some(reason),
            _ => None,
        }
    }
}

/// Reads from `text` what it does.
///
/// A text may hold several statements; it does then what they do together. Texts above 1 MiB
/// or 1,000 statements, statements of more than 20,000 words and signs (lists of values count once), deep nesting
/// and what the parser does not understand have [`Effect::Unknown`]. Any text is accepted; the
/// time is bounded.
///
/// ```
/// use larder_sql::{Effect, StatementKind, classify};
///
/// let profile = classify(
///     "WITH gone AS (DELETE FROM reviews WHERE status = 'spam' RETURNING *)
///      SELECT count(*) FROM gone JOIN public.restaurants USING (id)",
/// );
/// assert_eq!(profile.kind, StatementKind::Select);
/// assert_eq!(profile.effect, Effect::Write);
/// assert_eq!(profile.writes[0].to_string(), "reviews");
/// assert_eq!(profile.reads[0].to_string(), "public.restaurants");
/// assert_eq!(profile.functions[0].name(), "count");
///
/// let one = classify("SELECT * FROM restaurants WHERE id IN (1, 2)");
/// let other = classify("select * from restaurants -- by id\n where id in ($1)");
/// assert_eq!(one.fingerprint, other.fingerprint);
/// assert_eq!(&*one.normalised, "select * from restaurants where id in (?)");
/// ```
#[must_use]
pub fn classify(text: &str) -> StatementProfile {
    if text.len() > LONGEST_TEXT {
        return too_long(text);
    }
    let mut profiles: Vec<StatementProfile> = Vec::new();
    for statement in statements(text) {
        match statement {
            Ok(_) if profiles.len() == MOST_STATEMENTS => return too_long(text),
            Ok(statement) => profiles.push(of_statement(statement)),
            // The lexer meets the same fault in the whole text, and notes it.
            Err(_) => return of_statement(text),
        }
    }
    match profiles.len() {
        0 => of_statement(""),
        1 => profiles.remove(0),
        _ => together(profiles),
    }
}

fn of_statement(statement: &str) -> StatementProfile {
    let found = Pieces::of(statement);
    let mut outcome = commands::classify(&found.pieces);
    if let Some(doubt) = found.doubt {
        outcome = Outcome::unknown(outcome.kind, doubt);
    }
    let session_effect = session_effect::of_statement(&found.pieces, &outcome);
    let key_candidates = keys::of_statement(statement, &outcome);
    profile(
        outcome,
        key_candidates,
        session_effect,
        found.moving_time,
        Fingerprint::of_pieces(&found.pieces),
        normal_text::display(&found.pieces),
    )
}

fn profile(
    outcome: Outcome,
    key_candidates: Option<Box<KeyCandidates>>,
    session_effect: SessionEffect,
    moving_time: bool,
    fingerprint: Fingerprint,
    normalised: String,
) -> StatementProfile {
    let list = |names: BTreeSet<QualifiedName>| names.into_iter().collect();
    StatementProfile {
        kind: outcome.kind,
        effect: outcome.effect,
        reads: list(outcome.touched.reads),
        writes: list(outcome.touched.writes),
        functions: list(outcome.touched.functions),
        locks_rows: outcome.locks_rows,
        creates_table: outcome.touched.creates_table,
        truncates_cascade: outcome.truncates_cascade,
        moving_time,
        is_simple_selection: outcome.is_simple_selection,
        key_candidates,
        fingerprint,
        normalised: normalised.into(),
        actions: outcome.touched.actions,
        session_effect,
    }
}

/// Several statements as one.
fn together(profiles: Vec<StatementProfile>) -> StatementProfile {
    let fingerprint = Fingerprint::of_batch(profiles.iter().map(|profile| profile.fingerprint));
    let normalised: Vec<&str> = profiles
        .iter()
        .map(|profile| &*profile.normalised)
        .collect();
    let normalised = normalised.join("; ");
    let mut all = Outcome::new(StatementKind::Batch, Effect::None);
    let mut moving_time = false;
    let mut session_effect = SessionEffect::None;
    for profile in profiles {
        let names_tables = matches!(profile.effect, Effect::Read | Effect::Write);
        if session_effect == SessionEffect::Names && names_tables {
            let reason = "statement that changes what names mean before others";
            all.effect = Effect::Unknown(UnknownReason::Unsupported(reason));
        }
        moving_time |= profile.moving_time;
        session_effect = session_effect.max(profile.session_effect);
        all.touched.actions |= profile.actions;
        all.locks_rows |= profile.locks_rows;
        all.truncates_cascade |= profile.truncates_cascade;
        all.touched.creates_table |= profile.creates_table;
        all.touched.reads.extend(profile.reads);
        all.touched.writes.extend(profile.writes);
        all.touched.functions.extend(profile.functions);
        if profile.effect.strength() > all.effect.strength() {
            all.effect = profile.effect;
        }
    }
    profile(
        all,
        None,
        session_effect,
        moving_time,
        fingerprint,
        normalised,
    )
}

impl Effect {
    /// Of several statements the strongest effect counts.
    fn strength(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::Read => 1,
            Self::Write => 2,
            Self::Schema => 3,
            Self::Unknown(_) => 4,
        }
    }
}

/// The profile of a text that is too long to be looked at.
fn too_long(text: &str) -> StatementProfile {
    let keyword = leading_keyword(text).unwrap_or_default();
    profile(
        Outcome::unknown(StatementKind::Other, UnknownReason::TooLong),
        None,
        SessionEffect::Names,
        false,
        Fingerprint::of_text(text),
        format!("{} ...", keyword.to_ascii_lowercase()),
    )
}
