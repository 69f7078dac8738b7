//! hypopg, the extension of PostgreSQL by which tests try out indexes that are not there. It is a
//! package of its own for each version of the server, and most tests do without.

use std::path::Path;
use std::process::Command;

use super::{PackageManager, right, run};
use crate::console::say;
use crate::process;
use crate::programs;
use crate::service::Installation;

/// Installs it for this PostgreSQL if it is missing. Where that cannot be done it says so: only the
/// tests of larder-analysis fail then.
pub(super) fn ensure(installation: &Installation, may_install: bool) {
    if is_there(installation) {
        return;
    }
    let manager = PackageManager::detect();
    let package = manager.and_then(|manager| package(manager, &installation.version));
    let able = manager.filter(|_| may_install);
    if let (Some(manager), Some(package)) = (able, &package)
        && let Some(sudo) = right(manager)
        && matches!(
            run(manager, sudo, &[package], "tests that try out indexes"),
            Ok(None)
        )
    {
        return;
    }
    say(&format!(
        "hypopg is missing, and the tests of larder-analysis need it: install {}",
        package
            .as_deref()
            .unwrap_or("it from https://github.com/HypoPG/hypopg")
    ));
}

/// Whether it is installed; yes where that cannot be known.
fn is_there(installation: &Installation) -> bool {
    let program = installation.programs.join("pg_config");
    let asked = process::capture(Command::new(program).arg("--sharedir"));
    asked.map_or(true, |share| {
        Path::new(share.trim())
            .join("extension/hypopg.control")
            .exists()
    })
}

/// The package of it, where there is one.
fn package(manager: PackageManager, version: &str) -> Option<String> {
    match manager {
        PackageManager::Apt => Some(format!("postgresql-{}-hypopg", programs::major(version)?)),
        PackageManager::Apk => Some("postgresql-hypopg".to_owned()),
        PackageManager::Dnf | PackageManager::Brew => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_is_that_of_the_server() {
        let debian = package(PackageManager::Apt, "15.18");
        assert_eq!(debian.as_deref(), Some("postgresql-15-hypopg"));
        assert_eq!(package(PackageManager::Brew, "17.2"), None);
    }
}
