//! Reads and writes a schema at random through Larder's cache, and beside it in a plain database
//! whose answers are the true ones.
//!
//! `cargo xtask differential` runs this program. Where to look:
//! - [`schema`]: the tables, each there for a rule of row precision; `schema.sql` makes them.
//! - [`chance`]: what is read and written, chosen by a seed; [`memory`]: what is read again.
//! - [`read`], [`write`](mod@write), [`typed`], [`calls`], [`statement`]: reads and writes, as Larder and the judge do them.
//! - [`subject`]: Larder as it is judged; [`judge`]: the plain database.
//! - [`run`](mod@run): one run from its start to its findings; [`campaign`]: the runs of a command
//!   line; [`report`]: how they are told.
//!
//! Exit codes: 0 no answer differed (with `--relax`: one did, for each relaxed rule), 1 not so, or
//! something failed, 2 the arguments are wrong, 130 interrupted.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "tests fail by panicking"))]

mod arguments;
mod calls;
mod campaign;
mod chance;
mod error;
mod findings;
mod interrupts;
mod judge;
mod memory;
mod mode;
mod outcome;
mod progress;
mod read;
mod report;
mod row;
mod run;
mod schema;
mod server;
mod statement;
mod subject;
#[cfg(test)]
mod tests;
mod typed;
mod value;
mod write;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;
use crate::error::Error;

const FAILED: u8 = 1;
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.check_arguments {
        return ExitCode::SUCCESS;
    }
    match campaign::run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(Error::Interrupted) => {
            eprintln!("interrupted");
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => {
            eprintln!("error: failed to {error}");
            ExitCode::from(FAILED)
        }
    }
}
