//! All that was found, and what was not looked at.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::history::Counters;
use crate::{AnalysisFinding, Severity};

/// All that was found; made by [`analyze`](crate::analyze).
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Analysis {
    /// What is wrong, the worst first.
    pub findings: Vec<AnalysisFinding>,
    /// What was not looked at, and why.
    pub not_checked: Vec<NotChecked>,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// The database.
    pub database: String,
    /// The version of the server, such as `15.8`.
    pub server_version: String,
    /// For how many seconds at least the statistics of the server have been counting.
    pub statistics_age: f64,
    /// How many statements were explained.
    pub statements_explained: usize,
    /// The counters of the server as they were, to be compared with later ones.
    #[serde(skip)]
    pub counters: Option<Counters>,
}

/// A check that was not made, and what would let it be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NotChecked {
    /// What it could have found.
    pub codes: Vec<&'static str>,
    /// Why it was not made.
    pub why: String,
    /// What to do about that.
    pub cure: String,
}

impl NotChecked {
    pub(crate) fn new(
        codes: &[&'static str],
        why: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self {
            codes: codes.to_vec(),
            why: why.into(),
            cure: cure.into(),
        }
    }
}

impl Analysis {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// The worst of what was found.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// The findings of this code.
    pub fn of_code<'a>(&'a self, code: &'a str) -> impl Iterator<Item = &'a AnalysisFinding> {
        let findings = self.findings.iter();
        findings.filter(move |finding| finding.code == code)
    }

    /// The worst first; what is said twice is said once.
    pub(crate) fn arrange(&mut self) {
        self.findings.sort_by_cached_key(|finding| {
            let certainty = Reverse(finding.confidence);
            let name = (finding.code, finding.object.clone(), finding.title.clone());
            (Reverse(finding.severity), name, certainty)
        });
        self.findings.dedup_by(|next, first| {
            (next.code, &next.object, &next.title) == (first.code, &first.object, &first.title)
        });
        self.not_checked.dedup();
    }
}
