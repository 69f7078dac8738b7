//! Thresholds by operation: `"restaurants.search=200ms"`.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::{Parse, Reading};

/// From which duration on the queries of an operation are slow.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OperationThreshold {
    /// `service.operation`, or a service alone.
    pub operation: String,
    /// From which duration on.
    pub threshold: Duration,
}

impl OperationThreshold {
    pub(super) fn parse(text: &str, reading: &Reading<'_>) -> Option<Self> {
        let (operation, threshold) = text.split_once('=')?;
        let operation = operation.trim();
        let is_word = |word: &str| {
            let mut letters = word.chars();
            !word.is_empty() && letters.all(|letter| letter.is_alphanumeric() || letter == '_')
        };
        let is_name = operation.split('.').count() <= 2 && operation.split('.').all(is_word);
        // As in the file: a number alone has no unit.
        let reading = Reading {
            textual: true,
            ..*reading
        };
        let threshold = Duration::parse(&threshold.trim().into(), &reading).ok()?;
        is_name.then(|| Self {
            operation: operation.to_owned(),
            threshold,
        })
    }
}

impl fmt::Display for OperationThreshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threshold = humantime::format_duration(self.threshold);
        write!(f, "{}={threshold}", self.operation)
    }
}

impl Serialize for OperationThreshold {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Range, Unit};

    fn parsed(text: &str) -> Option<OperationThreshold> {
        let reading = Reading {
            key: "query.slow_thresholds",
            textual: false,
            unit: Unit::Plain,
            range: Range::ANY,
        };
        OperationThreshold::parse(text, &reading)
    }

    #[test]
    fn an_operation_or_a_service_has_a_threshold() {
        for (text, operation, milliseconds) in [
            ("restaurants.search=200ms", "restaurants.search", 200),
            ("reports = 5s", "reports", 5_000),
        ] {
            let found = parsed(text).unwrap();
            assert_eq!(found.operation, operation);
            assert_eq!(found.threshold, Duration::from_millis(milliseconds));
            assert_eq!(parsed(&found.to_string()), Some(found));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "reports",
            "reports=",
            "=5s",
            "reports=5",
            "a.b.c=5s",
            "a b=5s",
            "a.=5s",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
