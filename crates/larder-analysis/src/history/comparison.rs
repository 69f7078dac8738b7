//! What changed from the same hour before to the last hour.
//!
//! Counters only grow, so an hour is the difference of two readings. The last hour ends now and
//! begins at the reading that is nearest to an hour ago. The same hour before is taken between the
//! readings nearest to its ends, a day ago, or else a week.

use std::collections::BTreeMap;

use chrono::Duration;

use super::{CODES, Counters, History};
use crate::checks::one_line;
use crate::quantity::{bytes, count, milliseconds, percent, seconds};
use crate::{AnalysisFinding, Confidence, NotChecked, Severity, Thresholds};

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests;

/// What happened between two readings.
struct Hour<'a> {
    hours: f64,
    /// By the id of each statement: calls and milliseconds.
    statements: BTreeMap<&'a str, (f64, f64)>,
    hit: f64,
    read: f64,
    temporary_bytes: f64,
}

impl<'a> Hour<'a> {
    /// `None` if the counters were reset between them.
    fn between(first: &Counters, last: &'a Counters) -> Option<Self> {
        let hours = (last.at - first.at).num_seconds() as f64 / 3_600.0;
        let (from, to) = (&first.totals, &last.totals);
        if hours <= 0.0 || to.committed < from.committed || to.hit < from.hit {
            return None;
        }
        let before: BTreeMap<&str, (i64, f64)> = first
            .statements
            .iter()
            .map(|one| (one.id.as_str(), (one.calls, one.total_ms)))
            .collect();
        let statements = last.statements.iter().filter_map(|one| {
            let (calls, total) = match before.get(one.id.as_str()).copied() {
                // One that was forgotten meanwhile counts anew.
                Some(known) if known.0 > one.calls => (0, 0.0),
                Some(known) => known,
                // It ran for the first time.
                None if first.has_all_statements() => (0, 0.0),
                // What it had done by then nobody knows: since the reset is no hour.
                None => return None,
            };
            let grown = ((one.calls - calls) as f64, one.total_ms - total);
            Some((one.id.as_str(), grown))
        });
        Some(Self {
            hours,
            statements: statements.collect(),
            hit: (to.hit - from.hit) as f64,
            read: (to.read - from.read) as f64,
            temporary_bytes: (to.temporary_bytes - from.temporary_bytes) as f64,
        })
    }

    fn share(&self) -> f64 {
        self.hit / (self.hit + self.read).max(1.0)
    }
}

/// What changed; or why that cannot be said.
pub(crate) fn compare(
    history: &History,
    now: &Counters,
    thresholds: &Thresholds,
) -> Result<Vec<AnalysisFinding>, NotChecked> {
    let readings: Vec<&Counters> = history
        .readings()
        .iter()
        .filter(|one| one.database_oid == now.database_oid && one.database == now.database)
        .filter(|one| one.at < now.at)
        .collect();
    let refused = |why: String| {
        let cure = "save readings each hour: larder analyze --save FILE, by cron or a timer";
        Err(NotChecked::new(CODES, why, cure))
    };
    let hour = Duration::hours(1);
    let Some(began) = nearest(&readings, now.at - hour) else {
        return refused(format!(
            "there is no reading of about an hour ago, of {}",
            now.database
        ));
    };
    let Some(last) = Hour::between(began, now) else {
        return refused("the counters of the server were reset within the last hour".to_owned());
    };
    for (days, word) in [(1, "a day before"), (7, "a week before")] {
        let ended = now.at - Duration::days(days);
        let ends = nearest(&readings, ended - hour).zip(nearest(&readings, ended));
        let before = ends.and_then(|(first, last)| Hour::between(first, last));
        if let Some(before) = before {
            return Ok(changes(now, &last, &before, word, thresholds));
        }
    }
    refused("there are no readings of the same hour a day or a week before".to_owned())
}

/// The reading nearest to a moment, if it is near enough.
fn nearest<'a>(
    readings: &[&'a Counters],
    at: chrono::DateTime<chrono::Utc>,
) -> Option<&'a Counters> {
    const NEAR: i64 = 20;
    let distance = |one: &&Counters| (one.at - at).num_seconds().abs();
    let found = readings.iter().copied().min_by_key(|one| distance(one))?;
    (distance(&found) <= NEAR * 60).then_some(found)
}

