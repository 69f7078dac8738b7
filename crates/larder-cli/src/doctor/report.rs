//! All that was seen, and what follows from it.

use larder_config::Config;
use serde::Serialize;

use super::check::{Check, State};
use crate::exit::Exit;

/// What `--json` prints, and what `--report` saves.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The worst of all checks.
    pub(super) state: State,
    /// How many of a hundred checks that were made are as they should be.
    pub(super) success_rate: f64,
    /// When it was made.
    pub(super) time: String,
    pub(super) version: &'static str,
    /// `None` where the settings are not valid.
    pub(super) profile: Option<String>,
    pub(super) replicas: u32,
    pub(super) checks: Vec<Check>,
    /// What to do, failures first.
    pub(super) recommendations: Vec<String>,
    /// Whether the settings themselves are wrong.
    #[serde(skip)]
    is_misconfigured: bool,
}

impl Report {
    pub(super) fn new(config: Option<&Config>, replicas: u32, checks: Vec<Check>) -> Self {
        let made = checks.iter().filter(|check| check.state != State::Skipped);
        let fine = made.clone().filter(|check| check.state == State::Ok);
        let success_rate = fine.count() as f64 * 100.0 / made.count().max(1) as f64;
        let worst = checks.iter().map(|check| check.state).max();
        Self {
            state: worst.unwrap_or(State::Ok).max(State::Ok),
            success_rate: (success_rate * 10.0).round() / 10.0,
            time: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            version: env!("CARGO_PKG_VERSION"),
            profile: config.map(|config| config.profile().to_string()),
            replicas,
            recommendations: recommendations(&checks),
            checks,
            is_misconfigured: config.is_none(),
        }
    }

    pub(super) fn exit(&self) -> Exit {
        match self.state {
            _ if self.is_misconfigured => Exit::Misconfigured,
            State::Ok | State::Skipped => Exit::Done,
            State::Warning | State::Failure => Exit::Failed,
        }
    }

    /// How many checks ended like that.
    pub(super) fn count(&self, state: State) -> usize {
        let checks = self.checks.iter();
        checks.filter(|check| check.state == state).count()
    }
}

/// The cures, each once, those of failures first.
fn recommendations(checks: &[Check]) -> Vec<String> {
    let mut texts = Vec::new();
    for state in [State::Failure, State::Warning] {
        for check in checks.iter().filter(|check| check.state == state) {
            let text = match &check.cure {
                Some(cure) => format!("{}: {cure}", check.check),
                None => continue,
            };
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(state: State, cure: Option<&str>) -> Check {
        Check {
            check: "clock",
            state,
            seen: String::new(),
            cure: cure.map(str::to_owned),
        }
    }

    #[test]
    fn what_was_skipped_counts_neither_way() {
        let checks = vec![
            check(State::Ok, None),
            check(State::Skipped, None),
            check(State::Warning, Some("set both by NTP")),
            check(State::Ok, None),
        ];
        let report = Report::new(None, 1, checks);
        assert_eq!(report.success_rate, 66.7);
        assert_eq!(report.state, State::Warning);
        assert_eq!(report.recommendations, ["clock: set both by NTP"]);
    }

    #[test]
    fn failures_are_cured_first_and_each_cure_stands_once() {
        let checks = vec![
            check(State::Warning, Some("later")),
            check(State::Failure, Some("at once")),
            check(State::Failure, Some("at once")),
        ];
        assert_eq!(recommendations(&checks), ["clock: at once", "clock: later"]);
    }
}
