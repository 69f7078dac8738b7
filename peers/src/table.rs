//! A report for people: tables that fit 100 columns.

use std::fmt::{self, Display, Formatter};

use crate::contenders::SQLX;
use crate::report::{Goal, Reads, Report, Standing};

/// The width of a label; the columns of numbers take the rest.
const LABEL: usize = 46;

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
        writeln!(
            out,
            "a row of {} by its primary key, {} connections for each pool; medians\n",
            self.rows, self.connections
        )?;
        row(out, "", ["1 task", "16 tasks", "64 tasks", "64, to sqlx"])?;
        row(out, "", ["a read", "reads/s", "reads/s", ""])?;
        let sqlx = self.contenders.iter().find(|one| one.name == SQLX);
        let sqlx = sqlx.and_then(|sqlx| sqlx.reads.last());
        for standing in &self.contenders {
            line(out, standing, sqlx)?;
        }
        writeln!(out)?;
        self.goals.iter().try_for_each(|goal| goal.fmt(out))?;
        if self.is_disturbed() {
            writeln!(
                out,
                "The machine had other work: medians are far above minima."
            )?;
        }
        Ok(())
    }
}

impl Display for Goal {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let (sign, bound) = match (self.at_least, self.at_most) {
            (Some(least), _) => ('≥', least),
            (None, most) => ('≤', most.unwrap_or(f64::NAN)),
        };
        let outcome = if self.met { "met" } else { "missed" };
        writeln!(
            out,
            "{} {:.3}: goal {sign} {bound} {outcome}",
            self.ratio, self.value
        )
    }
}

fn line(out: &mut Formatter<'_>, standing: &Standing, sqlx: Option<&Reads>) -> fmt::Result {
    let cells: Vec<String> = standing
        .reads
        .iter()
        .map(|reads| match reads.tasks {
            1 => format!("{:.1} µs", reads.median_ns / 1e3),
            _ => thousands(reads.reads_per_second),
        })
        .collect();
    let last = standing.reads.last();
    let beside = match (last, sqlx) {
        (Some(own), Some(sqlx)) => format!("{:.2} x", sqlx.median_ns / own.median_ns),
        _ => String::new(),
    };
    let cell = |place: usize| cells.get(place).map_or("", String::as_str);
    row(
        out,
        standing.label,
        [cell(0), cell(1), cell(2), beside.as_str()],
    )
}

fn row(out: &mut Formatter<'_>, label: &str, columns: [&str; 4]) -> fmt::Result {
    let [first, second, third, last] = columns;
    let line = format!("{label:<LABEL$}{first:>12}{second:>12}{third:>12}{last:>14}");
    writeln!(out, "{}", line.trim_end())
}

/// A whole number with a comma after each three digits.
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_by_threes() {
        assert_eq!(thousands(812.4), "812");
        assert_eq!(thousands(84_211.9), "84,212");
        assert_eq!(thousands(1_234_567.0), "1,234,567");
    }
}
