//! `cargo xtask bench`: builds the benches in release and runs one, against a PostgreSQL.

use crate::arguments::BenchOptions;
use crate::console::say;
use crate::error::Result;
use crate::instances::Instances;
use crate::postgres::Postgres;
use crate::process;
use crate::servers::Servers;
use crate::service::Service;
use crate::workspace;

/// The package of the benches.
const PACKAGE: &str = "larder-benches";

/// The benches that there are, by the words that name them.
pub(crate) const NAMES: [&str; 1] = ["cache"];

/// Runs a bench.
pub(crate) fn run(options: &BenchOptions) -> Result<()> {
    Instances::sweep()?;
    // Unlike a test run, a bench takes the server that tests would be told of: whoever
    // exports it has started it for such runs.
    let given = std::env::var(Postgres.test_variable()).ok();
    let servers = match given.filter(|url| !url.trim().is_empty()) {
        Some(url) => Servers::given(&Postgres, url),
        None => Servers::find(&[&Postgres], true)?,
    };

    say("building the benches in release; the first build takes minutes");
    let mut build = workspace::hermetic_cargo();
    build.args(["build", "--release", "--package", PACKAGE]);
    process::success("the build of the benches", process::foreground(&mut build)?)?;

    let servers = servers.start()?;
    say(&format!("running the bench {}", options.name));
    let mut command = workspace::hermetic_cargo();
    command
        .args(["run", "--release", "--quiet", "--package", PACKAGE, "--"])
        .arg(options.name);
    if options.json {
        command.arg("--json");
    }
    if options.quick {
        command.arg("--quick");
    }
    servers.tell(&mut command);
    process::success("the bench", process::foreground(&mut command)?)
}
