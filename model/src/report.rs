//! The table for people, and the JSON for programs.

use serde_json::{Value, json};

use crate::arguments::NO_DEFECT;
use crate::configurations::Configuration;
use crate::exploration::Outcome;

/// The line above the outcomes of a configuration.
pub(crate) fn heading(configuration: &Configuration) -> String {
    format!(
        "{}: {}\n  {:<26} {:>11} {:>8}  result",
        configuration.name, configuration.about, "defect", "states", "seconds"
    )
}

/// The line of an outcome; with `trace`, the steps to the violation below it.
pub(crate) fn row(outcome: &Outcome, trace: bool) -> String {
    let mut row = format!(
        "  {:<26} {:>11} {:>8.2}  {}",
        name(outcome),
        grouped(outcome.states),
        outcome.took.as_secs_f64(),
        result(outcome)
    );
    if trace && let Some(violation) = &outcome.violation {
        for (number, action) in (1..).zip(&violation.path) {
            row += &format!("\n    {number:>2}. {action}");
        }
    }
    row
}

/// All outcomes as one JSON object.
pub(crate) fn json_of(outcomes: &[Outcome]) -> Value {
    let runs: Vec<Value> = outcomes.iter().map(json_of_one).collect();
    json!({ "as_expected": outcomes.iter().all(Outcome::is_expected), "runs": runs })
}

fn json_of_one(outcome: &Outcome) -> Value {
    let violation = outcome.violation.as_ref().map(|violation| {
        let path: Vec<String> = violation.path.iter().map(ToString::to_string).collect();
        json!({ "property": violation.property, "path": path })
    });
    json!({
        "configuration": outcome.configuration.name,
        "defect": outcome.defect.map(|described| described.name),
        "states": outcome.states,
        "seconds": outcome.took.as_secs_f64(),
        "holds": outcome.violation.is_none(),
        "violation": violation,
        "unreached": outcome.unreached,
        "as_expected": outcome.is_expected(),
    })
}

fn name(outcome: &Outcome) -> &'static str {
    outcome.defect.map_or(NO_DEFECT, |described| described.name)
}

fn result(outcome: &Outcome) -> String {
    match &outcome.violation {
        Some(violation) => format!("violated: {}", violation.property),
        None if outcome.defect.is_some() => "NOT FOUND".to_owned(),
        None if outcome.unreached.is_empty() => "holds".to_owned(),
        None => format!("not reached: {}", outcome.unreached.join(", ")),
    }
}

/// 1234567 as 1,234,567.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
