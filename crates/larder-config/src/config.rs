//! The configuration as a service gets it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::error::Error;
use crate::loader::ConfigLoader;
use crate::profile::Profile;
use crate::provider::Detection;
use crate::sections::{
    AdminConfig, CacheConfig, DatabaseConfig, EmbeddedConfig, HealthConfig, LoggingConfig,
    MetricsConfig, PoolConfig, QueryConfig, RedisConfig, RetryConfig,
};
use crate::source::Source;
use crate::value::SettingValue;

/// One setting with its value in effect and where that came from.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Setting {
    /// The key, such as `pool.size`.
    pub key: &'static str,
    /// The value in effect, with secrets masked.
    pub value: SettingValue,
    /// Where it came from.
    pub source: Source,
    /// What the setting does.
    pub doc: &'static str,
}

/// Something that is allowed but that a service should log at each start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Notice {
    /// The setting that it is about.
    pub key: &'static str,
    /// What holds, and why.
    pub message: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// The settings of a service, all of them valid, each with its source.
///
/// It can be logged: passwords are masked in `Debug` and in serialisation, which yields an
/// object of `profile`, `file`, `settings` (each key with `value` and `source`) and `notices`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// How the server is reached.
    pub database: DatabaseConfig,
    /// The PostgreSQL inside the program.
    pub embedded: EmbeddedConfig,
    /// How connections are shared.
    pub pool: PoolConfig,
    /// How work is run again that failed for a reason that passes.
    pub retry: RetryConfig,
    /// How query results are kept.
    pub cache: CacheConfig,
    /// The Redis that processes share results through.
    pub redis: RedisConfig,
    /// What is written down about single queries.
    pub query: QueryConfig,
    /// What is counted.
    pub metrics: MetricsConfig,
    /// When the data layer counts as healthy.
    pub health: HealthConfig,
    /// The pages that the instance shows of itself.
    pub admin: AdminConfig,
    /// How the service writes its log.
    pub logging: LoggingConfig,
    pub(crate) origin: Origin,
}

/// Where a configuration came from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) profile: Profile,
    pub(crate) profile_source: Source,
    pub(crate) file: Option<PathBuf>,
    pub(crate) settings: Vec<Setting>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) provider: Option<Detection>,
}

impl Config {
    /// Loads the configuration of this process: the profile from `LARDER_PROFILE` or
    /// `FLASK_ENV`, the file from `LARDER_CONFIG` or `larder.toml` in the working directory
    /// where there is one, and the environment's variables.
    ///
    /// The embedded database counts as not built in; a program that has it says so through
    /// [`ConfigLoader::embedded_available`].
    ///
    /// ```no_run
    /// let config = larder_config::Config::load()?;
    /// println!("{} connections from {}", config.pool.size, config.profile());
    /// # Ok::<(), larder_config::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`] with every fault that was found.
    pub fn load() -> Result<Config, Error> {
        ConfigLoader::new().load()
    }

    /// Loads a configuration from other places than the process has it.
    pub fn loader() -> ConfigLoader {
        ConfigLoader::new()
    }

    /// The profile.
    pub fn profile(&self) -> Profile {
        self.origin.profile
    }

    /// Where the profile came from.
    pub fn profile_source(&self) -> &Source {
        &self.origin.profile_source
    }

    /// The file that was read, if one was.
    pub fn file(&self) -> Option<&Path> {
        self.origin.file.as_deref()
    }

    /// Every setting with its value and source, in the order of the sections.
    pub fn settings(&self) -> impl Iterator<Item = &Setting> {
        self.origin.settings.iter()
    }

    /// One setting, by its key.
    pub fn setting(&self, key: &str) -> Option<&Setting> {
        self.settings().find(|setting| setting.key == key)
    }

    /// What a service should log at each start, each as a warning.
    pub fn notices(&self) -> &[Notice] {
        &self.origin.notices
    }

    /// Who runs the database, if its host and port tell, and what that sets.
    pub fn provider(&self) -> Option<&Detection> {
        self.origin.provider.as_ref()
    }

    /// Whether the database is the embedded one, because no URL was given.
    pub fn uses_embedded(&self) -> bool {
        self.database.url.is_none()
    }
}

impl Serialize for Config {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Config", 4)?;
        object.serialize_field("profile", &self.origin.profile)?;
        object.serialize_field("file", &self.origin.file)?;
        object.serialize_field("settings", &ByKey(&self.origin.settings))?;
        object.serialize_field("notices", &self.origin.notices)?;
        object.end()
    }
}

/// Settings as an object with a member per key.
struct ByKey<'a>(&'a [Setting]);

impl Serialize for ByKey<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|setting| (setting.key, Shown(setting))))
    }
}

struct Shown<'a>(&'a Setting);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Setting", 2)?;
        object.serialize_field("value", &self.0.value)?;
        object.serialize_field("source", &self.0.source)?;
        object.end()
    }
}
