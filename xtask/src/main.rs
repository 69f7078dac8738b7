//! The tasks of this workspace, started as `cargo xtask <command>`.
//!
//! xtask itself is small so that it builds in seconds; cargo, PostgreSQL, Redis
//! and the demo are started as programs of their own.
//!
//! Where to look:
//! - [`arguments`]: the commands and their options.
//! - [`test`](mod@test), [`tidy`], [`codegen`], [`services`], [`bench`](mod@bench), [`chaos`](mod@chaos),
//!   [`differential`](mod@differential), [`pooler`](mod@pooler), [`demo`]: a command each.
//! - [`repeat`]: tests that are run again and again.
//! - [`service`]: what a server is to xtask; [`postgres`], [`redis`] and [`pgbouncer`] are the ones so far.
//! - [`tool`]: a program that tests start by themselves.
//! - [`servers`]: which ones a run uses; [`instances`]: servers started together, stopped together, whatever happens.
//! - [`schema`]: the text that `diesel print-schema` prints; [`catalog`] reads what it needs.
//! - [`process`], [`interrupts`]: running programs, Ctrl-C.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "tests fail by panicking"))]

#[cfg(not(unix))]
compile_error!("xtask manages servers with Unix signals: use Linux, macOS or WSL");

mod account;
mod arguments;
mod bench;
mod catalog;
mod chaos;
mod codegen;
mod console;
mod demo;
mod differential;
mod error;
mod install;
mod instances;
mod interrupts;
mod pgbouncer;
mod pooler;
mod postgres;
mod process;
mod programs;
mod redis;
mod repeat;
mod schema;
mod servers;
mod service;
mod services;
mod test;
mod tidy;
mod tool;
mod workspace;

use std::process::ExitCode;

use crate::arguments::{BENCH_HELP, Command, HELP};
use crate::error::{Error, Result};

fn main() -> ExitCode {
    match arguments::parse(std::env::args_os().skip(1)).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console::say(&error.message());
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(command: Command) -> Result<()> {
    if let Command::Help | Command::BenchHelp = command {
        let bench = command == Command::BenchHelp;
        console::print(if bench { BENCH_HELP } else { HELP });
        return Ok(());
    }
    if let Command::Demo { arguments } = command {
        // The demo replaces this process and handles its signals itself.
        return Err(demo::run(&arguments));
    }
    interrupts::watch().map_err(|source| Error::caused("watch for Ctrl-C", source))?;
    match command {
        Command::Test(options) => test::run(&options),
        Command::Tidy => tidy::run(),
        Command::Codegen { check } => codegen::run(check),
        Command::ServicesUp => services::up(),
        Command::ServicesDown => services::down(),
        Command::ServicesStatus { json } => services::status(json),
        Command::Bench(options) => bench::run(&options),
        Command::Chaos { arguments } => chaos::run(&arguments),
        Command::Differential { arguments } => differential::run(&arguments),
        Command::Pooler { arguments } => pooler::run(&arguments),
        Command::Help | Command::BenchHelp | Command::Demo { .. } => Ok(()),
    }
}
