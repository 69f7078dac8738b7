//! What is told of the runs: a table for people, JSON for machines.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::findings::{Difference, Findings};
use crate::mode::{Mode, Relaxation};
use crate::run::Run;

/// The widest that a table gets.
const WIDTH: u16 = 80;

/// All runs.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    seed: u64,
    #[serde(skip)]
    relaxes: bool,
    runs: Vec<RunReport>,
    ok: bool,
}

/// One run.
#[derive(Debug, Serialize)]
struct RunReport {
    mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    relaxed: Option<Relaxation>,
    #[serde(flatten)]
    findings: Findings,
    ok: bool,
}

impl RunReport {
    fn name(&self) -> &'static str {
        self.relaxed
            .map_or_else(|| self.mode.as_str(), Relaxation::as_str)
    }

    /// The lines of the table, with their titles.
    fn lines(&self) -> Vec<(&'static str, String)> {
        let findings = &self.findings;
        let share = |part: u64, of: u64| format!("{:.1} %", part as f64 / of.max(1) as f64 * 100.0);
        vec![
            ("seconds", findings.seconds.to_string()),
            ("steps", findings.steps.to_string()),
            ("reads", findings.reads.to_string()),
            (
                "served from the cache",
                share(findings.hits, findings.reads),
            ),
            ("never kept", share(findings.bypassed, findings.reads)),
            (
                "kept past a write",
                share(findings.kept_past_write, findings.read_after_write),
            ),
            ("writes", findings.writes.to_string()),
            ("refused statements", findings.refused.to_string()),
            (
                "first difference at step",
                findings
                    .difference
                    .as_ref()
                    .map_or_else(|| "none".to_owned(), |found| found.step.to_string()),
            ),
            ("verdict", verdict(self.ok).to_owned()),
        ]
    }
}

fn verdict(ok: bool) -> &'static str {
    if ok { "ok" } else { "NOT OK" }
}

impl Report {
    pub(crate) fn new(seed: u64, relaxes: bool) -> Self {
        Self {
            seed,
            relaxes,
            runs: Vec::new(),
            ok: true,
        }
    }

    pub(crate) fn add(&mut self, run: &Run, findings: Findings) {
        let stale = findings.difference.as_ref().map(Difference::is_stale);
        let ok = match run.relaxation {
            Some(_) => stale == Some(true),
            None => stale.is_none(),
        };
        self.ok &= ok;
        self.runs.push(RunReport {
            mode: run.mode,
            relaxed: run.relaxation,
            findings,
            ok,
        });
    }

    pub(crate) fn ok(&self) -> bool {
        self.ok
    }

    pub(crate) fn json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).map_err(|error| Error::step("write the report", error))
    }

    /// One column for each run; of relaxed rules one line for each.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table
            .load_preset(presets::UTF8_BORDERS_ONLY)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(WIDTH);
        if self.relaxes {
            self.tell_relaxed(&mut table);
        } else {
            self.tell_modes(&mut table);
        }
        let end = match (self.relaxes, self.ok) {
            (false, true) => "No answer differed.",
            (false, false) => "An answer differed; it stands above.",
            (true, true) => "Each relaxed rule was found.",
            (true, false) => "A relaxed rule was not found.",
        };
        format!("{table}\nseed {}. {end}", self.seed)
    }

    fn tell_modes(&self, table: &mut Table) {
        let names = self.runs.iter().map(|run| run.name().to_owned());
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
    }

    fn tell_relaxed(&self, table: &mut Table) {
        table.set_header(["relaxed", "step", "found by", ""]);
        for run in &self.runs {
            let found = run.findings.difference.as_ref();
            let (step, by) = match found {
                Some(found) => (found.step.to_string(), shortened(&found.by)),
                None => (format!("> {}", run.findings.steps), "nothing".to_owned()),
            };
            table.add_row([run.name(), &step, &by, verdict(run.ok)]);
        }
        if let Some(steps) = table.column_mut(1) {
            steps.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// So much of a statement as fits into the table.
fn shortened(text: &str) -> String {
    const MOST: usize = 90;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_owned(),
    }
}
