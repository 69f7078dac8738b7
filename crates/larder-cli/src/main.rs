//! The `larder` program: one file per command, dispatched here.

mod analyze;
mod cache;
mod config;
mod doctor;
mod exit;
mod output;
mod settings;

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
    Analyze(Box<analyze::Analyze>),
    Cache(cache::Arguments),
    Config(config::Arguments),
    Doctor(doctor::Doctor),
}

fn main() -> Exit {
    match Program::parse().command {
        Command::Analyze(analyze) => analyze.run(),
        Command::Cache(arguments) => cache::run(arguments),
        Command::Config(arguments) => config::run(arguments),
        Command::Doctor(doctor) => doctor.run(),
    }
}
