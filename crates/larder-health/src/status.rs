//! The statuses, from good to bad.

use std::fmt;

use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// How well something is.
///
/// Ordered from good to bad, with `Unknown` below all: the worst of several is their maximum,
/// and what is not known yet does not hide what is.
///
/// The display text and the JSON are the name in lower case.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Not checked yet.
    #[default]
    Unknown,
    /// All is well.
    Healthy,
    /// It works, but worse than it should.
    Degraded,
    /// It does not work.
    Unhealthy,
    /// It has not worked for long.
    Critical,
}

impl Status {
    /// All statuses, from good to bad.
    pub const ALL: [Self; 5] = [
        Self::Unknown,
        Self::Healthy,
        Self::Degraded,
        Self::Unhealthy,
        Self::Critical,
    ];

    /// The name in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Critical => "critical",
        }
    }

    /// The number for a metric: 0 healthy, 1 degraded, 2 unhealthy, 3 critical; none if unknown.
    #[must_use]
    pub fn level(self) -> Option<u8> {
        match self {
            Self::Unknown => None,
            Self::Healthy => Some(0),
            Self::Degraded => Some(1),
            Self::Unhealthy => Some(2),
            Self::Critical => Some(3),
        }
    }

    /// Whether requests should be sent here: healthy or degraded.
    #[must_use]
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Healthy | Self::Degraded)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
