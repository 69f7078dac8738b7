//! `cargo xtask demo`: builds and runs the restaurant demo.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;

use crate::console::say;
use crate::error::Error;
use crate::workspace;

/// The package of the demo.
const PACKAGE: &str = "restaurant-demo";

/// Becomes the demo, in the directory of the user, so that relative paths, exit
/// code, Ctrl-C and standard output are its own. Returns only if that fails.
pub(crate) fn run(arguments: &[OsString]) -> Error {
    say("building the demo; the first build takes minutes");
    let mut command = workspace::cargo();
    command.args(["run", "--package", PACKAGE, "--manifest-path"]);
    command
        .arg(workspace::root().join("Cargo.toml"))
        .arg("--")
        .args(arguments);
    Error::caused("start cargo", command.exec())
}
