//! What the watcher tells in passing, and what becomes of it.

use std::fmt::Write;
use std::time::{Duration, Instant};

use larder_metrics::QueryRecorder;
use larder_pool::{EndedStatement, Repetition, SentStatement, TransactionSettings};
use larder_sql::{StatementKind, StatementProfile};
use tokio::sync::mpsc;

use super::TraceContext;
use super::budget::Budget;
use crate::QuerySettings;

/// Takes note of slow and of repeated statements.
pub(crate) struct Notice {
    show_values: bool,
    repetitions: u32,
    analyze: bool,
    budget: Budget,
    /// Whoever asks the server for plans; `None` where nobody does.
    asks: Option<mpsc::Sender<Asked>>,
    pub(crate) trace_context: TraceContext,
}

/// A slow statement whose plan is wanted.
pub(crate) struct Asked {
    pub(super) fingerprint: u64,
    pub(super) statement: SentStatement,
    /// Under what it ran.
    pub(super) scope: Option<TransactionSettings>,
    /// It may be run again.
    pub(super) analyze: bool,
}

impl Notice {
    /// How often a plan is taken of one text: they seldom change.
    const PLAN_AGE: Duration = Duration::from_secs(10 * 60);

    /// Slower than this, a repetition is no loop that one statement could replace, but somebody
    /// who looks for work from time to time.
    const LOOP: Duration = Duration::from_secs(10);

    /// The most bytes, text and bound values together, that are sent again for a plan: a bulk
    /// write would go over the network twice.
    const HEAVIEST: usize = 64 << 10;

    /// How many wait for their plan at a time.
    const WAITING: usize = 8;

    /// What these settings say, and who has to be answered by a task, if plans are asked for: not
    /// where the pool has so few connections that a plan would be in the way.
    pub(crate) fn new(
        settings: &QuerySettings,
        connections: usize,
    ) -> (Self, Option<mpsc::Receiver<Asked>>) {
        let is_on = settings.explain_per_minute > 0 && connections > 1;
        let (asks, asked) = is_on.then(|| mpsc::channel(Self::WAITING)).unzip();
        let notice = Self {
            show_values: settings.show_values,
            repetitions: settings.repetitions,
            analyze: settings.explain_analyze,
            budget: Budget::new(settings.explain_per_minute),
            asks,
            trace_context: settings.trace_context.clone(),
        };
        (notice, asked)
    }

    /// A slow statement has ended. `only_reads` is asked whether that is sure.
    #[cold]
    pub(crate) fn slow(
        &self,
        queries: &QueryRecorder,
        statement: &EndedStatement<'_>,
        only_reads: impl FnOnce() -> bool,
    ) {
        let statements = queries.statements();
        let fingerprint = statement.profile.fingerprint.as_u64();
        statements.keep_example(fingerprint, || example(statement, self.show_values));
        let (Some(asks), Some(sent)) = (&self.asks, statement.sent) else {
            return;
        };
        let now = Instant::now();
        let is_wanted = may_be_explained(statement.profile)
            && asks.capacity() > 0
            && sent.text().len() + sent.bound_bytes() <= Self::HEAVIEST
            && self.budget.has_some(now)
            && statements.is_plan_due(fingerprint, Self::PLAN_AGE);
        if !is_wanted {
            return;
        }
        self.budget.take(now);
        let asked = Asked {
            fingerprint,
            statement: sent.clone(),
            scope: statement.scope.cloned(),
            analyze: self.analyze && only_reads(),
        };
        // Where others were faster the next slow one of this text comes later.
        asks.try_send(asked).ok();
    }

