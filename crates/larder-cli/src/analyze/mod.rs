//! `larder analyze`: what ails the database, with evidence, the SQL of the cure and what it costs.
//!
//! - [`arguments`]: what is asked for on the command line, as options of the analysis.
//! - [`page`]: what was found, for people; [`progress`]: while they wait.

mod arguments;
mod page;
mod progress;

use larder_analysis::{Analysis, Error as AnalysisError, HistoryError, analyze_with};
use larder_database::{CacheMode, Database, DatabaseOptions};
use serde_json::json;

pub(crate) use self::arguments::Analyze;
use self::progress::Progress;
use crate::exit::Exit;
use crate::output::{has_colours, print, print_json};

/// What keeps an analysis from being made. Its text reads after "failed to".
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Settings(#[from] larder_config::Error),

    #[error(
        "find a database: no URL is set; set DATABASE_URL to postgres://user:password@host:5432/database, or give --database-url"
    )]
    NoUrl,

    #[error(transparent)]
    Database(#[from] larder_database::Error),

    #[error(transparent)]
    Analysis(#[from] AnalysisError),

    #[error(transparent)]
    History(#[from] HistoryError),

    #[error("read {what} from {path}: {reason}")]
    File {
        what: &'static str,
        path: String,
        reason: String,
    },

    #[error("start: {0}")]
    Runtime(std::io::Error),
}

/// How long the end waits for the connection to be given back, which it is by then.
const GOODBYE: std::time::Duration = std::time::Duration::from_secs(1);

impl Analyze {
    /// Findings end with code 1, and whatever kept it from looking with code 2: a script can tell
    /// "something is wrong" from "nothing is known".
    pub(crate) fn run(self) -> Exit {
        let json = self.json;
        match self.look() {
            Ok(analysis) => {
                let exit = match analysis.is_clean() {
                    true => Exit::Done,
                    false => Exit::Failed,
                };
                match json {
                    true => print_json(&analysis, exit),
                    false => print(&page::page(&analysis, has_colours()), exit),
                }
            }
            Err(error) if json => {
                let object = json!({ "error": format!("failed to {error}") });
                print_json(&object, Exit::Misconfigured)
            }
            Err(error) => {
                eprintln!("error: failed to {error}");
                Exit::Misconfigured
            }
        }
    }

    fn look(self) -> Result<Analysis, Error> {
        let options = self.options()?;
        let save = self.save.clone();
        let mut history = options.history.clone().unwrap_or_default();
        let database = self.database()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::Runtime)?;
        let analysis = runtime.block_on(async {
            let database = Database::open(database).await?;
            let mut progress = Progress::new();
            let result = analyze_with(&database, &options, |step| progress.show(step)).await;
            progress.end();
            // What was asked was answered, however the connection closes.
            let _ = database.shutdown(GOODBYE).await;
            Ok::<_, Error>(result?)
        })?;
        if let (Some(path), Some(counters)) = (save, analysis.counters.clone()) {
            history.push(counters);
            history.save(path)?;
        }
        Ok(analysis)
    }

    /// One connection, and nothing kept.
    fn database(self) -> Result<DatabaseOptions, Error> {
        let url = self.database_url;
        let config = self.settings.load_with(|loader| match url {
            Some(url) => loader.set("database.url", url),
            None => loader,
        })?;
        let Some(url) = &config.database.url else {
            return Err(Error::NoUrl);
        };
        let mut options = DatabaseOptions::from_config(&config, url.expose())?;
        options.pool.size = 1;
        options.pool.overflow = 0;
        options.cache.enabled = false;
        // It reads nothing twice, and there may be no log.
        options.cache.mode = CacheMode::Local;
        options.queries.metrics = false;
        Ok(options)
    }
}
