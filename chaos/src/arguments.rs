//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::mode::{Break, Mode};

/// Lets processes read and write through Larder while their database and their Redis fail, and
/// proves from what they wrote down that nothing was lost, doubled or served too old.
///
/// Three runs by default: without Redis, with it, and with it but without hints. Each takes
/// --seconds and some more to settle. PostgreSQL, Redis and all processes are private to the run
/// and gone after it.
///
/// Exit codes: 0 all promises held, every kind of fault happened, and at least half of the reads
/// outside of faults were hits (with --break: the checker found violations); 1 not so; 2 wrong
/// arguments; 130 interrupted.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask chaos",
    bin_name = "cargo xtask chaos",
    after_help = "Examples:\n  \
        cargo xtask chaos\n  \
        cargo xtask chaos --seconds 300 --processes 5 --json > chaos.json\n  \
        cargo xtask chaos --seed 7 --mode l2_hints --keep histories\n  \
        cargo xtask chaos --break all --seconds 20\n  \
        cargo xtask chaos --mode local --processes 3   (finds staleness: nobody tells the others)"
)]
pub(crate) struct Arguments {
    /// How long each run lets faults happen.
    #[arg(long, default_value_t = 60, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(5..=86_400))]
    pub(crate) seconds: u64,

    /// How many processes work at once.
    #[arg(long, default_value_t = 3, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=16))]
    pub(crate) processes: u32,

    /// How long another process may serve what a commit has made wrong, in milliseconds.
    #[arg(long, default_value_t = 1_000, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(100..=60_000))]
    pub(crate) bound: u64,

    /// Decides faults and workload; a random one is printed without it. Times are the machine's, so the same seed
    /// gives the same faults in the same order, not the same history.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,

    /// Only this mode.
    #[arg(long, value_enum, conflicts_with = "breakage")]
    pub(crate) mode: Option<Mode>,

    /// Breaks a promise on purpose, or each in turn; success is that the checker notices.
    #[arg(long = "break", value_name = "NAME", value_enum)]
    pub(crate) breakage: Option<BreakChoice>,

    /// Writes the report as one JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,

    /// Keeps histories, the list of faults and the logs of the workers in this directory.
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) keep: Option<PathBuf>,

    /// Reads the arguments and does nothing.
    #[arg(long, hide = true)]
    pub(crate) check_arguments: bool,
}

/// Which promises are broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BreakChoice {
    /// Each in a run of its own.
    All,
    /// The counters of an entry are taken after its load.
    CounterAfterLoad,
    /// The snapshot of an entry in Redis is taken after its load.
    SnapshotAfterLoad,
    /// The log is written after COMMIT, in a transaction of its own.
    LogAfterCommit,
    /// A read joins a load that began before its process's own write.
    JoinOldFlight,
    /// What Redis has is served without a look at its snapshot.
    #[value(name = "trust-l2")]
    TrustL2,
}

impl BreakChoice {
    pub(crate) fn all(self) -> Vec<Break> {
        match self {
            Self::All => Break::ALL.to_vec(),
            Self::CounterAfterLoad => vec![Break::CounterAfterLoad],
            Self::SnapshotAfterLoad => vec![Break::SnapshotAfterLoad],
            Self::LogAfterCommit => vec![Break::LogAfterCommit],
            Self::JoinOldFlight => vec![Break::JoinOldFlight],
            Self::TrustL2 => vec![Break::TrustL2],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit_code(line: &[&str]) -> i32 {
        let line = std::iter::once(&"chaos").chain(line);
        Arguments::try_parse_from(line).map_or_else(|error| error.exit_code(), |_| 0)
    }

    #[test]
    fn wrong_arguments_are_refused() {
        assert_eq!(
            exit_code(&["--seconds", "60", "--processes", "3", "--json"]),
            0
        );
        assert_eq!(exit_code(&["--break", "trust-l2"]), 0);
        for line in [
            &["--seconds", "1"][..],
            &["--processes", "0"],
            &["--break", "everything"],
            &["--mode", "l3"],
            &["--mode", "local", "--break", "all"],
            &["run"],
        ] {
            assert_eq!(exit_code(line), 2, "{line:?}");
        }
    }
}
