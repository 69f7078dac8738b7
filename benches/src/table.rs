//! A report for people: tables that fit 100 columns.

use std::fmt::{self, Display, Formatter};

use crate::outcome::{
    HitRatio, HitRatios, Latencies, Latency, Restart, Restarts, RowLoad, RowLoads,
};
use crate::report::{Figure, Group, Memory, Report};

/// The widest line.
const WIDTH: usize = 100;

/// The width of a label; the columns of numbers take the rest.
const LABEL: usize = 52;

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "bench {}{}: {} processors, PostgreSQL {}, {:.0} s",
            self.bench,
            if self.quick { " --quick" } else { "" },
            self.processors,
            self.postgresql,
            self.seconds,
        )?;
        for group in &self.groups {
            group.fmt(out)?;
        }
        self.latencies.iter().try_for_each(|table| table.fmt(out))?;
        self.hit_ratios
            .iter()
            .try_for_each(|table| table.fmt(out))?;
        self.restarts.iter().try_for_each(|table| table.fmt(out))?;
        self.row_loads.iter().try_for_each(|table| table.fmt(out))?;
        self.overloads.iter().try_for_each(|table| table.fmt(out))?;
        if !self.memory.is_empty() {
            let columns = ["entries", "process", "estimate", "ratio"].map(str::to_owned);
            row(out, "\nMemory for each entry", &columns)?;
            self.memory.iter().try_for_each(|memory| memory.fmt(out))?;
        }
        if self.is_disturbed() {
            writeln!(
                out,
                "\nThe machine had other work: medians are far above minima."
            )?;
        }
        Ok(())
    }
}

impl Display for Group {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let columns = ["median", "min", "max", "ratio"].map(str::to_owned);
        row(out, &format!("\n{}", self.title), &columns)?;
        self.figures.iter().try_for_each(|figure| figure.fmt(out))?;
        self.notes.iter().try_for_each(|text| note(out, text))
    }
}

impl Display for Figure {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let ratio = self.ratio.as_ref().map_or_else(String::new, |ratio| {
            format!("{} x", significant(ratio.value))
        });
        let [median, min, max] = [self.median, self.min, self.max].map(time);
        row(
            out,
            &format!("  {}", self.label),
            &[median, min, max, ratio],
        )?;
        match &self.goal {
            Some(goal) => {
                let outcome = if goal.met { "met" } else { "missed" };
                writeln!(out, "    goal ≤ {}: {outcome}", goal.at_most)
            }
            None => Ok(()),
        }
    }
}

impl Display for Latencies {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let columns = ["median", "p99", "max", "reads"].map(str::to_owned);
        row(out, &format!("\n{}", self.title), &columns)?;
        self.rows.iter().try_for_each(|latency| latency.fmt(out))?;
        self.notes.iter().try_for_each(|text| note(out, text))
    }
}

impl Display for Latency {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let [median, p99, max] = [self.median, self.p99, self.max].map(time);
        let columns = [median, p99, max, self.reads.to_string()];
        row(out, &format!("  {}", self.label), &columns)?;
        match self.failed {
            0 => Ok(()),
            failed => writeln!(out, "    {failed} reads failed"),
        }
    }
}

impl Display for HitRatios {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let columns = ["entries", "held", "of", "hits"].map(str::to_owned);
        row(out, &format!("\n{}", self.title), &columns)?;
        self.rows.iter().try_for_each(|ratio| ratio.fmt(out))?;
        self.notes.iter().try_for_each(|text| note(out, text))
    }
}

impl Display for HitRatio {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let [held, of] = [self.held_bytes, self.bytes].map(megabytes);
        let percent = format!("{:.1} %", self.percent);
        let columns = [self.entries.to_string(), held, of, percent];
        row(out, &format!("  {}", self.label), &columns)
    }
}

impl Display for Restarts {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let columns = ["reads", "queries", "scans", "queries"].map(str::to_owned);
        row(out, &format!("\n{}", self.title), &columns)?;
        self.rows.iter().try_for_each(|restart| restart.fmt(out))?;
        self.notes.iter().try_for_each(|text| note(out, text))
    }
}

