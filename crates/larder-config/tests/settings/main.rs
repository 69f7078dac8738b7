//! Loading configurations from files and variables that each test makes up: nothing here reads
//! or changes the environment of the process.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod alert_rules;
mod example;
mod faults;
mod layers;
mod profiles;
mod secrets;
mod variables;

use larder_config::{Config, ConfigLoader, Error, Fault};
use tempfile::TempDir;

/// A loader that sees these variables, no file, and an embedded database.
fn with(variables: &[(&str, &str)]) -> ConfigLoader {
    ConfigLoader::new()
        .no_file()
        .environment(variables.iter().copied())
        .embedded_available(true)
}

/// A `larder.toml` of its own; it is gone when the value is dropped.
struct File {
    directory: TempDir,
}

impl File {
    fn new(text: &str) -> Self {
        let directory = TempDir::new().unwrap();
        std::fs::write(directory.path().join("larder.toml"), text).unwrap();
        File { directory }
    }

    fn load(&self, variables: &[(&str, &str)]) -> Result<Config, Error> {
        with(variables)
            .file(self.directory.path().join("larder.toml"))
            .load()
    }
}

/// The source of a setting as a user reads it, without the directory of a test's file.
fn source(config: &Config, key: &str) -> String {
    let source = config.setting(key).unwrap().source.to_string();
    match source.split_once("larder.toml") {
        Some((_, rest)) => format!("larder.toml{rest}"),
        None => source,
    }
}

fn shown(config: &Config, key: &str) -> String {
    config.setting(key).unwrap().value.to_string()
}

/// The fault of a key, which must be its only one.
fn fault<'a>(error: &'a Error, key: &str) -> &'a Fault {
    let found: Vec<_> = error
        .faults()
        .iter()
        .filter(|fault| fault.key == key)
        .collect();
    match found[..] {
        [fault] => fault,
        _ => panic!("{} faults of {key} in: {error}", found.len()),
    }
}
