//! One thing that is wrong with a configuration.

use std::fmt;

use serde::Serialize;

use crate::definition::Definition;
use crate::source::Source;

/// What kind of thing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// The profile's name is not known.
    UnknownProfile,
    /// The file cannot be read.
    UnreadableFile,
    /// The file is not TOML.
    Syntax,
    /// A section of the file is not known.
    UnknownSection,
    /// A key is not known.
    UnknownKey,
    /// A variable whose name begins with `LARDER_` is not known.
    UnknownVariable,
    /// The value cannot be read as the setting's type.
    WrongType,
    /// The value is of the right type, but too small or too large.
    OutOfRange,
    /// A value is needed and none was given.
    Missing,
    /// The profile does not allow the value.
    Forbidden,
    /// Two settings contradict each other.
    Conflict,
}

/// One thing that is wrong: where, what, and what would be right.
///
/// None of its texts holds a secret: the value is left out or masked where it might be one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Fault {
    /// What kind of fault it is.
    pub kind: FaultKind,
    /// The key, such as `pool.size`; for a fault of the file as a whole, its path.
    pub key: String,
    /// The value as it was written, where it can be shown.
    pub value: Option<String>,
    /// Where it was written, or which profile is not content.
    pub source: Source,
    /// What is wrong, as a fragment: "is not a whole number".
    pub problem: String,
    /// What would be right, as an instruction: "write a whole number, at least 1".
    pub cure: String,
}

impl Fault {
    /// A setting that must have a value has none.
    pub(crate) fn missing(definition: &Definition, source: Source) -> Self {
        Fault {
            kind: FaultKind::Missing,
            key: definition.key.to_owned(),
            value: None,
            source,
            problem: "has no value".to_owned(),
            cure: format!(
                "write {}, or set {}",
                definition.expected,
                definition.variable()
            ),
        }
    }
}

impl fmt::Display for Fault {
    /// Writes four lines: key and value, source, problem, cure.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        write!(f, "\n    source:  {}", self.source)?;
        write!(f, "\n    problem: {}", self.problem)?;
        write!(f, "\n    cure:    {}", self.cure)
    }
}
