//! `cargo xtask tidy`: everything that is checked without running the code.

use std::time::Instant;

use crate::codegen;
use crate::console::say;
use crate::error::{Error, Result};
use crate::process;
use crate::workspace;

/// A check by cargo: its name and its arguments.
const CHECKS: [(&str, &[&str]); 5] = [
    ("format", &["fmt", "--all", "--check"]),
    // The peers are a workspace of their own, which is too dear to build for every check.
    (
        "format of the peers",
        &["fmt", "--manifest-path", "peers/Cargo.toml", "--check"],
    ),
    (
        "clippy",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ],
    ),
    (
        "clippy without features",
        &[
            "clippy",
            "--package",
            "larder",
            "--package",
            "larder-testing",
            "--",
            "-D",
            "warnings",
        ],
    ),
    (
        "documentation",
        &["doc", "--workspace", "--no-deps", "--all-features"],
    ),
];

/// Runs every check, also after one has failed, and says how each ended.
pub(crate) fn run() -> Result<()> {
    let mut report = Vec::new();
    let mut failed = Vec::new();
    let mut record = |name: &'static str, began: Instant, result: Result<()>| {
        let ending = match result {
            Ok(()) => "ok",
            // Nothing else will fare better, or the user wants it to end.
            Err(error @ (Error::Interrupted | Error::Missing(_))) => return Err(error),
            Err(error) => {
                say(&error.message());
                failed.push(name);
                "FAILED"
            }
        };
        report.push(format!(
            "{name} {ending} ({:.1} s)",
            began.elapsed().as_secs_f64()
        ));
        Ok(())
    };

    for (name, arguments) in CHECKS {
        let began = Instant::now();
        record(name, began, check(name, arguments))?;
    }
    let began = Instant::now();
    record("generated files", began, codegen::run(true))?;

    say(&format!("tidy: {}", report.join(", ")));
    if failed.is_empty() {
        return Ok(());
    }
    Err(Error::Check(format!("not tidy: {}", failed.join(", "))))
}

fn check(name: &str, arguments: &[&str]) -> Result<()> {
    let patience = if name == "format" {
        ""
    } else {
        "; the first build takes minutes"
    };
    say(&format!("{name}: cargo {}{patience}", arguments.join(" ")));
    let mut command = workspace::hermetic_cargo();
    command.args(arguments).env("RUSTDOCFLAGS", "-D warnings");
    let status = process::foreground(&mut command)?;
    process::success(
        &format!("cargo {}", arguments.first().unwrap_or(&"")),
        status,
    )
}
