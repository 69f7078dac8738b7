//! The table of settings, one file per group of sections.

mod admin;
mod cache;
mod database;
mod health;
mod observation;
mod pool;
mod retry;

use crate::definition::Definition;

pub use admin::AdminConfig;
pub use cache::{CacheConfig, RedisConfig};
pub use database::{DatabaseConfig, EmbeddedConfig};
pub use health::HealthConfig;
pub use observation::{LoggingConfig, MetricsConfig, QueryConfig};
pub use pool::PoolConfig;
pub use retry::RetryConfig;

/// The sections in the order in which they are shown, each with its rows.
const SECTIONS: [(&str, &[Definition]); 11] = [
    ("database", DatabaseConfig::DEFINITIONS),
    ("embedded", EmbeddedConfig::DEFINITIONS),
    ("pool", PoolConfig::DEFINITIONS),
    ("retry", RetryConfig::DEFINITIONS),
    ("cache", CacheConfig::DEFINITIONS),
    ("redis", RedisConfig::DEFINITIONS),
    ("query", QueryConfig::DEFINITIONS),
    ("metrics", MetricsConfig::DEFINITIONS),
    ("health", HealthConfig::DEFINITIONS),
    ("admin", AdminConfig::DEFINITIONS),
    ("logging", LoggingConfig::DEFINITIONS),
];

/// Every setting that there is, in the order in which they are shown.
///
/// ```
/// let all: Vec<_> = larder_config::definitions().map(|setting| setting.key).collect();
/// assert!(all.contains(&"pool.size"));
/// ```
pub fn definitions() -> impl Iterator<Item = &'static Definition> {
    SECTIONS.iter().flat_map(|(_, definitions)| *definitions)
}

/// The row of a key, if there is one.
pub(crate) fn definition(key: &str) -> Option<&'static Definition> {
    definitions().find(|definition| definition.key == key)
}

/// The names of the sections.
pub(crate) fn section_names() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().map(|(name, _)| *name)
}

/// The rows of a section, if there is one of this name.
pub(crate) fn section_of(name: &str) -> Option<&'static [Definition]> {
    let (_, definitions) = SECTIONS.iter().find(|(known, _)| *known == name)?;
    Some(definitions)
}
