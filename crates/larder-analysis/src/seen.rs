//! What an instance of Larder has seen of its own statements and of its cache.

use serde::Deserialize;
use serde::de::Error as _;
use serde_json::Value;

use crate::checks::one_line;
use crate::quantity::{count, milliseconds};
use crate::{AnalysisFinding, Confidence, KeepingAdvice, Severity, Thresholds};

/// What it can show that nothing else does.
pub(crate) const CODES: &[&str] = &["statement-repeated"];

/// What an instance has seen: how its statements did, and how long its results were kept.
///
/// It is read from JSON, so that it may come from another process than the one that analyses.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Seen {
    /// How long results should be kept.
    pub keeping: Vec<KeepingAdvice>,
    /// The statements.
    pub statements: Vec<SeenStatement>,
}

/// What an instance has seen of all statements of one text.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SeenStatement {
    /// The hash of the text.
    pub fingerprint: String,
    /// The text, without values.
    pub text: String,
    /// How many of them ended.
    pub calls: u64,
    /// Those that were slow.
    pub slow: u64,
    /// The mean duration in milliseconds.
    pub mean_ms: f64,
    /// 95 % took no longer, in milliseconds.
    pub p95_ms: f64,
    /// The duration of all of them together in milliseconds.
    pub total_ms: f64,
    /// How often one session or request ran it again and again.
    pub repeated_in_request: u64,
    /// How the server runs it.
    pub plan: Option<SeenPlan>,
}

/// How the server runs a statement.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SeenPlan {
    /// What `EXPLAIN (FORMAT JSON)` gave.
    pub json: Value,
}

impl Seen {
    /// The statistics of an instance as JSON: an object with `cache.advice` or `statements`, or one
    /// of these lists itself.
    ///
    /// # Errors
    ///
    /// If there is no such list, or it holds something else.
    ///
    /// # Examples
    ///
    /// ```
    /// let statements = serde_json::json!([{
    ///     "fingerprint": "00c0ffee00c0ffee", "text": "SELECT * FROM tags WHERE id = ?",
    ///     "calls": 4000, "mean_ms": 0.2, "repeated_in_request": 80,
    /// }]);
    /// let seen = larder_analysis::Seen::from_json(&statements)?;
    /// assert_eq!(seen.statements[0].repeated_in_request, 80);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn from_json(statistics: &Value) -> Result<Self, serde_json::Error> {
        let is_of = |name: &str| {
            let first = statistics.as_array().and_then(|list| list.first());
            first.is_some_and(|first| first.get(name).is_some())
        };
        let keeping = match is_of("verdict") {
            true => Some(statistics),
            false => statistics.pointer("/cache/advice"),
        };
        let statements = match is_of("fingerprint") {
            true => Some(statistics),
            false => statistics.get("statements"),
        };
        let is_empty = statistics.as_array().is_some_and(Vec::is_empty);
        if keeping.is_none() && statements.is_none() && !is_empty {
            return Err(serde_json::Error::custom(
                "there is neither `cache.advice` nor `statements`: it has to be what an instance says of itself, as JSON",
            ));
        }
        Ok(Self {
            keeping: match keeping {
                Some(list) => KeepingAdvice::from_list(list)?,
                None => Vec::new(),
            },
            statements: match statements {
                Some(list) => serde_json::from_value(list.clone())?,
                None => Vec::new(),
            },
        })
    }

    /// What they show without their plans, which are judged with all others.
    pub(crate) fn findings(&self, thresholds: &Thresholds) -> Vec<AnalysisFinding> {
        let keeping = self.keeping.iter().map(KeepingAdvice::finding);
        let statements = self.statements.iter();
        let statements = statements.flat_map(|one| one.findings(thresholds));
        keeping.chain(statements).collect()
    }
}

impl SeenStatement {
    fn findings(&self, thresholds: &Thresholds) -> Vec<AnalysisFinding> {
        let mut findings = Vec::new();
        let limit = thresholds.slow_statement.as_secs_f64() * 1e3;
        let fewest = u64::try_from(thresholds.statement_calls).unwrap_or(0);
        if self.calls >= fewest && self.mean_ms >= limit {
            let title = format!(
                "a statement takes {} in the mean",
                milliseconds(self.mean_ms)
            );
            findings.push(
                AnalysisFinding::new("statement-slow", Severity::Notice, self.name(), title)
                    .advice("see its plan: larder analyze --statement 'SELECT ...' --run, with values that are usual")
                    .costs("none before its cause is known"),
            );
        }
        if self.repeated_in_request > 0 {
            let title = format!(
                "{} times one request ran a statement again and again, where one might do",
                count(self.repeated_in_request as f64)
            );
            findings.push(
                AnalysisFinding::new("statement-repeated", Severity::Notice, self.name(), title)
                    .advice("ask for all rows at once, with = ANY($1) or a join, or read them through the cache by their keys")
                    .costs("a change of the program")
                    .confidence(Confidence::Medium),
            );
        }
        findings
            .into_iter()
            .map(|finding| self.told_of(finding))
            .collect()
    }

    fn name(&self) -> String {
        format!("statement {}", self.fingerprint)
    }

    /// With the statement that shows it.
    pub(crate) fn told_of(&self, finding: AnalysisFinding) -> AnalysisFinding {
        finding
            .evidence("statement", one_line(&self.text))
            .evidence("calls", count(self.calls as f64))
            .evidence("mean", milliseconds(self.mean_ms))
            .evidence("95 % took at most", milliseconds(self.p95_ms))
            .evidence("time in all", milliseconds(self.total_ms))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_instance_says_of_itself_is_judged() {
        let statistics = json!({
            "cache": { "advice": [
                { "class": "x", "verdict": "do_not_cache", "why": "", "confidence": "low" } ] },
            "statements": [
                { "fingerprint": "a", "text": "SELECT 1", "calls": 100, "mean_ms": 0.1 },
                { "fingerprint": "b", "text": "SELECT * FROM t WHERE owner = ?", "calls": 100,
                  "mean_ms": 900.0, "p95_ms": 1200.0, "total_ms": 90000.0, "repeated_in_request": 3,
                  "plan": { "at": "2025-01-01T00:00:00Z", "json": [] } } ],
        });
        let seen = Seen::from_json(&statistics).unwrap();
        let found = seen.findings(&Thresholds::default());
        let codes: Vec<&str> = found.iter().map(|one| one.code).collect();
        let expected = ["cache-keeping", "statement-slow", "statement-repeated"];
        assert_eq!(codes, expected);
        assert_eq!(Seen::from_json(&json!([])).unwrap(), Seen::default());
        let wrong = Seen::from_json(&json!({ "pool": 1 })).unwrap_err();
        assert!(wrong.to_string().contains("`statements`"), "{wrong}");
    }
}