    /// A statement is about to run so often in this request or session. `is_own` is asked whether
    /// it is one of our own.
    #[inline]
    pub(crate) fn repeated(
        &self,
        queries: &QueryRecorder,
        profile: &StatementProfile,
        repetition: Repetition,
        place: &'static str,
        is_own: impl FnOnce() -> bool,
    ) {
        if repetition.times == 0 || repetition.times != self.repetitions {
            return;
        }
        if repetition.lasts() > Self::LOOP || is_own() {
            return;
        }
        if queries.statements().repeated(profile.fingerprint.as_u64()) {
            tracing::warn!(
                target: "larder::repeated",
                fingerprint = %profile.fingerprint,
                statement = &*profile.normalised,
                times = repetition.times,
                within = place,
                "one {place} runs the same statement again and again: one that reads or writes all of it at once might do"
            );
        }
    }
}

/// Whether EXPLAIN takes it.
fn may_be_explained(profile: &StatementProfile) -> bool {
    let is_query = matches!(
        profile.kind,
        StatementKind::Select
            | StatementKind::Insert
            | StatementKind::Update
            | StatementKind::Delete
            | StatementKind::Merge
    );
    is_query && !profile.creates_table
}

/// A statement for people: with values only where they may be shown.
fn example(statement: &EndedStatement<'_>, show_values: bool) -> String {
    let text = match statement.sent {
        Some(sent) if show_values => sent.text(),
        _ => &*statement.profile.normalised,
    };
    let mut text = beginning(text);
    // Writing to a string does not fail.
    let milliseconds = statement.duration.as_micros() as f64 / 1e3;
    let _ = write!(text, "\n-- {milliseconds} ms, {} rows", statement.rows);
    if let Some(sent) = statement.sent {
        list(&mut text, sent.parameters(show_values));
    }
    text
}

/// As much of a text as somebody reads: one with thousands of rows in it is kept for each
/// fingerprint.
fn beginning(text: &str) -> String {
    const LONGEST: usize = 8 << 10;
    match text.get(..text.floor_char_boundary(LONGEST)) {
        Some(cut) if cut.len() < text.len() => format!("{cut}..."),
        _ => text.to_owned(),
    }
}

/// A line for each of the first parameters, and one for how many more there are.
fn list(text: &mut String, parameters: impl ExactSizeIterator<Item = String>) {
    const MOST: usize = 50;
    let more = parameters.len().saturating_sub(MOST);
    for (index, parameter) in parameters.take(MOST).enumerate() {
        let _ = write!(text, "\n-- ${}: {parameter}", index + 1);
    }
    if more > 0 {
        let _ = write!(text, "\n-- and {more} more");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_asks_for_plans_where_there_is_but_one_connection_or_none_are_wanted() {
        let asks = |per_minute, connections| {
            let settings = QuerySettings {
                explain_per_minute: per_minute,
                ..QuerySettings::default()
            };
            let (notice, asked) = Notice::new(&settings, connections);
            assert_eq!(notice.asks.is_some(), asked.is_some());
            asked.is_some()
        };
        assert!(asks(6, 2));
        assert!(!asks(6, 1));
        assert!(!asks(0, 20));
    }

    #[test]
    fn a_long_text_is_cut_between_letters() {
        assert_eq!(beginning("SELECT 1"), "SELECT 1");
        let whole = "x".repeat(8 << 10);
        assert_eq!(beginning(&whole), whole);
        // Each has three bytes, and 8 KiB are no multiple of three.
        let cut = beginning(&"\u{20ac}".repeat(10_000));
        assert!(cut.ends_with("\u{20ac}...") && cut.len() <= (8 << 10) + 3);
    }

    #[test]
    fn of_many_parameters_the_first_are_listed() {
        let listed = |count: usize| {
            let mut text = String::new();
            list(&mut text, vec!["int4".to_owned(); count].into_iter());
            text
        };
        assert_eq!(listed(2), "\n-- $1: int4\n-- $2: int4");
        assert!(listed(50).ends_with("\n-- $50: int4"));
        let many = listed(30_000);
        assert!(
            many.ends_with("\n-- $50: int4\n-- and 29950 more"),
            "{many}"
        );
    }
}
