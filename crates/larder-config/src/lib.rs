//! Profiles and settings of Larder, each value with its source.
//!
//! A service calls [`Config::load`] once, at its start. What it gets is a [`Config`]: plain typed
//! sections ([`DatabaseConfig`], [`PoolConfig`], [`CacheConfig`], ...), where every value knows
//! which layer it came from, and [`Notice`]s for what the service should log at each start.
//!
//! # Layers
//!
//! Each layer overrides the ones above it:
//!
//! 1. the built-in profile: `dev`, `staging`, `prod` or `test`
//! 2. what the provider of the database is known to need, told from host and port: [`detect`]
//! 3. `larder.toml`, section `[default]`
//! 4. `larder.toml`, the section of the profile, such as `[prod]`
//! 5. the predecessor's variables: `DATABASE_URL`, `DB_POOL_SIZE`, `PGSSLMODE`, `REDIS_URL`, ...
//! 6. `LARDER_<SECTION>__<KEY>`, such as `LARDER_POOL__SIZE`
//! 7. code: [`ConfigLoader::set`]
//!
//! Above them all stands what a profile insists on: `prod` needs a database URL, TLS of at least
//! `require`, and a pool of at least 15 connections with an overflow of 25. A variable that is
//! set to nothing counts as not set.
//!
//! # Faults
//!
//! Loading does not stop at the first bad value. An [`Error`] carries every [`Fault`] of one
//! pass, and each names its key, its value, where it came from and what would be right. Unknown
//! keys are faults too.
//!
//! # Secrets
//!
//! URLs with passwords are [`DatabaseUrl`] and [`RedisUrl`]: what they print, log and serialise
//! has the password replaced by `***`. Only their `expose` methods hand out the secret, for
//! connecting. A URL that cannot be understood is never repeated in an error.
//!
//! # Code map
//!
//! | module | subject |
//! |---|---|
//! | `sections` | the table of settings: names, types, defaults, bounds, variables, documentation |
//! | `definition` | what a row of that table says, and the macro that makes structs of it |
//! | `parse` | from what was written to typed values |
//! | `environment`, `file` | the layers that are read from outside |
//! | `layers` | the layers put on each other, by figment |
//! | `provider` | the table of providers, and the layer that it makes |
//! | `rules` | what profiles enforce and what values demand of each other |
//! | `loader` | the passes, in order |

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "tests fail by panicking"))]

mod admin_token;
mod config;
mod database_url;
mod definition;
mod encryption_key;
mod environment;
mod error;
mod fault;
mod file;
mod layers;
mod loader;
mod parse;
mod profile;
mod provider;
mod redact;
mod redis_url;
mod rules;
mod sections;
mod source;
mod suggest;
mod value;
mod webhook;

pub use bytesize::ByteSize;

pub use admin_token::AdminToken;
pub use config::{Config, Notice, Setting};
pub use database_url::{DatabaseUrl, InvalidUrl};
pub use definition::{Definition, Unit, Variable};
pub use encryption_key::EncryptionKey;
pub use error::{Error, ErrorKind};
pub use fault::{Fault, FaultKind};
pub use loader::ConfigLoader;
pub use parse::{
    AlertLevel, CacheHints, CacheMode, ChannelBinding, HostPort, IsolationLevel, LogFilter,
    LogFormat, OperationThreshold, PoolStart, PoolerMode, TargetSessionAttrs, TlsMode,
};
pub use profile::{Profile, UnknownProfile};
pub use provider::{Detection, ProviderEffect, detect};
pub use redis_url::RedisUrl;
pub use sections::{
    AdminConfig, CacheConfig, DatabaseConfig, EmbeddedConfig, HealthConfig, LoggingConfig,
    MetricsConfig, PoolConfig, QueryConfig, RedisConfig, RetryConfig, definitions,
};
pub use source::Source;
pub use suggest::nearest;
pub use value::SettingValue;
pub use webhook::{SecretText, WebhookUrl};
