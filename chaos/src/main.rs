//! Processes that read and write while their database and their Redis fail, and a checker that
//! proves from their histories what held.
//!
//! `cargo xtask chaos` runs this program. The parent starts workers, which are this program
//! again, and strikes at them and at their servers; every worker writes down what it asked and
//! what it got. Where to look:
//! - [`worker`]: what a process does; [`workload`]: how much of it; [`history`]: how it is
//!   written down.
//! - [`crew`]: the workers as the parent sees them; [`servers`]: their database and their Redis;
//!   [`faults`]: what happens to all of these.
//! - [`checker`]: what the histories prove; [`report`]: how it is told.
//! - [`run`](mod@run): one run from its start to its verdicts; [`campaign`]: the runs of a
//!   command line.
//!
//! Exit codes: 0 all promises held (with `--break`: the checker found that they did not), 1 not
//! so, or something failed, 2 the arguments are wrong, 130 interrupted.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "tests fail by panicking"))]

mod arguments;
mod campaign;
mod checker;
mod clock;
mod crew;
mod error;
mod faults;
mod history;
mod interrupts;
mod mode;
mod process;
mod progress;
mod register;
mod report;
mod run;
mod servers;
mod worker;
mod workload;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;
use crate::error::Error;

const FAILED: u8 = 1;
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let first = std::env::args_os().nth(1);
    if first.as_deref().is_some_and(|word| word == worker::COMMAND) {
        return worker::main();
    }
    if first
        .as_deref()
        .is_some_and(|word| word == process::COMMAND)
    {
        return process::become_program();
    }
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
