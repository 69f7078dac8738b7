//! `cargo xtask differential`: builds the program that reads and writes at random beside a plain
//! database, and runs it.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use crate::console::say;
use crate::error::Result;
use crate::instances::Instances;
use crate::postgres::Postgres;
use crate::process;
use crate::servers::Servers;
use crate::workspace;

/// The package.
const PACKAGE: &str = "larder-differential";

/// Runs it with these arguments.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    say("building the program; the first build takes minutes");
    let mut build = workspace::hermetic_cargo();
    build.arg("build").args(package());
    process::success(
        "the build of larder-differential",
        process::foreground(&mut build)?,
    )?;

    // Help and mistakes come before servers.
    let mut check = program(arguments);
    check.arg("--check-arguments");
    process::success(PACKAGE, process::foreground(&mut check)?)?;
    if asks_for_help(arguments) {
        return Ok(());
    }

    Instances::sweep()?;
    let (servers, _) = Servers::given_or_private(&Postgres)?;
    let servers = servers.start()?;
    let mut command = program(arguments);
    servers.tell(&mut command);
    process::success(PACKAGE, process::foreground(&mut command)?)
}

/// The package, with what lets a rule be relaxed on purpose.
fn package() -> [&'static str; 4] {
    ["--package", PACKAGE, "--features", "failpoints"]
}

fn program(arguments: &[OsString]) -> Command {
    let mut command = workspace::hermetic_cargo();
    command
        .args(["run", "--quiet"])
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
