//! The command line.

use std::time::Duration;

use clap::Parser;

/// Works behind a pooler in transaction mode and counts errors.
///
/// Without LARDER_TEST_DATABASE_URL and LARDER_TEST_PGBOUNCER_URL PostgreSQL and PgBouncer are
/// private to the run and gone after it; on yours, one database is made and dropped.
///
/// Exit codes: 0 no error; 1 errors, or something failed; 2 wrong arguments; 130 interrupted.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask pooler",
    bin_name = "cargo xtask pooler",
    after_help = "Examples:\n  \
        cargo xtask pooler\n  \
        cargo xtask pooler --duration 30s --clients 16\n  \
        cargo xtask pooler --duration 1h --json > pooler.json"
)]
pub(crate) struct Arguments {
    /// How long: a number with its unit, as in 90s, 10m, 1h.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    pub(crate) duration: Duration,

    /// How many clients work at the same time. The pooler of the run has five servers.
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) clients: u16,

    /// Writes the report as one JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,

    /// Reads the arguments and does nothing.
    #[arg(long, hide = true)]
    pub(crate) check_arguments: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit_code(line: &[&str]) -> i32 {
        let line = std::iter::once(&"pooler").chain(line);
        Arguments::try_parse_from(line).map_or_else(|error| error.exit_code(), |_| 0)
    }

    #[test]
    fn wrong_arguments_are_refused() {
        assert_eq!(
            exit_code(&["--duration", "90s", "--clients", "3", "--json"]),
            0
        );
        for line in [
            &["--duration", "90"][..],
            &["--duration", "soon"],
            &["--clients", "0"],
            &["run"],
        ] {
            assert_eq!(exit_code(line), 2, "{line:?}");
        }
    }
}
