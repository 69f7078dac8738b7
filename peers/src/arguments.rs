//! The command line.

use clap::{Args, Parser, Subcommand};

/// The same reads through Larder and through its peers.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) bench: Bench,
}

/// What can be measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Point reads by primary key with 1, 16 and 64 tasks: Larder's lanes and pool beside
    /// diesel-async on bb8 and deadpool, sqlx and SeaORM.
    ///
    /// Needs a PostgreSQL in LARDER_TEST_DATABASE_URL that allows 100 connections, on which it
    /// makes a database of its own and removes it.
    #[command(after_help = "Examples:\n  \
        cargo xtask bench pool\n  \
        cargo xtask bench pool --quick\n  \
        cargo xtask bench pool --json > pool.json")]
    Pool(Options),
}

/// How a bench is run.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Write the report as one JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,

    /// Fewer rounds: seconds instead of minutes, and figures that vary more.
    #[arg(long)]
    pub(crate) quick: bool,

    /// Only these contenders, by their names in the JSON.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
        let line = ["bench", "pool", "--quick", "--only", "sqlx,sea_orm"];
        let Bench::Pool(options) = Arguments::try_parse_from(line).unwrap().bench;
        assert!(options.quick && !options.json);
        assert_eq!(options.only, ["sqlx", "sea_orm"]);
    }
}
