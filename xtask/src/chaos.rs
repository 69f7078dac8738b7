//! `cargo xtask chaos`: builds the processes that read and write under faults, and runs them
//! against servers that are theirs alone.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use crate::console::say;
use crate::error::{Error, Result};
use crate::install;
use crate::instances::Instances;
use crate::postgres::Postgres;
use crate::process;
use crate::redis::Redis;
use crate::service::Service;
use crate::workspace;

/// The package.
const PACKAGE: &str = "larder-chaos";

/// Runs it with these arguments.
///
/// Unlike tests it takes no server of the user's own: connections are ended there, and Redis is
/// stopped and restored. It starts Redis itself, as often as it has to.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    // Optimised like tests: what is measured is when things happen, not how fast.
    say("building the processes; the first build takes minutes");
    let mut build = workspace::hermetic_cargo();
    build.arg("build").args(package());
    process::success(
        "the build of larder-chaos",
        process::foreground(&mut build)?,
    )?;

    // Help and mistakes come before servers.
    let mut check = program(arguments);
    check.arg("--check-arguments");
    process::success("larder-chaos", process::foreground(&mut check)?)?;
    if asks_for_help(arguments) {
        return Ok(());
    }

    Instances::sweep()?;
    let services: [&'static dyn Service; 2] = [&Postgres, &Redis];
    let found = install::ensure(&services, true)?;
    let [postgres, redis] = &found[..] else {
        return Err(Error::step("find PostgreSQL and Redis"));
    };
    let servers = Instances::start_for_run(&[(&Postgres, postgres.clone())])?;
    let url = servers.list().iter().find_map(|it| it.endpoint.as_ref());
    let url = url.ok_or_else(|| Error::step("start PostgreSQL: it has no address"))?;
    let mut command = program(arguments);
    command
        .env("LARDER_CHAOS_DATABASE_URL", &url.url)
        .env("LARDER_CHAOS_REDIS_SERVER", &redis.programs)
        .env("LARDER_CHAOS_DIRECTORY", servers.home().join("chaos"));
    process::success("larder-chaos", process::foreground(&mut command)?)
}

/// The package, with what lets a promise be broken on purpose.
fn package() -> [&'static str; 4] {
    ["--package", PACKAGE, "--features", "failpoints"]
}

fn program(arguments: &[OsString]) -> Command {
    let mut command = workspace::hermetic_cargo();
    command
        // What is kept is kept where the user says, from where the user is.
        .current_dir(std::env::current_dir().unwrap_or_else(|_| workspace::root()))
        .args(["run", "--quiet", "--manifest-path"])
        .arg(workspace::root().join("Cargo.toml"))
        .args(package())
        .arg("--")
        .args(arguments)
        .stdin(Stdio::null());
    command
}

fn asks_for_help(arguments: &[OsString]) -> bool {
    let mut arguments = arguments.iter();
    arguments.any(|argument| argument == "--help" || argument == "-h")
}
