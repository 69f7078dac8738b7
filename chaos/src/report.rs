//! What is told of the runs: a table for people, JSON for machines.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use crate::checker::{Hits, Verdict, Verdicts};
use crate::error::{Error, Result};
use crate::faults::Kind;
use crate::history::Incarnation;
use crate::mode::{Break, Mode};
use crate::run::Run;

/// Of the reads outside of faults at least this share has to be hits.
const HIT_SHARE: f64 = 0.5;

/// The widest that a table gets.
const WIDTH: u16 = 80;

/// All runs.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    seed: u64,
    #[serde(rename = "bound_ms")]
    bound: u64,
    #[serde(skip)]
    breaks: bool,
    runs: Vec<RunReport>,
    ok: bool,
}

/// One run.
#[derive(Debug, Serialize)]
pub(crate) struct RunReport {
    mode: Mode,
    #[serde(rename = "break", skip_serializing_if = "Option::is_none")]
    breakage: Option<Break>,
    seconds: f64,
    processes: u32,
    operations: u64,
    reads: u64,
    commits: u64,
    failed: u64,
    hits_l1: u64,
    hits_l2: u64,
    hit_share_outside_faults: f64,
    killed_around_commit: u64,
    killed_and_committed: u64,
    faults: BTreeMap<Kind, u64>,
    max_staleness_ms: f64,
    lost: u64,
    doubled: u64,
    own_write_missed: u64,
    stale_beyond_bound: u64,
    dirty: u64,
    contradicted: u64,
    crashes: u64,
    settled: bool,
    ok: bool,
    /// What was read and never kept.
    shapes_without_hits: Vec<String>,
    #[serde(skip)]
    remarks: Vec<String>,
}

/// What is known when a run is over.
pub(crate) struct Findings {
    pub(crate) seconds: f64,
    pub(crate) histories: Vec<Incarnation>,
    pub(crate) hits: Hits,
    /// Writes that a kill left open, and those of them that took effect.
    pub(crate) killed: (u64, u64),
    pub(crate) faults: BTreeMap<Kind, u64>,
    pub(crate) verdicts: Verdicts,
    pub(crate) crashes: Vec<String>,
    /// Whether everything came to its end, and all processes read everything then.
    pub(crate) settled: bool,
}

impl RunReport {
    pub(crate) fn new(run: &Run, findings: Findings) -> Self {
        let Findings {
            histories,
            hits,
            verdicts,
            ..
        } = &findings;
        let reads = || histories.iter().flat_map(|history| &history.reads);
        let writes = || histories.iter().flat_map(|history| &history.writes);
        let failed_reads = reads().filter(|read| read.has_failed()).count();
        let failed_writes = writes().filter(|write| write.has_failed()).count();
        // Without Redis, what no read waited for was loaded ahead of time.
        let (hits_l1, hits_l2) = match run.mode.has_redis() {
            true => (hits.l1, hits.l2),
            false => (hits.l1 + hits.l2, 0),
        };
        let share = hits.calm_hits as f64 / hits.calm_reads.max(1) as f64;
        let count = |verdict| verdicts.count(verdict);
        let mut report = Self {
            mode: run.mode,
            breakage: run.breakage,
            seconds: rounded(findings.seconds, 10.0),
            processes: run.processes,
            operations: (reads().count() + writes().count()) as u64,
            reads: hits.reads,
            commits: writes().filter(|write| write.is_acknowledged()).count() as u64,
            failed: (failed_reads + failed_writes) as u64,
            hits_l1,
            hits_l2,
            hit_share_outside_faults: rounded(share, 1_000.0),
            killed_around_commit: findings.killed.0,
            killed_and_committed: findings.killed.1,
            max_staleness_ms: rounded(verdicts.max_staleness as f64 / 1e6, 10.0),
            lost: count(Verdict::Lost),
            doubled: count(Verdict::Doubled),
            own_write_missed: count(Verdict::OwnWriteMissed),
            stale_beyond_bound: count(Verdict::StaleBeyondBound),
            dirty: count(Verdict::Dirty),
            contradicted: count(Verdict::Contradicted),
            crashes: findings.crashes.len() as u64,
            settled: findings.settled,
            ok: false,
            remarks: verdicts.examples().map(str::to_owned).collect(),
            shapes_without_hits: hits
                .per_shape
                .iter()
                .filter(|(_, hits)| **hits == 0)
                .map(|(shape, _)| shape.clone())
                .collect(),
            faults: findings.faults,
        };
        report.remarks.extend(findings.crashes);
        match run.breakage {
            Some(_) => report.ok = findings.verdicts.any(),
            None => report.judge(findings.verdicts.any()),
        }
        report
    }

