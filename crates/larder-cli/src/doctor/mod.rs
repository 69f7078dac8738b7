//! `larder doctor`: whether everything that a service needs is as it should be, from its settings
//! to the last of its servers, and what cures what is not.
//!
//! - [`examination`]: the checks in their order, each with a deadline; what depends on a check
//!   that failed is skipped.
//! - The checks: [`settings`], [`provider`], [`network`], [`tls`], [`login`], [`server`], [`session`],
//!   [`pooler`], [`capacity`], [`schema`], [`log`], [`redis`].
//! - [`check`]: how a check ends, [`report`]: all of them, [`page`]: for people.

mod capacity;
mod check;
mod examination;
mod log;
mod login;
mod network;
mod page;
mod pooler;
mod provider;
mod redis;
mod report;
mod schema;
mod server;
mod session;
mod settings;
mod tls;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use self::examination::{Plan, examine};
use self::report::Report;
use crate::exit::Exit;
use crate::output::{has_colours, print, print_json};
use crate::settings::Settings;

const EXAMPLES: &str = "\
Examples:
  larder doctor
  larder doctor --profile prod --replicas 6         whether six processes find connections
  larder doctor --report doctor.txt                 keep it, with a success rate and cures
  larder doctor --json | jq '.recommendations[]'

What it opens, it closes, and it writes nothing but the report: beside two connections it takes
nothing of the server.

Exit codes:
  0  all is well
  1  there are warnings or failures, or the report cannot be written
  2  the command line or the configuration is not right";

/// Checks settings, provider, network, TLS, login, server, pooler, connections, schema, log and Redis.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Doctor {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// How many processes of the service there will be: all their pools have to find connections.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    replicas: u32,
    /// Save the report to this file: as JSON where its name ends with .json, else as text.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Where the migrations of the service are.
    #[arg(long, value_name = "DIRECTORY", default_value = "migrations")]
    migrations: PathBuf,
    /// How many seconds each check may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    deadline: u64,
    #[command(flatten)]
    settings: Settings,
}

impl Doctor {
    pub(crate) fn run(self) -> Exit {
        let plan = Plan {
            replicas: self.replicas,
            migrations: self.migrations,
            deadline: Duration::from_secs(self.deadline),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let report = match runtime {
            Ok(runtime) => runtime.block_on(examine(&plan, self.settings.load())),
            Err(error) => {
                eprintln!("error: failed to start: {error}");
                return Exit::Failed;
            }
        };
        let mut exit = report.exit();
        if let Some(path) = &self.report
            && let Err(problem) = save(&report, path)
        {
            eprintln!(
                "error: failed to save the report {}: {problem}",
                path.display()
            );
            exit = Exit::Failed;
        }
        match self.json {
            true => print_json(&report, exit),
            false => print(&page::page(&report, has_colours()), exit),
        }
    }
}

fn save(report: &Report, path: &Path) -> std::io::Result<()> {
    let text = match path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        true => serde_json::to_string_pretty(report).map_err(std::io::Error::other)?,
        false => page::file(report),
    };
    std::fs::write(path, text + "\n")
}
