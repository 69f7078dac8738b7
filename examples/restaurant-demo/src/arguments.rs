//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Starts a database, imports restaurants, reads and writes, reports what happened, and serves the
/// restaurants over HTTP until Ctrl-C.
///
/// Without DATABASE_URL, PostgreSQL runs inside this program and nothing is left behind. With
/// it, the tables and the imported restaurants stay in that database: use one made for it.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask demo",
    bin_name = "cargo xtask demo",
    after_help = "Examples:\n  \
        cargo xtask demo\n  \
        cargo xtask demo --once\n  \
        cargo xtask demo --once --json --data restaurants.csv\n  \
        DATABASE_URL=postgres://me:secret@localhost/demo cargo xtask demo --once"
)]
pub(crate) struct Arguments {
    /// End after the report, and serve nothing.
    #[arg(long)]
    pub(crate) once: bool,

    /// Write the report as one JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,

    /// Where to serve on 127.0.0.1; 0 takes any free port. 8080 unless it is taken.
    #[arg(long, value_name = "NUMBER", conflicts_with = "once")]
    pub(crate) port: Option<u16>,

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
