//! When somebody is told, and what: decided from reports alone.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::{Alert, AlertKind, AlertOptions};
use crate::{Cause, HealthReport, Status};

#[cfg(test)]
mod tests;

/// Which incident there is, and what was told of it.
#[derive(Debug)]
pub(super) struct Alarm {
    instance: String,
    profile: Option<String>,
    from: Status,
    repeat: Option<Duration>,
    incident: Option<Incident>,
}

#[derive(Debug)]
struct Incident {
    id: String,
    since: DateTime<Utc>,
    told: u64,
    told_at: Instant,
    status: Status,
    causes: Vec<Cause>,
}

impl Alarm {
    pub(super) fn new(options: &AlertOptions) -> Self {
        Self {
            instance: options.instance.clone(),
            profile: options.profile.clone(),
            // Nobody is told that all is well.
            from: options.from.max(Status::Degraded),
            repeat: options.repeat,
            incident: None,
        }
    }

    /// When the next alert is due, if nothing changes.
    pub(super) fn due(&self) -> Option<Instant> {
        Some(self.incident.as_ref()?.told_at + self.repeat?)
    }

    /// What is to be told of a report, if anything. The same report may come again.
    pub(super) fn note(&mut self, report: &HealthReport, now: Instant) -> Option<Alert> {
        // Before the first check, and where nothing can be said, nothing has changed.
        let at = report
            .last_check
            .filter(|_| report.status != Status::Unknown)?;
        let is_due = self.due().is_some_and(|due| now >= due);
        let is_bad = report.status >= self.from;
        let kind = match &self.incident {
            None if is_bad => AlertKind::Started,
            None => return None,
            Some(_) if !is_bad => AlertKind::Resolved,
            Some(incident) if incident.differs_from(report) => AlertKind::Changed,
            Some(_) if is_due => AlertKind::Repeated,
            Some(_) => return None,
        };
        Some(self.tell(kind, report, at, now))
    }

    fn tell(
        &mut self,
        kind: AlertKind,
        report: &HealthReport,
        at: DateTime<Utc>,
        now: Instant,
    ) -> Alert {
        let mut incident = self.incident.take().unwrap_or_else(|| {
            let since = report.since.unwrap_or(at);
            Incident {
                id: identifier(&self.instance, since),
                since,
                told: 0,
                told_at: now,
                status: Status::Healthy,
                causes: Vec::new(),
            }
        });
        let previous = std::mem::replace(&mut incident.status, report.status);
        incident.told += 1;
        incident.told_at = now;
        if kind != AlertKind::Resolved {
            incident.causes.clone_from(&report.causes);
        }
        let alert = self.alert(&incident, kind, at, previous, report.reasons());
        if kind != AlertKind::Resolved {
            self.incident = Some(incident);
        }
        alert
    }

    /// What is to be told when nobody looks any more, if there is an incident.
    pub(super) fn stop(&mut self, at: DateTime<Utc>) -> Option<Alert> {
        let mut incident = self.incident.take()?;
        incident.told += 1;
        let status = incident.status;
        Some(self.alert(&incident, AlertKind::Stopped, at, status, Vec::new()))
    }

    fn alert(
        &self,
        incident: &Incident,
        kind: AlertKind,
        at: DateTime<Utc>,
        previous: Status,
        reasons: Vec<String>,
    ) -> Alert {
        Alert {
            incident: incident.id.clone(),
            sequence: incident.told,
            kind,
            instance: self.instance.clone(),
            profile: self.profile.clone(),
            at,
            since: incident.since,
            status: incident.status,
            previous,
            causes: incident.causes.clone(),
            reasons,
        }
    }
}

/// The name of an incident, which no other one has: two processes of one name may see the same
/// outage in the same millisecond. It goes into headers, so it has letters, digits and dashes alone.
fn identifier(instance: &str, since: DateTime<Utc>) -> String {
    let plain = |letter: char| match letter {
        letter if letter.is_ascii_alphanumeric() || "-_.".contains(letter) => letter,
        _ => '-',
    };
    let instance: String = instance.chars().map(plain).collect();
    let milliseconds = since.timestamp_millis();
    format!("{instance}-{milliseconds}-{:08x}", fastrand::u32(..))
}

impl Incident {
    /// Whether the report has another status, or causes that were not told. That one of several
    /// is over is told with the next alert.
    ///
    /// A cause that stands may come to explain more: what is new there may be an outage of its
    /// own, which nobody would hear of otherwise.
    fn differs_from(&self, report: &HealthReport) -> bool {
        let is_told = |cause: &Cause| {
            let mut told = self.causes.iter();
            told.any(|told| {
                let mut explained = cause.explains.iter();
                told.probe == cause.probe
                    && told.fault == cause.fault
                    && explained.all(|name| told.explains.contains(name))
            })
        };
        self.status != report.status || !report.causes.iter().all(is_told)
    }
}
