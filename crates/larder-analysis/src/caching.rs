//! How long results should be kept: what a process of Larder's has seen of its own cache.

use std::time::Duration;

use larder_database::{CacheAdvice, CacheVerdict, Database};
use serde::Deserialize;
use serde_json::Value;

use crate::quantity::count;
use crate::{AnalysisFinding, Confidence, Severity};

/// What it can show.
pub(crate) const CODES: &[&str] = &["cache-keeping"];

/// Advice about keeping the results of a class of reads, from the process that has seen them.
///
/// It is part of [`Seen`](crate::Seen), or made of what [`Database::cache_advice`] gives.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct KeepingAdvice {
    /// What the reads have in common.
    pub class: String,
    /// Their statement, without values.
    pub statement: Option<String>,
    /// What to do, such as `lengthen 30s to 5m`.
    pub verdict: String,
    /// Why.
    pub why: String,
    /// How sure it is.
    pub confidence: Confidence,
    /// How many queries to the database it would save in an hour.
    pub queries_per_hour: f64,
}

#[derive(Deserialize)]
struct Told {
    class: String,
    #[serde(default)]
    statement: Option<String>,
    verdict: Value,
    #[serde(default)]
    why: String,
    #[serde(default)]
    confidence: String,
    #[serde(default)]
    saves: Saves,
}

#[derive(Default, Deserialize)]
struct Saves {
    #[serde(default)]
    queries_per_hour: f64,
}

impl KeepingAdvice {
    /// A list of advice as JSON. Advice to do nothing is left out.
    pub(crate) fn from_list(list: &Value) -> Result<Vec<Self>, serde_json::Error> {
        let told: Vec<Told> = serde_json::from_value(list.clone())?;
        let advice = told.into_iter().filter(|told| told.verdict != "fine");
        Ok(advice.map(Self::from_told).collect())
    }

    /// What this process has seen.
    #[must_use]
    pub(crate) fn of_database(database: &Database) -> Vec<Self> {
        let advice = database.cache_advice().into_iter();
        let advice = advice.filter(|advice| !advice.is_fine());
        advice.map(|advice| Self::from(&advice)).collect()
    }

    fn from_told(told: Told) -> Self {
        Self {
            verdict: verdict(&told.verdict),
            class: told.class,
            statement: told.statement,
            why: told.why,
            confidence: match told.confidence.as_str() {
                "high" => Confidence::High,
                "medium" => Confidence::Medium,
                _ => Confidence::Low,
            },
            queries_per_hour: told.saves.queries_per_hour,
        }
    }

    pub(crate) fn finding(&self) -> AnalysisFinding {
        let title = format!("results of {} are kept badly: {}", self.class, self.verdict);
        let finding = AnalysisFinding::new("cache-keeping", Severity::Notice, &self.class, title);
        let finding = match &self.statement {
            Some(statement) => finding.evidence("statement", crate::checks::one_line(statement)),
            None => finding,
        };
        finding
            .evidence("why", &self.why)
            .evidence("queries saved in an hour", count(self.queries_per_hour))
            .advice(format!(
                "{}, where the read says how long its result is kept",
                self.verdict
            ))
            .costs("a change of the program or of its settings")
            .confidence(self.confidence)
    }
}

impl From<&CacheAdvice> for KeepingAdvice {
    fn from(advice: &CacheAdvice) -> Self {
        let seconds = |duration: &Duration| crate::quantity::duration(*duration);
        Self {
            class: advice.class.clone(),
            statement: advice.statement.clone(),
            verdict: match &advice.verdict {
                CacheVerdict::Lengthen { from, to } => {
                    format!("lengthen {} to {}", seconds(from), seconds(to))
                }
                CacheVerdict::Shorten { from, to } => {
                    format!("shorten {} to {}", seconds(from), seconds(to))
                }
                other => other.to_string(),
            },
            why: advice.why.clone(),
            confidence: match advice.confidence {
                larder_database::AdviceConfidence::High => Confidence::High,
                larder_database::AdviceConfidence::Medium => Confidence::Medium,
                _ => Confidence::Low,
            },
            queries_per_hour: advice.saves.queries_per_hour,
        }
    }
}

/// `{"lengthen": {"from": {"secs": 30, "nanos": 0}, "to": ...}}` or `"do_not_cache"`, in words.
fn verdict(told: &Value) -> String {
    let in_words = |word: &str| word.replace('_', " ");
    let Some((word, times)) = told.as_object().and_then(|object| object.iter().next()) else {
        return in_words(told.as_str().unwrap_or_default());
    };
    let time = |name: &str| {
        let seconds = times.pointer(&format!("/{name}/secs"))?.as_f64()?;
        Some(crate::quantity::seconds(seconds))
    };
    match (time("from"), time("to")) {
        (Some(from), Some(to)) => format!("{} {from} to {to}", in_words(word)),
        _ => in_words(word),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn advice_is_read_as_an_instance_tells_it() {
        let list = json!([
            { "class": "menus:by_city", "verdict": { "lengthen": {
                "from": { "secs": 30, "nanos": 0 }, "to": { "secs": 300, "nanos": 0 } } },
              "why": "loaded again as it was", "confidence": "high",
              "saves": { "queries_per_hour": 1200.0 } },
            { "class": "x", "verdict": "do_not_cache", "why": "", "confidence": "low" },
            { "class": "y", "verdict": "fine" },
        ]);
        let found = KeepingAdvice::from_list(&list).unwrap();
        let verdicts: Vec<&str> = found.iter().map(|one| one.verdict.as_str()).collect();
        assert_eq!(verdicts, ["lengthen 30.0 s to 5.0 min", "do not cache"]);
        let finding = found[0].finding();
        assert_eq!(
            (finding.code, finding.confidence),
            ("cache-keeping", Confidence::High)
        );
    }
}