fn changes(
    now: &Counters,
    last: &Hour<'_>,
    before: &Hour<'_>,
    word: &str,
    thresholds: &Thresholds,
) -> Vec<AnalysisFinding> {
    let mut findings = statements(now, last, before, word, thresholds);
    findings.extend(share(now, last, before, word));
    findings.extend(temporary(now, last, before, word));
    findings
}

fn statements(
    now: &Counters,
    last: &Hour<'_>,
    before: &Hour<'_>,
    word: &str,
    thresholds: &Thresholds,
) -> Vec<AnalysisFinding> {
    /// Seconds in an hour that a change has to cost.
    const COST: f64 = 1_000.0;
    let fewest = thresholds.statement_calls as f64;
    let mut findings = Vec::new();
    for statement in &now.statements {
        let id = statement.id.as_str();
        let (Some(&(calls, total)), Some(&(old_calls, old_total))) =
            (last.statements.get(id), before.statements.get(id))
        else {
            continue;
        };
        if calls < fewest || old_calls < fewest {
            continue;
        }
        let (mean, old_mean) = (total / calls, old_total / old_calls);
        let (rate, old_rate) = (calls / last.hours, old_calls / before.hours);
        let tell = |code, title: String| {
            AnalysisFinding::new(code, Severity::Warning, format!("statement {id}"), title)
                .evidence("statement", one_line(&statement.text))
                .evidence("mean in the last hour", milliseconds(mean))
                .evidence(&format!("mean {word}"), milliseconds(old_mean))
                .evidence("calls in an hour", count(rate))
                .evidence(&format!("calls {word}"), count(old_rate))
                .confidence(Confidence::Medium)
        };
        if mean >= thresholds.slower_factor * old_mean && (mean - old_mean) * rate >= COST {
            let title = format!(
                "a statement takes {:.1} times as long as {word}",
                mean / old_mean.max(1e-6)
            );
            findings.push(
                tell("hour-statement-slower", title)
                    .advice("see its plan: more rows, statistics that are old, an index that is gone, or a lock that it waits for")
                    .costs("none before its cause is known"),
            );
        } else if rate >= 3.0 * old_rate && (rate - old_rate) * mean >= COST {
            let title = format!(
                "a statement runs {:.1} times as often as {word}",
                rate / old_rate
            );
            findings.push(
                tell("hour-statement-busier", title)
                    .advice("see who calls it: a loop that asks row by row, a cache that is off, or more users")
                    .costs("none before its cause is known"),
            );
        }
    }
    findings
}

fn share(
    now: &Counters,
    last: &Hour<'_>,
    before: &Hour<'_>,
    word: &str,
) -> Option<AnalysisFinding> {
    const FELL: f64 = 0.05;
    const FEWEST: f64 = 10_000.0;
    let (share, old) = (last.share(), before.share());
    let is_said = last.hit + last.read >= FEWEST && before.hit + before.read >= FEWEST;
    if !is_said || old - share < FELL {
        return None;
    }
    let title = format!(
        "the server finds {} of its blocks in memory, {word} it was {}",
        percent(share),
        percent(old)
    );
    let finding = AnalysisFinding::new(
        "hour-cache-share-fell",
        Severity::Warning,
        &now.database,
        title,
    );
    Some(
        finding
            .evidence("blocks asked of the system", count(last.read))
            .evidence(&format!("the same {word}"), count(before.read))
            .advice(
                "see which statement reads more than before, and whether the server was restarted",
            )
            .costs("none before its cause is known")
            .confidence(Confidence::Medium),
    )
}

fn temporary(
    now: &Counters,
    last: &Hour<'_>,
    before: &Hour<'_>,
    word: &str,
) -> Option<AnalysisFinding> {
    /// In an hour.
    const LITTLE: f64 = 104_857_600.0;
    let (rate, old) = (
        last.temporary_bytes / last.hours,
        before.temporary_bytes / before.hours,
    );
    if rate < LITTLE || rate < 3.0 * old {
        return None;
    }
    let title = format!(
        "{} in an hour went to temporary files, {word} it was {}",
        bytes(rate),
        bytes(old)
    );
    let finding = AnalysisFinding::new(
        "hour-temporary-files-grew",
        Severity::Notice,
        &now.database,
        title,
    );
    Some(
        finding
            .evidence("compared over", seconds(last.hours * 3_600.0))
            .advice("see which statement spills (--only statement-spills), and log_temp_files")
            .costs("none before its cause is known")
            .confidence(Confidence::Medium),
    )
}
