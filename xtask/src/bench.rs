//! `cargo xtask bench`: builds the benches in release and runs one, against the servers it needs.

use std::ffi::OsString;

use crate::arguments::BenchOptions;
use crate::console::say;
use crate::error::{Error, Result};
use crate::install;
use crate::instances::Instances;
use crate::postgres::Postgres;
use crate::process;
use crate::redis::Redis;
use crate::servers::Servers;
use crate::workspace;

/// The package of the benches, and how cargo is told of it.
const PACKAGE: [&str; 2] = ["--package", "larder-benches"];

/// The bench beside other libraries, a workspace of its own.
const PEERS: [&str; 2] = ["--manifest-path", "peers/Cargo.toml"];

/// The benches that there are, by the words that name them.
pub(crate) const NAMES: [&str; 8] = [
    "cache", "log", "outage", "overload", "pool", "rows", "warm", "watch",
];

/// Runs a bench.
pub(crate) fn run(options: &BenchOptions) -> Result<()> {
    Instances::sweep()?;
    let mut variables: Vec<(&str, OsString)> = Vec::new();
    let servers = match options.name {
        "cache" => Servers::find_for_bench(&[&Postgres, &Redis])?,
        "overload" | "pool" | "rows" | "watch" => Servers::find_for_bench(&[&Postgres])?,
        // Servers for tests keep nothing safe, and that is most of what a transaction costs: only
        // a server that is started for this bench may be set up otherwise.
        "log" => {
            let (server, is_private) = Servers::given_or_private(&Postgres)?;
            if is_private {
                variables.push(("LARDER_BENCH_PRIVATE_POSTGRESQL", "1".into()));
            }
            server
        }
        _ => {
            // It is killed: never the user's own.
            let found = install::ensure(&[&Redis], true)?;
            let redis = found.first().ok_or_else(|| Error::step("find Redis"))?;
            variables.push(("LARDER_BENCH_REDIS_SERVER", redis.programs.clone().into()));
            Servers::find_for_bench(&[&Postgres])?
        }
    };

    let package: &[&str] = match options.name {
        "pool" => &PEERS,
        _ => &PACKAGE,
    };
    say("building the benches in release; the first build takes minutes");
    let mut build = workspace::hermetic_cargo();
    build.args(["build", "--release"]).args(package);
    process::success("the build of the benches", process::foreground(&mut build)?)?;

    let servers = servers.start()?;
    say(&format!("running the bench {}", options.name));
    let mut command = workspace::hermetic_cargo();
    command
        .args(["run", "--release", "--quiet"])
        .args(package)
        .args(["--", options.name]);
    if options.json {
        command.arg("--json");
    }
    if options.quick {
        command.arg("--quick");
    }
    servers.tell(&mut command);
    command.envs(variables);
    process::success("the bench", process::foreground(&mut command)?)
}
