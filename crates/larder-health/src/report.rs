//! What the monitor tells.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::{Cause, Observed, Status};

/// How well everything was at the last check, and lately.
///
/// The display text is for people: one line for the whole, one for each probe.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HealthReport {
    /// The worst of the probes; unknown before the first check.
    pub status: Status,
    /// Since when it has this status; none before the first check.
    pub since: Option<DateTime<Utc>>,
    /// When it was checked last.
    pub last_check: Option<DateTime<Utc>>,
    /// Checks in a row, up to the last one, in which a probe failed.
    pub consecutive_failures: u64,
    /// The mean duration of the checks of the last five minutes in milliseconds.
    pub avg_ms: Option<f64>,
    /// Checks made since the start.
    pub checks: u64,
    /// How many of them found each status.
    pub per_status: BTreeMap<Status, u64>,
    /// Why the status is what it is: what is wrong and follows from nothing else that is. The worst
    /// comes first; one, unless several things broke apart from each other.
    pub causes: Vec<Cause>,
    /// What each probe found, in the order in which they were given.
    pub probes: Vec<ProbeReport>,
}

/// What a probe found at the last check.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ProbeReport {
    /// Its name.
    pub name: String,
    /// How well it is.
    pub status: Status,
    /// Why it is not better; with [`Status::Healthy`] a warning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What to do about it, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
    /// What it measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<Observed>,
    /// Whether it counts for the status of the whole. What informs only does not, nor what is left
    /// of a cause that is over.
    pub counts: bool,
    /// The probe that found the cause of what is wrong here, if the cause is not here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follows: Option<String>,
    /// Since when it has this status.
    pub since: Option<DateTime<Utc>>,
    /// How often in a row, up to the last time, it failed.
    pub consecutive_failures: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
}

/// A check that was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HealthRecord {
    /// When it ended.
    pub at: DateTime<Utc>,
    /// What it found.
    pub status: Status,
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
    /// Why it was not better: name of the probe and reason.
    pub reasons: Vec<String>,
}

/// A change from one status to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Transition {
    /// When the check ended that saw it.
    pub at: DateTime<Utc>,
    /// The status before.
    pub from: Status,
    /// The status after.
    pub to: Status,
    /// Why it is not better now: name of the probe and reason.
    pub reasons: Vec<String>,
    /// What is wrong now and follows from nothing else that is.
    pub causes: Vec<Cause>,
}

impl HealthReport {
    /// Why it is not better: name of the probe and reason, of each that is worse than healthy and
    /// counts.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        reasons(self.probes.iter())
    }

    /// What should be looked at although it is healthy, or does not count: name of the probe and
    /// reason.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let warns = |probe: &&ProbeReport| match probe.counts {
            true => probe.status == Status::Healthy,
            false => probe.status >= Status::Healthy,
        };
        self.probes
            .iter()
            .filter(warns)
            .filter_map(ProbeReport::named_reason)
            .collect()
    }

    /// What the probe of this name found.
    #[must_use]
    pub fn probe(&self, name: &str) -> Option<&ProbeReport> {
        self.probes.iter().find(|probe| probe.name == name)
    }
}

pub(crate) fn reasons<'a>(probes: impl Iterator<Item = &'a ProbeReport>) -> Vec<String> {
    probes
        .filter(|probe| probe.counts && probe.status > Status::Healthy)
        .filter_map(ProbeReport::named_reason)
        .collect()
}

impl ProbeReport {
    fn named_reason(&self) -> Option<String> {
        let reason = self.reason.as_ref()?;
        Some(format!("{}: {reason}", self.name))
    }
}

impl fmt::Display for HealthReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.since {
            Some(since) => write!(f, "{} since {}", self.status, moment(since))?,
            None => write!(f, "{}, not checked yet", self.status)?,
        }
        let width = self.probes.iter().map(|probe| probe.name.chars().count());
        let width = width.max().unwrap_or(0);
        for probe in &self.probes {
            write!(f, "\n  {:width$}  {}", probe.name, probe.status)?;
            if let Some(observed) = &probe.observed {
                write!(f, " ({observed})")?;
            }
            if let Some(reason) = &probe.reason {
                write!(f, ": {reason}")?;
            }
            if let Some(cause) = &probe.follows {
                write!(f, "; follows from {cause}")?;
            }
        }
        for cause in &self.causes {
            write!(f, "\ncause: {cause}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", moment(self.at), self.from, self.to)?;
        if self.reasons.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.reasons.join("; "))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.probe, self.reason)?;
        if !self.explains.is_empty() {
            write!(f, " (explains {})", self.explains.join(", "))?;
        }
        match &self.cure {
            Some(cure) => write!(f, "\n  cure: {cure}"),
            None => Ok(()),
        }
    }
}

fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
