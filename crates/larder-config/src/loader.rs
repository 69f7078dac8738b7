//! Loading: where the layers come from, and the passes in their order.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::config::{Config, Origin};
use crate::definition::Unit;
use crate::environment::{CONFIG, Environment, LEGACY_PROFILE, PROFILE};
use crate::error::Error;
use crate::fault::{Fault, FaultKind};
use crate::file::{DEFAULT, File};
use crate::layers::{Entry, Layers, Reader, take_out_faulty};
use crate::profile::Profile;
use crate::provider;
use crate::redact::text_or_hidden;
use crate::rules::{self, Circumstances};
use crate::sections::{
    AdminConfig, CacheConfig, DatabaseConfig, EmbeddedConfig, HealthConfig, LoggingConfig,
    MetricsConfig, PoolConfig, QueryConfig, RedisConfig, RetryConfig, definition, definitions,
};
use crate::source::Source;
use crate::suggest::nearest;
use crate::value::SettingValue;

/// The file that is read where none is named and it exists.
const FILE: &str = "larder.toml";

/// Loads a [`Config`] from places of the caller's choice.
///
/// ```
/// use larder_config::{ConfigLoader, Profile};
///
/// let config = ConfigLoader::new()
///     .no_file()
///     .environment([("DATABASE_URL", "postgres://app:secret@db/shop"), ("DB_POOL_SIZE", "40")])
///     .profile(Profile::Prod)
///     .set("pool.acquire_timeout", "5s")
///     .load()?;
/// assert_eq!(config.pool.size, 40);
/// assert_eq!(config.setting("pool.size").map(|s| s.source.to_string()).as_deref(),
///            Some("environment variable DB_POOL_SIZE"));
/// # Ok::<(), larder_config::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "a loader does nothing until `load` is called"]
pub struct ConfigLoader {
    profile: Option<Profile>,
    file: FileChoice,
    environment: Option<Environment>,
    overrides: Vec<(String, SettingValue)>,
    embedded_available: bool,
}

#[derive(Debug, Clone, Default)]
enum FileChoice {
    /// What `LARDER_CONFIG` names, else `larder.toml` where it exists.
    #[default]
    Discovered,
    Named(PathBuf),
    Nothing,
}

impl ConfigLoader {
    /// A loader that reads what [`Config::load`] reads.
    pub fn new() -> Self {
        ConfigLoader::default()
    }

    /// Uses this profile, whatever the environment says.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = Some(profile);
        self
    }

    /// Reads this file, whatever `LARDER_CONFIG` says; that it does not exist is a fault.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = FileChoice::Named(path.into());
        self
    }

    /// Reads no file.
    pub fn no_file(mut self) -> Self {
        self.file = FileChoice::Nothing;
        self
    }

    /// Uses these variables instead of the process's.
    pub fn environment<N, V>(mut self, variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        let variables = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        self.environment = Some(Environment::of(variables));
        self
    }

    /// Sets a value that overrides every other layer, by its key, such as `pool.size`. The value
    /// is what `larder.toml` would hold; a `Duration` is taken as it is.
    pub fn set(mut self, key: impl Into<String>, value: impl Into<SettingValue>) -> Self {
        self.overrides.push((key.into(), value.into()));
        self
    }

    /// Says whether the program has the embedded database built in, so that dev and test may go
    /// without a URL. Not, unless this says so.
    pub fn embedded_available(mut self, available: bool) -> Self {
        self.embedded_available = available;
        self
    }

    /// Reads every layer and checks all of it.
    ///
    /// # Errors
    ///
    /// [`Error`] with every fault that was found.
    pub fn load(self) -> Result<Config, Error> {
        let environment = match &self.environment {
            Some(environment) => environment.clone(),
            None => Environment::of_process(),
        };
        let mut faults = Vec::new();
        let (profile, profile_source) = self.choose_profile(&environment, &mut faults);
        let (path, mut file) = self.read_file(&environment);
        let file_is_readable = file.is_readable();
        faults.append(&mut file.faults);
        faults.append(&mut environment.unknown_variables());

        let known_profile = profile.unwrap_or(Profile::Dev);
        let gathered = self.gather(known_profile, file, &environment, &mut faults);
        let circumstances = Circumstances {
            profile: known_profile,
            embedded_available: self.embedded_available,
            file_is_readable,
            faulty: gathered.faulty,
        };
        let layers = rules::lift_url_parameters(Layers::merge(gathered.entries));
        let (layers, detection) = provider::apply(layers);
        let (layers, notices) = match profile {
            Some(_) => rules::apply(layers, &circumstances, &mut faults),
            None => (layers, Vec::new()),
        };

        let mut reader = Reader::new(&layers, Source::Profile(known_profile));
        let origin = Origin {
            profile: known_profile,
            profile_source,
            file: path,
            settings: Vec::new(),
            notices,
            provider: detection,
        };
        let config = read(&mut reader, origin);
        faults.append(&mut reader.faults);
        match config {
            Some(config) if faults.is_empty() => Ok(config),
            _ => Err(Error::new(profile, faults)),
        }
    }

    /// The profile and where it came from; none if its name is not known.
    fn choose_profile(
        &self,
        environment: &Environment,
        faults: &mut Vec<Fault>,
    ) -> (Option<Profile>, Source) {
        if let Some(profile) = self.profile {
            return (Some(profile), Source::Code);
        }
        for name in [PROFILE, LEGACY_PROFILE] {
            let Some(text) = environment.get(name) else {
                continue;
            };
            let source = Source::Variable(name.into());
            return match text.parse() {
                Ok(profile) => (Some(profile), source),
                Err(_) => {
                    faults.push(unknown_profile(name, text, source.clone()));
                    (None, source)
                }
            };
        }
        (Some(Profile::Dev), Source::Profile(Profile::Dev))
    }

    /// The file that applies, if any, and what it says.
    fn read_file(&self, environment: &Environment) -> (Option<PathBuf>, File) {
        let path = match (&self.file, environment.get(CONFIG)) {
            (FileChoice::Nothing, _) => None,
            (FileChoice::Named(path), _) => Some(path.clone()),
            (FileChoice::Discovered, Some(path)) => Some(PathBuf::from(path)),
            (FileChoice::Discovered, None) => Path::new(FILE).exists().then(|| PathBuf::from(FILE)),
        };
        let mut file = path.as_deref().map(File::read).unwrap_or_default();
        if matches!(self.file, FileChoice::Discovered) && environment.get(CONFIG).is_some() {
            let unreadable = |fault: &&mut Fault| fault.kind == FaultKind::UnreadableFile;
            for fault in file.faults.iter_mut().filter(unreadable) {
                fault.source = Source::Variable(CONFIG.into());
            }
        }
        (path, file)
    }

    /// Every layer's entries, lowest first, without those that cannot be read.
    fn gather(
        &self,
        profile: Profile,
        file: File,
        environment: &Environment,
        faults: &mut Vec<Fault>,
    ) -> Gathered {
        let mut entries: Vec<Entry> = definitions()
            .filter_map(|row| {
                let text = row.default_of(profile)?;
                Some(Entry::textual(
                    row,
                    text,
                    Source::Profile(profile),
                    Unit::Plain,
                ))
            })
            .collect();

        let mut explicit = Vec::new();
        for name in [DEFAULT, profile.name()] {
            let in_effect = file.sections.iter().filter(|section| section.name == name);
            explicit.extend(in_effect.flat_map(|section| section.entries.iter().cloned()));
        }
        let mut faulty = take_out_faulty(&mut explicit, faults);
        entries.append(&mut explicit);
        for section in file.sections {
            if section.name != DEFAULT && section.name != profile.name() {
                // Checked, and then not needed.
                let mut unused = section.entries;
                take_out_faulty(&mut unused, faults);
            }
        }

        entries.extend(environment.legacy_entries(faults));
        explicit.extend(environment.entries());
        explicit.extend(self.overriding_entries(faults));
        faulty.append(&mut take_out_faulty(&mut explicit, faults));
        entries.append(&mut explicit);
        Gathered { entries, faulty }
    }

    /// What code sets.
    fn overriding_entries(&self, faults: &mut Vec<Fault>) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (key, value) in &self.overrides {
            match definition(key) {
                Some(row) => entries.push(Entry::typed(row, value.clone(), Source::Code)),
                None => faults.push(unknown_override(key)),
            }
        }
        entries.sort_by_key(|entry| entry.definition.key != "database.url");
        entries
    }
}

