//! What the monitor remembers: the last results, and bounded rings of what was before.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::explanation::explain;
use crate::report::{self, HealthRecord, HealthReport, ProbeReport, Transition};
use crate::thresholds::ConsecutiveFailures;
use crate::watched::Watched;
use crate::{Cause, Finding, Hysteresis, Probe, Status};

/// How many records and how many transitions are kept.
pub(crate) const KEPT: usize = 100;

/// The span over which durations are averaged.
const AVERAGED: Duration = Duration::from_secs(5 * 60);

/// The most durations kept for the average, should checks be asked for in a hurry.
const MOST_DURATIONS: usize = 3_000;

/// What was found, and when; no clock of its own.
#[derive(Debug)]
pub(crate) struct History {
    status: Status,
    since: Option<DateTime<Utc>>,
    last_check: Option<DateTime<Utc>>,
    consecutive_failures: u64,
    checks: u64,
    per_status: BTreeMap<Status, u64>,
    probes: Vec<Watched>,
    causes: Vec<Cause>,
    records: VecDeque<HealthRecord>,
    transitions: VecDeque<Transition>,
    durations: VecDeque<(Instant, Duration)>,
}

/// A check that has ended.
pub(crate) struct Check {
    /// What each probe found, in the order of the probes.
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) took: Duration,
    pub(crate) at: DateTime<Utc>,
    pub(crate) now: Instant,
}

/// What a probe found.
pub(crate) struct Outcome {
    pub(crate) finding: Finding,
    pub(crate) took: Duration,
}

impl History {
    pub(crate) fn new(probes: &[Arc<dyn Probe>], hysteresis: Hysteresis) -> Self {
        Self {
            status: Status::Unknown,
            since: None,
            last_check: None,
            consecutive_failures: 0,
            checks: 0,
            per_status: BTreeMap::new(),
            probes: probes
                .iter()
                .map(|probe| Watched::new(&**probe, hysteresis))
                .collect(),
            causes: Vec::new(),
            records: VecDeque::with_capacity(KEPT),
            transitions: VecDeque::new(),
            durations: VecDeque::new(),
        }
    }

    /// Takes note of a check; gives the transition if the status is another now.
    pub(crate) fn note(
        &mut self,
        check: Check,
        failures: &ConsecutiveFailures,
    ) -> Option<Transition> {
        let failed = check.outcomes.iter().any(|outcome| outcome.finding.failed);
        let number = self.checks;
        for (probe, outcome) in self.probes.iter_mut().zip(check.outcomes) {
            probe.note(outcome, check.at, check.now, number, failures);
        }
        self.causes = explain(&mut self.probes, check.at, check.now, number);
        let counting = self.probes.iter().map(|probe| &probe.report);
        let statuses = counting
            .filter(|probe| probe.counts)
            .map(|probe| probe.status);
        let status = statuses.max().unwrap_or_default();
        let reasons = report::reasons(self.probes.iter().map(|probe| &probe.report));

        self.checks += 1;
        *self.per_status.entry(status).or_default() += 1;
        self.consecutive_failures = if failed {
            self.consecutive_failures + 1
        } else {
            0
        };
        self.last_check = Some(check.at);
        push(&mut self.durations, (check.now, check.took), MOST_DURATIONS);
        while self
            .durations
            .front()
            .is_some_and(|(at, _)| is_old(*at, check.now))
        {
            self.durations.pop_front();
        }
        let record = HealthRecord {
            at: check.at,
            status,
            duration_ms: milliseconds(check.took),
            reasons: reasons.clone(),
        };
        push(&mut self.records, record, KEPT);
        self.turn(status, check.at, reasons)
    }

    fn turn(
        &mut self,
        status: Status,
        at: DateTime<Utc>,
        reasons: Vec<String>,
    ) -> Option<Transition> {
        self.since.get_or_insert(at);
        if status == self.status {
            return None;
        }
        let transition = Transition {
            at,
            from: self.status,
            to: status,
            reasons,
            causes: self.causes.clone(),
        };
        self.status = status;
        self.since = Some(at);
        push(&mut self.transitions, transition.clone(), KEPT);
        Some(transition)
    }

    pub(crate) fn status(&self) -> Status {
        self.status
    }

    pub(crate) fn report(&self, now: Instant) -> HealthReport {
        HealthReport {
            status: self.status,
            since: self.since,
            last_check: self.last_check,
            consecutive_failures: self.consecutive_failures,
            avg_ms: self.average(now).map(milliseconds),
            checks: self.checks,
            per_status: self.per_status.clone(),
            causes: self.causes.clone(),
            probes: self.reports(),
        }
    }

    pub(crate) fn records(&self) -> Vec<HealthRecord> {
        self.records.iter().cloned().collect()
    }

    pub(crate) fn transitions(&self) -> Vec<Transition> {
        self.transitions.iter().cloned().collect()
    }

    fn reports(&self) -> Vec<ProbeReport> {
        self.probes
            .iter()
            .map(|probe| probe.report.clone())
            .collect()
    }

    fn average(&self, now: Instant) -> Option<Duration> {
        let durations = self.durations.iter();
        let recent = durations.filter(|(at, _)| !is_old(*at, now));
        let (sum, count) = recent.fold((Duration::ZERO, 0_u32), |(sum, count), (_, took)| {
            (sum + *took, count + 1)
        });
        sum.checked_div(count)
    }
}

fn is_old(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) > AVERAGED
}

fn push<T>(ring: &mut VecDeque<T>, item: T, most: usize) {
    if ring.len() >= most {
        ring.pop_front();
    }
    ring.push_back(item);
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1_000.0
}
