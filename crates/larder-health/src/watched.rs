//! What the monitor knows of one probe: what it found, what it counts as, and since when.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::causes::{Suspect, is_before};
use crate::history::{Outcome, milliseconds};
use crate::hysteresis::Settling;
use crate::report::ProbeReport;
use crate::thresholds::ConsecutiveFailures;
use crate::{Finding, Hysteresis, Probe, Status};

/// A probe as it stands.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) report: ProbeReport,
    explains: Vec<String>,
    /// Whether it would count for the status, whatever else is wrong.
    counts: bool,
    at_worst: Status,
    rules: Hysteresis,
    /// How far it looks back.
    memory: Duration,
    settling: Settling,
    /// What the last check found, with failures in a row.
    found: Status,
    /// Since when it has been bad, without a break.
    bad_since: Option<DateTime<Utc>>,
    /// The check in which it began to be bad the last time.
    began: u64,
    /// What was wrong when something last was.
    last_bad: Option<Finding>,
    /// When it stopped being bad, and in which check.
    ended: Option<(Instant, u64)>,
}

impl Watched {
    pub(crate) fn new(probe: &dyn Probe, hysteresis: Hysteresis) -> Self {
        Self {
            report: ProbeReport {
                name: probe.name().to_owned(),
                status: Status::Unknown,
                reason: None,
                cure: None,
                observed: None,
                counts: probe.counts(),
                follows: None,
                since: None,
                consecutive_failures: 0,
                duration_ms: 0.0,
            },
            explains: probe.explains().to_vec(),
            counts: probe.counts(),
            at_worst: probe.at_worst(),
            rules: probe.hysteresis().unwrap_or(hysteresis),
            memory: probe.memory(),
            settling: Settling::default(),
            found: Status::Unknown,
            bad_since: None,
            began: 0,
            last_bad: None,
            ended: None,
        }
    }

    /// Takes note of what a check found; `number` is that of the check.
    pub(crate) fn note(
        &mut self,
        outcome: Outcome,
        at: DateTime<Utc>,
        now: Instant,
        number: u64,
        failures: &ConsecutiveFailures,
    ) {
        let finding = outcome.finding;
        let was_bad = self.is_bad();
        self.found = self.judge(&finding, failures);
        let often_enough =
            finding.failed && self.report.consecutive_failures >= u64::from(self.rules.worse_after);
        let settled = self
            .settling
            .note(self.found, often_enough, now, self.rules);
        if self.report.since.is_none() || settled != self.report.status {
            self.report.since = Some(at);
        }
        self.report.status = settled;
        self.report.observed = finding.observed;
        self.report.duration_ms = milliseconds(outcome.took);
        self.tell(finding);
        if self.is_bad() {
            self.bad_since.get_or_insert(at);
            if !was_bad {
                self.began = number;
            }
        } else {
            self.bad_since = None;
            if was_bad {
                self.ended = Some((now, number));
            }
        }
    }

    /// How bad it is, with failures in a row.
    fn judge(&mut self, finding: &Finding, failures: &ConsecutiveFailures) -> Status {
        let mut status = finding.status;
        if finding.failed {
            self.report.consecutive_failures += 1;
            let count = self.report.consecutive_failures;
            status = status.max(failures.evaluate(count).status);
        } else {
            self.report.consecutive_failures = 0;
        }
        status.min(self.at_worst)
    }

    /// Reason and cure: of what is found now, or of what has not been over for long enough.
    fn tell(&mut self, finding: Finding) {
        let count = self.report.consecutive_failures;
        let is_left_over = self.report.status > Status::Healthy && self.found <= Status::Healthy;
        let left_over = self.last_bad.as_ref().filter(|_| is_left_over);
        if let Some(bad) = left_over {
            let reason = bad.reason.as_deref().unwrap_or("not well");
            let now = match (self.found, &finding.reason) {
                (Status::Unknown, Some(now)) => now,
                (Status::Unknown, None) => "nothing can be said of it now",
                _ => "well again, but not for long enough yet",
            };
            self.report.reason = Some(format!("{reason}; {now}"));
            self.report.cure.clone_from(&bad.cure);
            return;
        }
        self.report.reason = match &finding.reason {
            Some(reason) if count > 1 => Some(format!("{reason} ({count} times in a row)")),
            reason => reason.clone(),
        };
        self.report.cure.clone_from(&finding.cure);
        if self.found > Status::Healthy {
            self.last_bad = Some(finding);
        }
    }

    /// Whether something is wrong, or has not been over for long enough.
    pub(crate) fn is_bad(&self) -> bool {
        self.report.status > Status::Healthy || self.found > Status::Healthy
    }

    /// Whether it makes the whole worse, unless it is what is left of something else.
    pub(crate) fn weighs(&self) -> bool {
        self.counts && self.report.status > Status::Healthy
    }

    /// How bad it is as a cause.
    pub(crate) fn badness(&self) -> Status {
        match self.report.status > Status::Healthy {
            true => self.report.status,
            false => self.found,
        }
    }

    /// What has to be known of it to find causes.
    pub(crate) fn suspect(&self) -> Suspect<'_> {
        Suspect {
            name: &self.report.name,
            is_bad: self.is_bad(),
            is_settled: self.report.status > Status::Healthy,
            began: self.began,
            explains: &self.explains,
        }
    }

    /// Whether it was bad already when another one began to be.
    pub(crate) fn stood_before(&self, other: &Self) -> bool {
        is_before(self.began, other.began)
    }

    pub(crate) fn bad_since(&self) -> Option<DateTime<Utc>> {
        self.bad_since
    }

    pub(crate) fn fault(&self) -> Option<&'static str> {
        self.last_bad.as_ref()?.fault
    }

    /// Whether what is wrong here may be left of `other`, which explains it and is over: what looks
    /// back sees it for a while, and what settles slowly lags behind.
    pub(crate) fn is_left_of(&self, other: &Self, now: Instant, number: u64) -> bool {
        let explains = other.explains.contains(&self.report.name);
        let Some((ended, in_check)) = other.ended.filter(|_| explains && !other.is_bad()) else {
            return false;
        };
        // It was bad before that, or well after it: what is wrong here is its own.
        if self.stood_before(other) || self.ended.is_some_and(|(own, _)| own > ended) {
            return false;
        }
        let lag = u64::from(self.rules.better_after) + 1;
        let memory = self.memory + self.rules.minimum;
        number - in_check <= lag || now.saturating_duration_since(ended) <= memory
    }

    /// Says from what it follows, and whether that is over.
    pub(crate) fn follow(&mut self, cause: Option<&str>, is_over: bool) {
        self.report.counts = self.counts && !is_over;
        self.report.follows = cause.map(str::to_owned);
    }
}
