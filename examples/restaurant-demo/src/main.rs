//! What Larder does, on real or generated restaurants.
//!
//! `cargo xtask demo` runs this program: it starts Larder, creates the tables, imports
//! restaurants, reads and writes, reports, and serves the restaurants until Ctrl-C. It uses the
//! facade alone, as a service would, and the API is that of the example `restaurant-api`.
//!
//! Exit codes: 0 everything worked, 1 something failed, 2 the arguments or the settings
//! are wrong, 130 interrupted before the report.

mod arguments;
mod error;
mod import;
mod measure;
mod reads;
mod report;
mod serve;
mod shared;
mod stages;
mod writes;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use larder::{ErrorKind, Larder};

use crate::arguments::Arguments;
use crate::error::Error;
use crate::report::Report;
use crate::serve::Server;

const FAILED: u8 = 1;
const WRONG_INPUT: u8 = 2;
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Interrupted) => {
            eprintln!("interrupted");
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => {
            eprintln!("error: failed to {error}");
            ExitCode::from(exit_code(&error))
        }
    }
}

/// Larder is shut down on every way out but an interruption before the report, which ends the
/// process.
async fn run(arguments: &Arguments) -> Result<(), Error> {
    // First of all: where the port is taken, nobody waits for an import in vain.
    let server = match arguments.once {
        true => None,
        false => Some(Server::bind(arguments.port).await?),
    };
    let (larder, report) = tokio::select! {
        outcome = stages::run(arguments) => outcome?,
        _ = tokio::signal::ctrl_c() => return Err(Error::Interrupted),
    };
    let finished = finish(&larder, &report, server, arguments.json).await;
    let stopped = larder.shutdown().await;
    finished?;
    Ok(stopped?)
}

async fn finish(
    larder: &Larder,
    report: &Report,
    server: Option<Server>,
    json: bool,
) -> Result<(), Error> {
    write(report, json).map_err(Error::Report)?;
    match server {
        Some(server) => server.serve(larder, &report.reads, json).await,
        None => Ok(()),
    }
}

fn write(report: &Report, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(report)?)
    } else {
        write!(out, "{report}")
    }
}

fn exit_code(error: &Error) -> u8 {
    match error {
        Error::Larder(error) if error.kind() == ErrorKind::Config => WRONG_INPUT,
        _ => FAILED,
    }
}
