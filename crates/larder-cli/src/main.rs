//! The `larder` program: one file per command, dispatched here.

mod config;
mod exit;
mod output;

use clap::{Parser, Subcommand};

use crate::exit::Exit;

/// Tools for services that use Larder.
#[derive(Debug, Parser)]
#[command(name = "larder", version, after_long_help = exit::HELP)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Config(config::Arguments),
}

fn main() -> Exit {
    match Program::parse().command {
        Command::Config(arguments) => config::run(arguments),
    }
}
