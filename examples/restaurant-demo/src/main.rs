//! What Larder does, on real or generated restaurants.
//!
//! `cargo xtask demo` runs this program: it starts Larder, creates the tables, imports
//! restaurants, reads and writes, and reports. It uses the facade alone, as a service would.
//!
//! Exit codes: 0 everything worked, 1 something failed, 2 the arguments or the settings
//! are wrong, 130 interrupted.

mod arguments;
mod error;
mod import;
mod measure;
mod report;
mod stages;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use larder::ErrorKind;

use crate::arguments::Arguments;
use crate::error::Error;
use crate::report::Report;

const FAILED: u8 = 1;
const WRONG_INPUT: u8 = 2;
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = tokio::select! {
        outcome = stages::run(&arguments) => outcome,
        _ = tokio::signal::ctrl_c() => Err(Error::Interrupted),
    };
    let report = match outcome {
        Ok(report) => report,
        Err(Error::Interrupted) => {
            eprintln!("interrupted");
            return ExitCode::from(INTERRUPTED);
        }
        Err(error) => {
            eprintln!("error: failed to {error}");
            return ExitCode::from(exit_code(&error));
        }
    };
    match write(&report, arguments.json) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: failed to write the report: {error}");
            ExitCode::from(FAILED)
        }
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