    fn judge(&mut self, violated: bool) {
        let mut faults = self.faults.iter();
        let missing = faults.find(|(_, count)| **count == 0);
        if let Some((kind, _)) = missing {
            let kind = kind.as_str();
            self.remarks
                .push(format!("the fault {kind} did not happen"));
        }
        let hits = self.hit_share_outside_faults;
        if hits < HIT_SHARE {
            let remark = format!(
                "only {hits} of the reads outside of faults were hits, less than {HIT_SHARE}"
            );
            self.remarks.push(remark);
        }
        for shape in &self.shapes_without_hits {
            let remark = format!("no read of the shape {shape} was a hit");
            self.remarks.push(remark);
        }
        if !self.settled {
            let remark = "not every process read everything at the end".to_owned();
            self.remarks.push(remark);
        }
        self.ok = !violated
            && missing.is_none()
            && hits >= HIT_SHARE
            && self.shapes_without_hits.is_empty()
            && self.crashes == 0
            && self.settled;
    }

    /// What has to be told beside the numbers.
    pub(crate) fn remarks(&self) -> &[String] {
        &self.remarks
    }

    fn name(&self) -> String {
        self.breakage
            .map_or(self.mode.as_str(), Break::as_str)
            .to_owned()
    }

    /// The lines of the table, with their titles.
    fn lines(&self) -> Vec<(&'static str, String)> {
        let faults: u64 = self.faults.values().sum();
        vec![
            ("seconds", self.seconds.to_string()),
            ("operations", self.operations.to_string()),
            ("reads", self.reads.to_string()),
            ("commits", self.commits.to_string()),
            ("failed", self.failed.to_string()),
            ("hits in the process", self.hits_l1.to_string()),
            ("hits in Redis", self.hits_l2.to_string()),
            (
                "hits without faults",
                format!("{:.1} %", self.hit_share_outside_faults * 100.0),
            ),
            ("faults", faults.to_string()),
            (
                "killed around COMMIT",
                self.killed_around_commit.to_string(),
            ),
            ("oldest result, ms", self.max_staleness_ms.to_string()),
            ("lost", self.lost.to_string()),
            ("doubled", self.doubled.to_string()),
            ("own write missed", self.own_write_missed.to_string()),
            ("stale beyond bound", self.stale_beyond_bound.to_string()),
            ("dirty", self.dirty.to_string()),
            ("contradicted", self.contradicted.to_string()),
            ("verdict", if self.ok { "ok" } else { "NOT OK" }.to_owned()),
        ]
    }
}

fn rounded(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}

impl Report {
    pub(crate) fn new(seed: u64, bound: u64, breaks: bool) -> Self {
        Self {
            seed,
            bound,
            breaks,
            runs: Vec::new(),
            ok: true,
        }
    }

    pub(crate) fn add(&mut self, run: RunReport) {
        self.ok &= run.ok;
        self.runs.push(run);
    }

    pub(crate) fn ok(&self) -> bool {
        self.ok
    }

    pub(crate) fn json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).map_err(|error| Error::step("write the report", error))
    }

    /// One column for each run.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table
            .load_preset(presets::UTF8_BORDERS_ONLY)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(WIDTH);
        let names = self.runs.iter().map(RunReport::name);
        // The names of breaks are longer than their numbers.
        let names = names.map(|name| name.replace('-', "-\n"));
        table.set_header(std::iter::once(String::new()).chain(names));
        let columns: Vec<_> = self.runs.iter().map(RunReport::lines).collect();
        let titles = columns.first().into_iter().flatten().map(|line| line.0);
        for (index, title) in titles.enumerate() {
            let cells = columns.iter().map(|lines| lines[index].1.clone());
            table.add_row(std::iter::once(title.to_owned()).chain(cells));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let end = match (self.breaks, self.ok()) {
            (false, true) => "All promises held.",
            (false, false) => "Not all is well; the remarks above say what.",
            (true, true) => "The checker found every broken promise.",
            (true, false) => "A broken promise was not found.",
        };
        format!(
            "{table}\nseed {}, bound {} ms. {end}",
            self.seed, self.bound
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn run(mode: Mode, breakage: Option<Break>) -> RunReport {
        let run = Run {
            mode,
            breakage,
            duration: Duration::from_secs(60),
            processes: 3,
            bound: Duration::from_secs(1),
            seed: 1,
        };
        let hits = Hits {
            reads: 123_456_789,
            l1: 123_456_789,
            l2: 12_345_678,
            calm_reads: 1,
            calm_hits: 1,
            ..Hits::default()
        };
        let findings = Findings {
            seconds: 86_400.5,
            histories: Vec::new(),
            hits,
            killed: (12_345, 12_345),
            faults: [(Kind::LateCommit, 12_345)].into(),
            verdicts: Verdicts::default(),
            crashes: Vec::new(),
            settled: true,
        };
        RunReport::new(&run, findings)
    }

    fn table(runs: impl IntoIterator<Item = RunReport>) -> String {
        let mut report = Report::new(u64::from(u32::MAX), 60_000, false);
        runs.into_iter().for_each(|run| report.add(run));
        report.table()
    }

    #[test]
    fn tables_fit_a_terminal() {
        let modes = table(Mode::ALL.map(|mode| run(mode, None)));
        let breaks = table(Break::ALL.map(|broken| run(broken.mode(), Some(broken))));
        for table in [modes, breaks] {
            // No number is broken into two lines.
            assert!(table.contains("123456789"), "{table}");
            for line in table.lines() {
                assert!(line.chars().count() <= usize::from(WIDTH), "{line}");
            }
        }
    }
}
