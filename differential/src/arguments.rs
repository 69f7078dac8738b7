//! The command line.

use clap::Parser;

use crate::mode::{Mode, Relaxation};

/// How many steps a run has.
const STEPS: u64 = 100_000;

/// How many a run has at most in which a rule is relaxed.
const RELAXED_STEPS: u64 = 50_000;

/// Reads and writes a schema at random through Larder's cache and beside it in a plain database,
/// and compares every answer.
///
/// Two runs by default: one process alone, and two processes of which one writes. Without
/// LARDER_TEST_DATABASE_URL the PostgreSQL is private to the run and gone after it; on yours, two
/// databases are made and dropped.
///
/// Exit codes: 0 no answer differed (with --relax: one did, for each rule); 1 not so, or something
/// failed; 2 wrong arguments; 130 interrupted.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask differential",
    bin_name = "cargo xtask differential",
    after_help = "Examples:\n  \
        cargo xtask differential\n  \
        cargo xtask differential --steps 10000 --seed 7 --mode local\n  \
        cargo xtask differential --json > differential.json\n  \
        cargo xtask differential --relax row-with-trigger\n  \
        cargo xtask differential --relax all"
)]
pub(crate) struct Arguments {
    /// How many reads and writes each run makes: 100000, with --relax at most 50000.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    steps: Option<u64>,

    /// Decides what is read and written; a random one is printed without it. The same seed gives
    /// the same steps.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,

    /// Only this mode.
    #[arg(long, value_enum, conflicts_with = "relax")]
    pub(crate) mode: Option<Mode>,

    /// Relaxes a rule of row precision on purpose, or each in turn (all); success is that an answer
    /// differs.
    #[arg(long, value_name = "NAME", value_parser = chosen)]
    pub(crate) relax: Option<Relaxations>,

    /// Writes the report as one JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,

    /// Makes one run with a relaxed rule in this process, and writes its findings.
    #[arg(long, value_parser = Relaxation::named, hide = true)]
    pub(crate) only_relaxed: Option<Relaxation>,

    /// Reads the arguments and does nothing.
    #[arg(long, hide = true)]
    pub(crate) check_arguments: bool,
}

impl Arguments {
    pub(crate) fn steps(&self) -> u64 {
        let relaxes = self.relax.is_some() || self.only_relaxed.is_some();
        let default = if relaxes { RELAXED_STEPS } else { STEPS };
        self.steps.unwrap_or(default)
    }
}

/// Which rules are relaxed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relaxations(pub(crate) Vec<Relaxation>);

fn chosen(name: &str) -> Result<Relaxations, String> {
    if name == "all" {
        return Ok(Relaxations(Relaxation::ALL.to_vec()));
    }
    Relaxation::named(name).map(|one| Relaxations(vec![one]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit_code(line: &[&str]) -> i32 {
        let line = std::iter::once(&"differential").chain(line);
        Arguments::try_parse_from(line).map_or_else(|error| error.exit_code(), |_| 0)
    }

    #[test]
    fn wrong_arguments_are_refused() {
        assert_eq!(exit_code(&["--steps", "60", "--seed", "3", "--json"]), 0);
        assert_eq!(exit_code(&["--relax", "all"]), 0);
        for one in Relaxation::ALL {
            assert_eq!(exit_code(&["--relax", one.as_str()]), 0, "{one:?}");
        }
        for line in [
            &["--steps", "0"][..],
            &["--relax", "everything"],
            &["--mode", "alone"],
            &["--mode", "local", "--relax", "all"],
            &["run"],
        ] {
            assert_eq!(exit_code(line), 2, "{line:?}");
        }
    }
}
