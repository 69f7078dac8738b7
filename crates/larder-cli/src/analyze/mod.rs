//! `larder analyze`: what ails the database, with evidence, the SQL of the cure and what it costs.
//!
//! - [`arguments`]: what is asked for on the command line, as options of the analysis.
//! - [`page`]: what was found, for people; [`progress`]: while they wait.
//! - [`apply`]: cures, carried out where that is asked for.

mod apply;
mod arguments;
mod page;
mod progress;

use std::io::IsTerminal;
use std::time::Duration;

use larder_analysis::{Analysis, Error as AnalysisError, HistoryError, analyze_with};
use larder_database::{CacheMode, Database, DatabaseOptions};
use serde::Serialize;
use serde_json::json;

use self::apply::Cured;
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

    #[error(
        "ask before each cure: there is no terminal; give --yes and say with --only what to cure"
    )]
    NobodyToAsk,
}

/// What was found, and what became of it where that is to be cured.
#[derive(Serialize)]
struct Outcome {
    #[serde(flatten)]
    analysis: Analysis,
    #[serde(skip_serializing_if = "Option::is_none")]
    cures: Option<Vec<Cured>>,
}

impl Outcome {
    /// Whether nothing is wrong any more.
    fn is_well(&self) -> bool {
        let cured = self.cures.iter().flatten().filter(|cured| cured.is_done());
        cured.count() == self.analysis.findings.len()
    }
}

/// How long the end waits for the connection to be given back, which it is by then.
const GOODBYE: Duration = Duration::from_secs(1);

/// The same after a cure was interrupted: the server has to be told to end it.
const CANCELLING: Duration = Duration::from_secs(15);

impl Analyze {
    /// Findings end with code 1, and whatever kept it from looking with code 2: a script can tell
    /// "something is wrong" from "nothing is known".
    pub(crate) fn run(self) -> Exit {
        let json = self.json;
        match self.look() {
            Ok(outcome) => {
                let exit = match outcome.is_well() {
                    true => Exit::Done,
                    false => Exit::Failed,
                };
                match (json, &outcome.cures) {
                    (true, _) => print_json(&outcome, exit),
                    // What was found is on the page already.
                    (false, Some(cures)) => print(&apply::page(cures), exit),
                    (false, None) => print(&page::page(&outcome.analysis, has_colours()), exit),
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

    fn look(self) -> Result<Outcome, Error> {
        let is_asking = self.apply && !self.yes;
        let has_nobody = self.json || !std::io::stdin().is_terminal();
        if is_asking && has_nobody {
            return Err(Error::NobodyToAsk);
        }
        let (json, apply) = (self.json, self.apply);
        let options = self.options()?;
        let save = self.save.clone();
        let mut history = options.history.clone().unwrap_or_default();
        let database = self.database()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::Runtime)?;
        let outcome = runtime.block_on(async {
            let database = Database::open(database).await?;
            let mut progress = Progress::new();
            let result = analyze_with(&database, &options, |step| progress.show(step)).await;
            progress.end();
            let outcome = match result {
                Ok(analysis) if apply => {
                    if !json {
                        // Whoever is asked has to see it.
                        print(&page::page(&analysis, has_colours()), Exit::Done);
                    }
                    let cures = apply::apply(&database, &analysis, is_asking).await;
                    let cures = Some(cures);
                    Ok(Outcome { analysis, cures })
                }
                Ok(analysis) => Ok(Outcome {
                    analysis,
                    cures: None,
                }),
                Err(error) => Err(error),
            };
            let mut cures = outcome
                .iter()
                .flat_map(|outcome| outcome.cures.iter().flatten());
            let goodbye = match cures.any(Cured::was_interrupted) {
                true => CANCELLING,
                false => GOODBYE,
            };
            // What was asked was answered, however the connection closes.
            let _ = database.shutdown(goodbye).await;
            Ok::<_, Error>(outcome?)
        })?;
        // A question that nobody answers any more would be waited for.
        runtime.shutdown_background();
        if let (Some(path), Some(counters)) = (save, outcome.analysis.counters.clone()) {
            history.push(counters);
            history.save(path)?;
        }
        Ok(outcome)
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
