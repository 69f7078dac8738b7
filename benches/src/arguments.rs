//! The command line.

use clap::{Args, Parser, Subcommand};

use crate::race::Effort;

/// Measures what Larder costs, beside its peers.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) bench: Bench,
}

/// What can be measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Cached reads: hits beside moka, invalidations, misses, hits in Redis, hit ratios, memory.
    ///
    /// Needs a PostgreSQL in LARDER_TEST_DATABASE_URL, on which it makes a database of its own,
    /// and a Redis in LARDER_TEST_REDIS_URL.
    #[command(after_help = "Examples:\n  \
        cargo xtask bench cache\n  \
        cargo xtask bench cache --quick\n  \
        cargo xtask bench cache --json > cache.json")]
    Cache(Options),

    /// What the row in the log of invalidations costs a transaction.
    ///
    /// Needs a PostgreSQL in LARDER_TEST_DATABASE_URL, on which it makes a database of its own.
    #[command(after_help = "Examples:\n  \
        cargo xtask bench log\n  \
        cargo xtask bench log --quick --json")]
    Log(Options),

    /// Reads while Redis is killed, and while it is slow.
    ///
    /// Needs a PostgreSQL in LARDER_TEST_DATABASE_URL, on which it makes a database of its own,
    /// and the program of Redis in LARDER_BENCH_REDIS_SERVER.
    #[command(after_help = "Examples:\n  \
        cargo xtask bench outage\n  \
        cargo xtask bench outage --quick --json")]
    Outage(Options),

    /// Twice the load that the database can carry, on Larder's pool and on plain bb8 beside it.
    ///
    /// Needs a PostgreSQL in LARDER_TEST_DATABASE_URL, on which it makes a database of its own. It
    /// writes a plot to target/bench/overload.svg.
    #[command(after_help = "Examples:\n  \
        cargo xtask bench overload\n  \
        cargo xtask bench overload --quick --json")]
    Overload(Options),

    /// How much of point reads is answered while other rows are written, with and without row
    /// precision.
    ///
    /// Needs a PostgreSQL in LARDER_TEST_DATABASE_URL, on which it makes databases of its own.
    #[command(after_help = "Examples:\n  \
        cargo xtask bench rows\n  \
        cargo xtask bench rows --quick --json")]
    Rows(Options),

    /// What the database sees of a process that is killed under load and started again.
    ///
    /// Needs a PostgreSQL in LARDER_TEST_DATABASE_URL, on which it makes a database of its own,
    /// and the program of Redis in LARDER_BENCH_REDIS_SERVER.
    #[command(after_help = "Examples:\n  \
        cargo xtask bench warm\n  \
        cargo xtask bench warm --quick --json")]
    Warm(Options),

    /// What watching costs: pooled point reads with everything on, and while somebody scrapes.
    ///
    /// Needs a PostgreSQL in LARDER_TEST_DATABASE_URL, on which it makes a database of its own.
    #[command(after_help = "Examples:\n  \
        cargo xtask bench watch\n  \
        cargo xtask bench watch --quick --json")]
    Watch(Options),

    /// The process that `warm` kills and starts again.
    #[command(hide = true)]
    WarmProcess,
}

/// How a bench is run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Write the report as one JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,

    /// Fewer rounds: seconds instead of a minute, and figures that vary more.
    #[arg(long)]
    pub(crate) quick: bool,
}

impl Options {
    pub(crate) fn effort(&self) -> Effort {
        if self.quick {
            Effort::Quick
        } else {
            Effort::Full
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
        let arguments = Arguments::try_parse_from(["bench", "cache", "--quick"]).unwrap();
        let Bench::Cache(options) = arguments.bench else {
            panic!("it is another bench");
        };
        assert_eq!((options.effort(), options.json), (Effort::Quick, false));
    }
}
