//! Durations: `"5m"`, `"250ms"`, `"1h 30m"`; plain numbers only in the predecessor's variables.

use std::time::Duration;

use super::{Parse, Problem, Reading, bounds, in_range};
use crate::definition::{Range, Unit};
use crate::value::SettingValue;

/// A year: no setting needs longer, and a clock can always add it.
const LONGEST_SECONDS: f64 = 365.0 * 24.0 * 3600.0;

impl Parse for Duration {
    const EXPECTED: &'static str = "a duration with a unit";

    fn parse(value: &SettingValue, reading: &Reading<'_>) -> Result<Self, Problem> {
        let range = Range::of(reading.range.least.max(0.0), reading.range.most);
        match (reading.unit, value) {
            (Unit::Plain, SettingValue::Text(text)) => with_unit(text.trim(), range),
            (Unit::Plain, SettingValue::Integer(number)) => {
                Err(without_unit(&number.to_string(), range))
            }
            (Unit::Plain, SettingValue::Number(number)) => {
                Err(without_unit(&number.to_string(), range))
            }
            (Unit::Plain, other) => Err(Problem::unexpected(other, Self::EXPECTED, cure(range))),
            (Unit::Seconds, value) => counted(value, 1.0, "seconds", range, reading.key),
            (Unit::Milliseconds, value) => {
                counted(value, 1000.0, "milliseconds", range, reading.key)
            }
        }
    }

    fn shown(&self) -> SettingValue {
        (*self).into()
    }
}

/// Reads text such as `5m`.
fn with_unit(text: &str, range: Range) -> Result<Duration, Problem> {
    if text.parse::<f64>().is_ok() {
        return Err(without_unit(text, range));
    }
    let duration = humantime::parse_duration(text)
        .map_err(|_| Problem::wrong_type("is not a duration", cure(range)))?;
    in_range(duration.as_secs_f64(), range, seconds_text)?;
    not_too_long(duration.as_secs_f64(), seconds_text)?;
    Ok(duration)
}

/// Reads a plain number from a variable of the predecessor.
fn counted(
    value: &SettingValue,
    per_second: f64,
    unit: &str,
    range: Range,
    key: &str,
) -> Result<Duration, Problem> {
    let written = |seconds: f64| format!("{}", seconds * per_second);
    let cure = || {
        format!(
            "write a number of {unit}, {}; a duration with a unit goes into {}",
            bounds(range, written),
            variable_of(key)
        )
    };
    let SettingValue::Text(text) = value else {
        return Err(Problem::unexpected(value, "a number", cure()));
    };
    let number: f64 = text
        .trim()
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
        .ok_or_else(|| Problem::wrong_type(format!("is not a number of {unit}"), cure()))?;
    let seconds = number / per_second;
    in_range(seconds, range, written).map_err(|problem| Problem {
        cure: cure(),
        ..problem
    })?;
    not_too_long(seconds, written)?;
    // Rounded to microseconds: 0.1 s is meant to be 100 ms and not 100.000001 ms.
    Ok(Duration::from_micros((seconds * 1e6).round() as u64))
}

/// The bound that every duration has. It is told only to somebody who meets it.
fn not_too_long(seconds: f64, written: impl Fn(f64) -> String) -> Result<(), Problem> {
    in_range(
        seconds,
        Range::of(f64::NEG_INFINITY, LONGEST_SECONDS),
        written,
    )
}

fn variable_of(key: &str) -> String {
    format!("LARDER_{}", key.replace('.', "__").to_ascii_uppercase())
}

fn without_unit(number: &str, range: Range) -> Problem {
    let cure = match number.starts_with('-') {
        true => cure(range),
        false => {
            format!("write a unit: \"{number}s\" for seconds, \"{number}ms\" for milliseconds")
        }
    };
    Problem::wrong_type("is a number without a unit", cure)
}

fn cure(range: Range) -> String {
    format!(
        "write a duration with a unit, such as \"5m\", \"250ms\" or \"1h 30m\", {}",
        bounds(range, seconds_text)
    )
}

/// A number of seconds as `larder.toml` has it.
fn seconds_text(seconds: f64) -> String {
    let duration = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    humantime::format_duration(duration).to_string()
}
