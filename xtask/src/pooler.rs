//! `cargo xtask pooler`: builds the program that works for minutes behind PgBouncer, and runs it.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use crate::console::say;
use crate::error::Result;
use crate::instances::Instances;
use crate::pgbouncer::PgBouncer;
use crate::postgres::Postgres;
use crate::process;
use crate::servers::Servers;
use crate::workspace;

/// The package.
const PACKAGE: &str = "larder-pooler";

/// Runs it with these arguments.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    say("building the program; the first build takes minutes");
    let mut build = workspace::hermetic_cargo();
    build.args(["build", "--package", PACKAGE]);
    process::success(
        "the build of larder-pooler",
        process::foreground(&mut build)?,
    )?;

    // Help and mistakes come before servers.
    let mut check = program(arguments);
    check.arg("--check-arguments");
    process::success(PACKAGE, process::foreground(&mut check)?)?;
    if arguments
        .iter()
        .any(|argument| argument == "--help" || argument == "-h")
    {
        return Ok(());
    }

    Instances::sweep()?;
    let servers = Servers::find_for_bench(&[&Postgres, &PgBouncer])?.start()?;
    let mut command = program(arguments);
    servers.tell(&mut command);
    process::success(PACKAGE, process::foreground(&mut command)?)
}

fn program(arguments: &[OsString]) -> Command {
    let mut command = workspace::hermetic_cargo();
    command
        .args(["run", "--quiet", "--package", PACKAGE, "--"])
        .args(arguments)
        .stdin(Stdio::null());
    command
}
