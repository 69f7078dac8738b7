//! One thing that is wrong, and what to do about it.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong, the numbers that show it, and its cure.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AnalysisFinding {
    /// What kind of thing it is, such as `index-unused`; see [`codes`](crate::codes).
    pub code: &'static str,
    /// How much it hurts.
    pub severity: Severity,
    /// What it is about, quoted as in SQL where it has a name there.
    pub object: String,
    /// What is wrong, in one line.
    pub title: String,
    /// What shows it: names and numbers.
    pub evidence: Vec<(String, String)>,
    /// What cures it, in words.
    pub advice: String,
    /// The statements that cure it, to be run outside of a transaction; `None` where no statement
    /// does.
    pub cure_sql: Option<String>,
    /// What the cure costs: locks, space, time.
    pub cost: String,
    /// The cure changes more than this database, such as a setting of the whole server, or ends
    /// somebody's work. It is for a person who looks first, and no program should carry it out.
    pub cure_reaches_others: bool,
    /// How sure it is.
    pub confidence: Confidence,
}

/// How much it hurts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It costs space or work, and nobody waits for it.
    Notice,
    /// Somebody waits for it, or will.
    Warning,
    /// The database will stop, or lose data.
    Critical,
}

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// It is an estimate from few facts. Look closer before anything is changed.
    Low,
    /// The facts point there, and what they do not show could speak against it.
    Medium,
    /// The catalog says so, or it was tried out.
    High,
}

impl AnalysisFinding {
    /// What is wrong with what; without evidence, and sure.
    pub(crate) fn new(
        code: &'static str,
        severity: Severity,
        object: impl Into<String>,
        title: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity,
            object: object.into(),
            title: title.into(),
            evidence: Vec::new(),
            advice: String::new(),
            cure_sql: None,
            cost: String::new(),
            cure_reaches_others: false,
            confidence: Confidence::High,
        }
    }

    pub(crate) fn evidence(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.evidence.push((name.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn advice(mut self, words: impl Into<String>) -> Self {
        self.advice = words.into();
        self
    }

    pub(crate) fn cure(mut self, sql: impl Into<String>, cost: impl Into<String>) -> Self {
        self.cure_sql = Some(sql.into());
        self.cost = cost.into();
        self
    }

    /// The cure changes more than this database, or ends somebody's work.
    pub(crate) fn reaching_others(mut self) -> Self {
        self.cure_reaches_others = true;
        self
    }

    /// A cure that is no statement.
    pub(crate) fn costs(mut self, cost: impl Into<String>) -> Self {
        self.cost = cost.into();
        self
    }

    pub(crate) fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Critical => "critical",
        })
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}
