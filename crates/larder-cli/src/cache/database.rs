//! Reaching the database that the settings name, for as long as one command takes.

use std::time::Duration;

use larder_database::{CacheMode, Database, DatabaseOptions};
use serde_json::json;

use super::error::Error;
use crate::exit::Exit;
use crate::output::print_json;
use crate::settings::Settings;

/// How long the end waits for the connection to be given back, which it is by then.
const GOODBYE: Duration = Duration::from_secs(1);

/// Runs a command on the database. An error is told, as JSON where that was asked for.
pub(super) fn on_database<F>(settings: Settings, json: bool, command: F) -> Exit
where
    F: AsyncFnOnce(&Database) -> Result<Exit, Error>,
{
    match run(settings, command) {
        Ok(exit) => exit,
        Err(error) if json => {
            let object = json!({ "error": format!("failed to {error}") });
            print_json(&object, error.exit())
        }
        Err(error) => {
            eprintln!("error: failed to {error}");
            error.exit()
        }
    }
}

fn run<F>(settings: Settings, command: F) -> Result<Exit, Error>
where
    F: AsyncFnOnce(&Database) -> Result<Exit, Error>,
{
    let config = settings.load()?;
    let Some(url) = &config.database.url else {
        return Err(Error::NoUrl);
    };
    let mut options = DatabaseOptions::from_config(&config, url.expose())?;
    options.pool.size = 1;
    options.pool.overflow = 0;
    options.cache.enabled = false;
    // It reads nothing twice, and there may be no log yet.
    options.cache.mode = CacheMode::Local;
    options.queries.metrics = false;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?
        .block_on(async {
            let database = Database::open(options).await?;
            let result = command(&database).await;
            // What the command did is done, however the connection closes.
            let _ = database.shutdown(GOODBYE).await;
            result
        })
}
