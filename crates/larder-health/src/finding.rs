//! What a probe found.

use std::fmt;

use serde::Serialize;

use crate::Status;

#[cfg(test)]
mod tests;

/// What a probe found: a status, why, and what it measured.
///
/// ```
/// use larder_health::{Finding, Status};
///
/// let finding = Finding::degraded("replica 12 s behind, above 10 s").observing(12.0, "s");
/// assert_eq!(finding.status, Status::Degraded);
/// assert!(Finding::warning("replica 6 s behind, above 5 s").is_warning());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// How well it is.
    pub status: Status,
    /// Why it is not better. With [`Status::Healthy`] it is a warning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was measured, if anything was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<Observed>,
    /// What exactly is wrong, as one word for programs, such as `refused`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
    /// What to do about it, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
    /// Whether what was to be checked could not be reached at all. How bad that is, the monitor
    /// decides by how often it happened in a row.
    pub failed: bool,
}

/// A number and its unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Observed {
    /// The number.
    pub value: f64,
    /// Its unit, such as `ms` or `%`; empty for plain counts.
    pub unit: &'static str,
    /// What was measured, as one word such as `hitRate`, where the unit does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measurement: Option<&'static str>,
}

impl Finding {
    /// All is well.
    #[must_use]
    pub fn healthy() -> Self {
        Self::new(Status::Healthy, None)
    }

    /// Well still, but something should be looked at.
    #[must_use]
    pub fn warning(reason: impl Into<String>) -> Self {
        Self::new(Status::Healthy, Some(reason.into()))
    }

    /// It works, but worse than it should.
    #[must_use]
    pub fn degraded(reason: impl Into<String>) -> Self {
        Self::new(Status::Degraded, Some(reason.into()))
    }

    /// It does not work.
    #[must_use]
    pub fn unhealthy(reason: impl Into<String>) -> Self {
        Self::new(Status::Unhealthy, Some(reason.into()))
    }

    /// It has not worked for long.
    #[must_use]
    pub fn critical(reason: impl Into<String>) -> Self {
        Self::new(Status::Critical, Some(reason.into()))
    }

    /// Nothing can be said now, such as when what would be asked is busy by design. It makes nothing
    /// better: what was bad stays so until it is seen to be well. What was well is unknown after a
    /// while.
    #[must_use]
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self::new(Status::Unknown, Some(reason.into()))
    }

    /// It could not be reached: degraded once, worse when it happens again.
    ///
    /// See [`MonitorOptions::failures`](crate::MonitorOptions::failures).
    #[must_use]
    pub fn failed(reason: impl Into<String>) -> Self {
        Self {
            failed: true,
            ..Self::degraded(reason)
        }
    }

    /// With what was measured.
    #[must_use]
    pub fn observing(mut self, value: f64, unit: &'static str) -> Self {
        self.observed = Some(Observed {
            value,
            unit,
            measurement: None,
        });
        self
    }

    /// What was measured, as one word such as `hitRate`, where the unit does not tell. For what is
    /// observed already.
    #[must_use]
    pub fn measured(mut self, measurement: &'static str) -> Self {
        if let Some(observed) = &mut self.observed {
            observed.measurement = Some(measurement);
        }
        self
    }

    /// With what to do about it, in words.
    #[must_use]
    pub fn curing(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }

    /// With what exactly is wrong, as one word for programs.
    #[must_use]
    pub fn of_fault(mut self, fault: &'static str) -> Self {
        self.fault = Some(fault);
        self
    }

    /// With a cure, if there is something to cure.
    #[must_use]
    pub fn cured_by(self, cure: impl FnOnce() -> String) -> Self {
        match self.reason {
            Some(_) if self.cure.is_none() => self.curing(cure()),
            _ => self,
        }
    }

    /// Whether it is healthy with a reason.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        self.status == Status::Healthy && self.reason.is_some()
    }

    /// The worst of several, with its reason and what it measured; of equal ones the first, one
    /// with a reason before one without. It has failed if any has. [`Status::Unknown`] if there
    /// are none.
    #[must_use]
    pub fn worst(findings: impl IntoIterator<Item = Self>) -> Self {
        let rank = |finding: &Self| (finding.status, finding.failed, finding.reason.is_some());
        findings
            .into_iter()
            .reduce(|worst, next| {
                let failed = worst.failed || next.failed;
                let worst = if rank(&next) > rank(&worst) {
                    next
                } else {
                    worst
                };
                Self { failed, ..worst }
            })
            .unwrap_or_default()
    }

    fn new(status: Status, reason: Option<String>) -> Self {
        Self {
            status,
            reason,
            ..Self::default()
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        match &self.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value)?;
        if self.unit.is_empty() {
            return Ok(());
        }
        write!(f, " {}", self.unit)
    }
}