impl Display for Restart {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let [reads, queries, scans] =
            [self.reads, self.queries, self.scans].map(|number| format!("{number:.0}"));
        let percent = format!("{:.1} %", self.percent);
        row(
            out,
            &format!("  {}", self.label),
            &[reads, queries, scans, percent],
        )?;
        writeln!(
            out,
            "    due to writes {:.0}; from Redis {:.0}, fetched before it was asked for {:.0}",
            self.due_to_writes, self.from_redis, self.from_reserve
        )
    }
}

impl Display for RowLoads {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let columns = ["median", "p99", "hits", "ratio"].map(str::to_owned);
        row(out, &format!("\n{}", self.title), &columns)?;
        self.rows.iter().try_for_each(|load| load.fmt(out))?;
        self.notes.iter().try_for_each(|text| note(out, text))
    }
}

impl Display for RowLoad {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let ratio = self
            .ratio
            .map_or_else(String::new, |ratio| format!("{} x", significant(ratio)));
        let percent = match self.percent {
            percent if percent > 0.0 && percent < 1.0 => format!("{percent:.3} %"),
            percent => format!("{percent:.1} %"),
        };
        let columns = [time(self.median), time(self.p99), percent, ratio];
        row(out, &format!("  {}", self.label), &columns)?;
        writeln!(
            out,
            "    {} hits of {} reads, {} writes, {} invalidations, {} evicted",
            self.hits, self.reads, self.writes, self.invalidations, self.evictions
        )
    }
}

impl Display for Memory {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let columns = [
            self.entries.to_string(),
            format!("{:.0} B", self.resident_bytes),
            format!("{:.0} B", self.estimated_bytes),
            format!("{} x", significant(self.ratio)),
        ];
        row(out, &format!("  {}", self.label), &columns)
    }
}

fn row(out: &mut Formatter<'_>, label: &str, columns: &[String; 4]) -> fmt::Result {
    let (gap, label) = match label.strip_prefix('\n') {
        Some(label) => ("\n", label),
        None => ("", label),
    };
    let [first, second, third, last] = columns;
    let line = format!("{label:<LABEL$}{first:>11}{second:>11}{third:>11}{last:>13}");
    writeln!(out, "{gap}{}", line.trim_end())
}

/// Words, wrapped and indented.
fn note(out: &mut Formatter<'_>, text: &str) -> fmt::Result {
    const INDENT: &str = "    ";
    let mut line = String::new();
    for word in text.split_whitespace() {
        if INDENT.len() + line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(out, "{INDENT}{}", line.trim_end())?;
            line.clear();
        }
        line.push_str(word);
        line.push(' ');
    }
    writeln!(out, "{INDENT}{}", line.trim_end())
}

/// Nanoseconds with a unit that suits.
fn time(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        n if n < 1e3 => (n, "ns"),
        n if n < 1e6 => (n / 1e3, "µs"),
        n if n < 1e9 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    };
    format!("{} {unit}", significant(value))
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// Three digits, or all before the point.
fn significant(value: f64) -> String {
    let digits = match value {
        value if value < 10.0 => 2,
        value if value < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_that_suits() {
        assert_eq!(time(312.4), "312 ns");
        assert_eq!(time(1.239), "1.24 ns");
        assert_eq!(time(85_340.0), "85.3 µs");
        assert_eq!(time(104_000_000.0), "104 ms");
        assert_eq!(time(2.5e9), "2.50 s");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let mut figure = Figure::of_times("f", "x".repeat(LABEL - 3), vec![123.0]);
        figure.label.push('y');
        let group = Group::new("g", "G", vec![figure]).note("word ".repeat(60));
        let group = group.compare("f", "f").at_most_ns("f", 400.0);
        let text = group.to_string();
        assert!(text.contains("goal ≤ 400 ns: met"), "{text}");
        assert!(text.contains("1.00 x"), "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
    }
}
