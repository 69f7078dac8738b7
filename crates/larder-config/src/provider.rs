//! Who runs the database, told from its host and port alone, and what follows for settings.
//!
//! The [`table`] holds what providers document of themselves: one rule a row. What a rule sets
//! stands between the built-in profile and what a user says, so anything explicit wins.

mod host;
mod layer;
mod table;

use std::fmt;

use serde::{Serialize, Serializer};

use crate::database_url::DatabaseUrl;
use crate::parse::TlsMode;
use crate::source::Source;
pub(crate) use layer::apply;
use table::{RULES, Rule};

/// The provider of a database: by which rule it is known, and what that sets.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Detection {
    /// The provider, such as `Neon`.
    pub provider: &'static str,
    /// What of host and port says so, such as `host *-pooler.*.neon.tech`.
    pub rule: String,
    /// What the provider advises for TLS; settings are raised to `require` at most, because
    /// more may need the provider's certificate authorities.
    #[serde(serialize_with = "name_of_mode")]
    pub recommended_tls: Option<TlsMode>,
    /// The settings that the rule is about.
    pub effects: Vec<ProviderEffect>,
    /// What else one should know.
    pub notes: &'static [&'static str],
}

/// What a provider's rule says of one setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ProviderEffect {
    /// The setting, such as `database.pooler`.
    pub key: &'static str,
    /// The value, written as in `larder.toml`.
    pub value: &'static str,
    /// Why the provider's databases need it.
    pub why: &'static str,
    /// What stands above it: a user who says otherwise, or a profile that is stricter already.
    /// None where the value is in effect, and in what [`detect`] gives.
    pub overruled_by: Option<Source>,
}

/// The provider of the database that a URL leads to, or none if no rule knows it. Several hosts
/// must all be of one rule.
///
/// ```
/// use larder_config::{DatabaseUrl, detect};
///
/// let url = DatabaseUrl::parse("postgres://app@ep-a-pooler.eu.aws.neon.tech/shop")?;
/// let detection = detect(&url).unwrap();
/// assert_eq!(detection.provider, "Neon");
/// assert!(detection.effects.iter().any(|effect| {
///     (effect.key, effect.value) == ("database.pooler", "transaction")
/// }));
/// # Ok::<(), larder_config::InvalidUrl>(())
/// ```
pub fn detect(url: &DatabaseUrl) -> Option<Detection> {
    let places = host::places(url);
    let (first, others) = places.split_first()?;
    let rule = rule_of(first)?;
    let all_are = |other: &host::Place| rule_of(other).is_some_and(|of| std::ptr::eq(of, rule));
    if !others.iter().all(all_are) {
        return None;
    }
    let effect = |&(key, value, why)| ProviderEffect {
        key,
        value,
        why,
        overruled_by: None,
    };
    Some(Detection {
        provider: rule.provider,
        rule: rule.matched_by(first),
        recommended_tls: rule.tls,
        effects: rule.effects.iter().map(effect).collect(),
        notes: rule.notes,
    })
}

fn rule_of(place: &host::Place) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.matches(place))
}

/// One line for a log: who it is, why, and what that set.
impl fmt::Display for Detection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (by {})", self.provider, self.rule)?;
        for (index, effect) in self.effects.iter().enumerate() {
            let separator = if index == 0 { ": " } else { ", " };
            write!(f, "{separator}{effect}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ProviderEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.key, self.value)?;
        match &self.overruled_by {
            Some(source) => write!(f, " (overruled by {source})"),
            None => Ok(()),
        }
    }
}

fn name_of_mode<S: Serializer>(mode: &Option<TlsMode>, serializer: S) -> Result<S::Ok, S::Error> {
    match mode {
        Some(mode) => serializer.serialize_some(mode.name()),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests;