/// What `gather` found.
struct Gathered {
    entries: Vec<Entry>,
    faulty: std::collections::BTreeSet<&'static str>,
}

/// Reads every section before giving up on any, so that all faults are seen.
fn read(reader: &mut Reader<'_>, origin: Origin) -> Option<Config> {
    let database = DatabaseConfig::read(reader);
    let embedded = EmbeddedConfig::read(reader);
    let pool = PoolConfig::read(reader);
    let retry = RetryConfig::read(reader);
    let cache = CacheConfig::read(reader);
    let redis = RedisConfig::read(reader);
    let query = QueryConfig::read(reader);
    let metrics = MetricsConfig::read(reader);
    let health = HealthConfig::read(reader);
    let admin = AdminConfig::read(reader);
    let logging = LoggingConfig::read(reader);
    Some(Config {
        database: database?,
        embedded: embedded?,
        pool: pool?,
        retry: retry?,
        cache: cache?,
        redis: redis?,
        query: query?,
        metrics: metrics?,
        health: health?,
        admin: admin?,
        logging: logging?,
        origin: Origin {
            settings: std::mem::take(&mut reader.settings),
            ..origin
        },
    })
}

fn unknown_profile(name: &str, text: &str, source: Source) -> Fault {
    let near = nearest(text, Profile::ALL.map(Profile::name));
    let suggestion = near.map(|near| format!("; did you mean `{near}`?"));
    Fault {
        kind: FaultKind::UnknownProfile,
        key: name.to_owned(),
        value: Some(text_or_hidden(text)),
        source,
        problem: "is not a profile".to_owned(),
        cure: format!(
            "write {}{}",
            Profile::ACCEPTED,
            suggestion.unwrap_or_default()
        ),
    }
}

fn unknown_override(key: &str) -> Fault {
    let cure = match nearest(key, definitions().map(|row| row.key)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write <section>.<key>, such as pool.size".to_owned(),
    };
    Fault {
        kind: FaultKind::UnknownKey,
        key: key.escape_debug().to_string(),
        value: None,
        source: Source::Code,
        problem: "is not a setting".to_owned(),
        cure,
    }
}

impl fmt::Debug for ConfigLoader {
    /// Writes the keys that code sets and not their values, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.overrides.iter().map(|(key, _)| key).collect();
        f.debug_struct("ConfigLoader")
            .field("profile", &self.profile)
            .field("file", &self.file)
            .field("overrides", &keys)
            .field("embedded_available", &self.embedded_available)
            .finish_non_exhaustive()
    }
}
