//! The report for people: on a terminal, and in a file.

use comfy_table::{Cell, Color};

use super::check::{Check, State};
use super::report::Report;
use crate::output::plain_table;

/// What is printed.
pub(super) fn page(report: &Report, colours: bool) -> String {
    let mut table = plain_table(&["CHECK", "STATE", "SEEN", "CURE"], colours);
    for check in &report.checks {
        let (word, colour) = look(check.state);
        let state = match colours {
            true => Cell::new(word).fg(colour),
            false => Cell::new(word),
        };
        let cure = check.cure.as_deref().unwrap_or_default();
        table.add_row([
            Cell::new(check.check),
            state,
            Cell::new(&check.seen),
            Cell::new(cure),
        ]);
    }
    format!("{}\n\n{}", table.trim_fmt(), summary(report))
}

/// What is saved: every check on lines of its own, which no terminal has to fit.
pub(super) fn file(report: &Report) -> String {
    let profile = report.profile.as_deref().unwrap_or("unknown");
    let mut text = format!(
        "larder doctor {}\ntime      {}\nprofile   {profile}\nreplicas  {}\n\n{}\n",
        report.version,
        report.time,
        report.replicas,
        summary(report),
    );
    for Check {
        check,
        state,
        seen,
        cure,
    } in &report.checks
    {
        text += &format!("\n{:<8} {check}: {seen}", look(*state).0);
        if let Some(cure) = cure {
            text += &format!("\n         cure: {cure}");
        }
    }
    if !report.recommendations.is_empty() {
        text += "\n\nrecommendations";
        for (index, recommendation) in report.recommendations.iter().enumerate() {
            text += &format!("\n{:>3}. {recommendation}", index + 1);
        }
    }
    text
}

fn summary(report: &Report) -> String {
    format!(
        "{} ok, {} warnings, {} failures, {} skipped; success rate {} %",
        report.count(State::Ok),
        report.count(State::Warning),
        report.count(State::Failure),
        report.count(State::Skipped),
        report.success_rate,
    )
}

fn look(state: State) -> (&'static str, Color) {
    match state {
        State::Ok => ("ok", Color::Green),
        State::Warning => ("warning", Color::Yellow),
        State::Failure => ("FAILURE", Color::Red),
        State::Skipped => ("skipped", Color::DarkGrey),
    }
}
