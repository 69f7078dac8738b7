//! Where the workspace is, and cargo as it is started for it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names and beginnings of variables that change what Larder does. Tests get
/// none of them, so that they run the same for everybody.
const SETTINGS: [&str; 6] = [
    "DATABASE_URL",
    "DB_",
    "FLASK_ENV",
    "LARDER_",
    "PG",
    "REDIS_",
];

/// What cargo tells about the package xtask; it is wrong for any other.
const PACKAGE_VARIABLES: [&str; 3] = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_"];

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .unwrap_or_else(|| OsString::from(env!("CARGO_MANIFEST_DIR")));
    let package = PathBuf::from(package);
    package
        .parent()
        .map_or_else(|| package.clone(), Path::to_path_buf)
}

/// Where the private servers live: `services` in cargo's target directory.
pub(crate) fn services_directory() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.and_then(|path| std::path::absolute(path).ok());
    target
        .unwrap_or_else(|| root().join("target"))
        .join("services")
}

/// Cargo for this workspace, in the directory of the user.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    remove_variables(&mut command, &PACKAGE_VARIABLES);
    command
}

/// Cargo for this workspace, in its root, without the user's settings.
pub(crate) fn hermetic_cargo() -> Command {
    let mut command = cargo();
    remove_variables(&mut command, &SETTINGS);
    command.current_dir(root());
    command
}

/// Removes the variables whose names begin like that.
pub(crate) fn remove_variables(command: &mut Command, beginnings: &[&str]) {
    for (name, _) in std::env::vars_os() {
        if begins_with_any(&name, beginnings) {
            command.env_remove(name);
        }
    }
}

fn begins_with_any(name: &OsStr, beginnings: &[&str]) -> bool {
    name.to_str()
        .is_some_and(|name| beginnings.iter().any(|start| name.starts_with(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_user_are_recognised() {
        for name in [
            "DATABASE_URL",
            "DB_POOL_SIZE",
            "PGHOST",
            "REDIS_URL",
            "LARDER_PROFILE",
        ] {
            assert!(begins_with_any(OsStr::new(name), &SETTINGS), "{name}");
        }
        for name in [
            "PATH",
            "HOME",
            "CARGO_TERM_COLOR",
            "RUST_LOG",
            "TEST_DATABASE_URL",
        ] {
            assert!(!begins_with_any(OsStr::new(name), &SETTINGS), "{name}");
        }
    }

    #[test]
    fn the_root_has_the_workspace() {
        let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[workspace]"));
    }
}
