//! What is advised about keeping results, and how it is told.

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::class::ClassName;
use super::evidence::CacheEvidence;
use super::judgement::Judgement;
use crate::Database;

/// What is advised about the results of a class of reads; made by [`Database::cache_advice`].
///
/// It says what this process has seen, and changes nothing by itself. Shown it takes two lines;
/// several below each other are a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CacheAdvice {
    /// What the reads have in common: the fingerprint of their statement, as
    /// [`explain_cache`](Database::explain_cache) tells it, or `service:operation`.
    pub class: String,
    /// Their statement, without values; `None` where several statements make one result.
    pub statement: Option<String>,
    /// What to do.
    pub verdict: CacheVerdict,
    /// Why, in words.
    pub why: String,
    /// The same in numbers.
    pub evidence: CacheEvidence,
    /// How much was seen.
    pub confidence: Confidence,
    /// What it would save, by a model of reads and writes that come at random.
    pub saves: CacheSavings,
}

/// What to do about the results of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CacheVerdict {
    /// They are given up although they are right: let them live longer.
    Lengthen {
        /// The time that was asked for.
        from: Duration,
        /// The time to ask for.
        to: Duration,
    },
    /// They are not what the database returns for too much of their time: let them live shorter.
    Shorten {
        /// The time that was asked for.
        from: Duration,
        /// The time to ask for.
        to: Duration,
    },
    /// Hardly anybody is served them: do not keep them.
    DoNotCache,
    /// Redis gives them no sooner than the database: keep them in their process only, with
    /// `local_only()`.
    KeepLocal,
    /// They are gone before their time: give the cache more room.
    MakeRoom,
    /// Nothing.
    Fine,
}

/// How much was seen. Each step is about three times as sure as the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Confidence {
    /// Dozens.
    Low,
    /// Hundreds.
    Medium,
    /// Thousands.
    High,
}

impl Confidence {
    pub(super) fn of(seen: u64) -> Self {
        match seen {
            ..100 => Self::Low,
            100..1_000 => Self::Medium,
            _ => Self::High,
        }
    }
}

/// What following advice would save in this process; negative is what it would cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CacheSavings {
    /// Queries to the database in an hour.
    pub queries_per_hour: f64,
    /// Waiting for them, or what keeping takes where that is what is saved; milliseconds in an
    /// hour.
    pub milliseconds_per_hour: f64,
    /// Memory, in bytes.
    pub bytes: u64,
}

impl CacheAdvice {
    pub(super) fn new(name: &ClassName, judgement: Judgement, evidence: CacheEvidence) -> Self {
        let (class, statement) = match name {
            ClassName::Statement(profile) => (
                profile.fingerprint.to_string(),
                Some(profile.normalised.to_string()),
            ),
            ClassName::Operation { service, operation } => (format!("{service}:{operation}"), None),
        };
        let Judgement {
            verdict,
            why,
            confidence,
            saves,
        } = judgement;
        Self {
            class,
            statement,
            verdict,
            why,
            evidence,
            confidence,
            saves,
        }
    }

    /// What saves most first, and what is fine last.
    pub(super) fn order(one: &Self, other: &Self) -> Ordering {
        let (fine, other_fine) = (one.is_fine(), other.is_fine());
        let saves = |advice: &Self| advice.saves.milliseconds_per_hour;
        fine.cmp(&other_fine)
            .then_with(|| saves(other).total_cmp(&saves(one)))
            .then_with(|| one.class.cmp(&other.class))
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.verdict == CacheVerdict::Fine
    }
}

impl fmt::Display for CacheVerdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Lengthen { from, to } => format!("lengthen {from:?} to {to:?}"),
            Self::Shorten { from, to } => format!("shorten {from:?} to {to:?}"),
            Self::DoNotCache => "do not cache".to_owned(),
            Self::KeepLocal => "keep local".to_owned(),
            Self::MakeRoom => "make room".to_owned(),
            Self::Fine => "fine".to_owned(),
        };
        formatter.pad(&text)
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

impl fmt::Display for CacheAdvice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{:<24} {:>10.0} queries/h {:>10.0} ms/h  {:<6}  {}",
            self.verdict,
            self.saves.queries_per_hour,
            self.saves.milliseconds_per_hour,
            self.confidence,
            self.statement.as_deref().unwrap_or(&self.class),
        )?;
        write!(formatter, "    {}", self.why)
    }
}

impl Database {
    /// What to do about the results of reads that are cached: which should live longer, which
    /// shorter, and which are not worth keeping, with the reasons. What would save most comes
    /// first; what is fine comes last, and what was seen too little is not there.
    ///
    /// It goes by what this process has seen, of some thousands of kinds of reads at most.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn example(db: larder_database::Database) {
    /// for advice in db.cache_advice() {
    ///     println!("{advice}");
    /// }
    /// # }
    /// ```
    pub fn cache_advice(&self) -> Vec<CacheAdvice> {
        self.inner().classes.advice()
    }
}
