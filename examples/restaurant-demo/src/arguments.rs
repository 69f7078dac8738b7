//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Starts a database, imports restaurants, reads and writes, and reports what happened.
///
/// Without DATABASE_URL, PostgreSQL runs inside this program and nothing is left behind. With
/// it, the tables and the imported restaurants stay in that database: use one made for it.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask demo",
    bin_name = "cargo xtask demo",
    after_help = "Examples:\n  \
        cargo xtask demo --once\n  \
        cargo xtask demo --once --json --data restaurants.csv\n  \
        DATABASE_URL=postgres://me:secret@localhost/demo cargo xtask demo --once"
)]
pub(crate) struct Arguments {
    /// End after the report.
    #[arg(long)]
    pub(crate) once: bool,

    /// Write the report as one JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,

    /// Import this CSV file: columns source_id and name, and any of address, city, state,
    /// zip_code, latitude, longitude, cuisine and more.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,

    /// How many restaurants to generate where there is no file.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 5_000,
        conflicts_with = "data"
    )]
    pub(crate) generate: u64,
}
