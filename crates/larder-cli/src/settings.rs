//! Which settings a command goes by: the profile and the file, as a service would find them.

use std::path::PathBuf;

use clap::Args;
use larder_config::{Config, ConfigLoader, Error, Profile};

/// The profile and the file, where they are not to be found as a service finds them.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Use this profile: dev, staging, prod or test.
    #[arg(long, value_name = "PROFILE", value_parser = profile)]
    profile: Option<Profile>,
    /// Read this file.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Settings {
    /// What a service would load here and now.
    pub(crate) fn load(self) -> Result<Config, Error> {
        self.load_with(|loader| loader)
    }

    /// The same, with what else the command line says.
    pub(crate) fn load_with(
        self,
        change: impl FnOnce(ConfigLoader) -> ConfigLoader,
    ) -> Result<Config, Error> {
        // Whether the service has the embedded database built in cannot be known here.
        let mut loader = Config::loader().embedded_available(true);
        if let Some(profile) = self.profile {
            loader = loader.profile(profile);
        }
        if let Some(file) = self.file {
            loader = loader.file(file);
        }
        change(loader).load()
    }
}

fn profile(text: &str) -> Result<Profile, String> {
    text.parse()
        .map_err(|error: larder_config::UnknownProfile| format!("failed to {error}"))
}
