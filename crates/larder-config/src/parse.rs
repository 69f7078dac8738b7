//! From what was written to typed values: the trait behind every setting's type.
//!
//! What a layer holds is a [`SettingValue`]. Text from the environment may stand for a number or
//! a flag; in `larder.toml` and in code a number is a number, so that `size = "5"` is a fault.

mod choice;
mod duration;
mod list;
mod number;
mod text;
mod threshold;

use crate::definition::{Default, Definition, Range, Unit};
use crate::fault::FaultKind;
use crate::value::SettingValue;

pub use choice::{
    AlertLevel, CacheHints, CacheMode, ChannelBinding, IsolationLevel, LogFormat, PoolStart,
    PoolerMode, TargetSessionAttrs, TlsMode,
};
pub use text::{HostPort, LogFilter};
pub use threshold::OperationThreshold;

/// How a value is to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading<'a> {
    /// The key, for examples in messages.
    pub(crate) key: &'a str,
    /// Whether it comes from a place that knows text only, such as the environment.
    pub(crate) textual: bool,
    /// What a number counts.
    pub(crate) unit: Unit,
    /// The bounds.
    pub(crate) range: Range,
}

/// What is wrong with a value, and what would be right. Never repeats the value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    pub(crate) kind: FaultKind,
    pub(crate) problem: String,
    pub(crate) cure: String,
}

impl Problem {
    fn wrong_type(problem: impl Into<String>, cure: impl Into<String>) -> Self {
        Problem {
            kind: FaultKind::WrongType,
            problem: problem.into(),
            cure: cure.into(),
        }
    }

    /// The value has a type that the setting does not take.
    fn unexpected(value: &SettingValue, expected: &str, cure: impl Into<String>) -> Self {
        Problem::wrong_type(format!("is {}, not {expected}", value.type_name()), cure)
    }
}

/// A type that a setting can have.
pub(crate) trait Parse: Sized {
    /// What a value is, such as "a whole number".
    const EXPECTED: &'static str;

    /// The row of a setting of this type of which nothing else is said.
    const DEFINITION: Definition = Definition {
        key: "",
        doc: "",
        expected: Self::EXPECTED,
        variables: &[],
        secret: false,
        default: Default::None,
        range: Range::ANY,
        check: check::<Self>,
    };

    /// Reads a value.
    fn parse(value: &SettingValue, reading: &Reading<'_>) -> Result<Self, Problem>;

    /// The value as it may be shown: secrets masked, durations and sizes with their unit.
    fn shown(&self) -> SettingValue;

    /// What the setting is when nothing sets it; none if something must.
    fn absent() -> Option<Self> {
        None
    }

    /// Whether the text means that there is no value, as `memory://` does for Redis.
    fn means_none(_text: &str) -> bool {
        false
    }
}

/// Reads a value as `T` and gives back how it is shown.
fn check<T: Parse>(value: &SettingValue, reading: &Reading<'_>) -> Result<SettingValue, Problem> {
    T::parse(value, reading).map(|parsed| parsed.shown())
}

impl<T: Parse> Parse for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn parse(value: &SettingValue, reading: &Reading<'_>) -> Result<Self, Problem> {
        match value {
            SettingValue::Unset => Ok(None),
            SettingValue::Text(text) if T::means_none(text) => Ok(None),
            _ => T::parse(value, reading).map(Some),
        }
    }

    fn shown(&self) -> SettingValue {
        self.as_ref().map_or(SettingValue::Unset, Parse::shown)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// Checks a magnitude against the bounds. `written` says how a bound is written in this unit.
fn in_range(magnitude: f64, range: Range, written: impl Fn(f64) -> String) -> Result<(), Problem> {
    let problem = if magnitude < range.least {
        "is too small"
    } else if magnitude > range.most {
        "is too large"
    } else {
        return Ok(());
    };
    Err(Problem {
        kind: FaultKind::OutOfRange,
        problem: problem.to_owned(),
        cure: format!("write {}", bounds(range, written)),
    })
}

/// The bounds in words: "at least 1", "from 0 to 1".
fn bounds(range: Range, written: impl Fn(f64) -> String) -> String {
    match (range.least.is_finite(), range.most.is_finite()) {
        (true, true) => format!("from {} to {}", written(range.least), written(range.most)),
        (true, false) => format!("at least {}", written(range.least)),
        (false, true) => format!("at most {}", written(range.most)),
        (false, false) => "any value".to_owned(),
    }
}

#[cfg(test)]
mod tests;
