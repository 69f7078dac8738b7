//! `larder cache`: the log of invalidations in the database, and the tables that others write.

mod database;
pub(crate) mod doctor;
mod epoch;
pub(crate) mod error;
mod install;
mod migration;
mod status;
mod tables;
mod track;
mod warm;

use clap::{Args, Subcommand};

use crate::exit::Exit;

/// The log of invalidations in the database, by which processes that cache keep in step.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Install(install::Install),
    Status(status::Status),
    Track(track::Track),
    Untrack(track::Untrack),
    RenewEpoch(epoch::RenewEpoch),
    Doctor(doctor::Doctor),
    Warm(warm::Warm),
}

/// Runs a command of `larder cache`.
pub(crate) fn run(arguments: Arguments) -> Exit {
    match arguments.command {
        Command::Install(command) => command.run(),
        Command::Status(command) => command.run(),
        Command::Track(command) => command.run(),
        Command::Untrack(command) => command.run(),
        Command::RenewEpoch(command) => command.run(),
        Command::Doctor(command) => command.run(),
        Command::Warm(command) => command.run(),
    }
}
