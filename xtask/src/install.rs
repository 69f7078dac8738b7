//! Installing what is missing with the system's package manager, where that
//! needs no question; else saying exactly what to install.

mod hypopg;

use std::process::{Command, Stdio};

use crate::account;
use crate::console::say;
use crate::error::{Error, Result};
use crate::process;
use crate::programs;
use crate::service::{Installation, Service};

/// The package managers that xtask knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PackageManager {
    /// Debian, Ubuntu.
    Apt,
    /// Fedora, RHEL.
    Dnf,
    /// Alpine.
    Apk,
    /// macOS, and Linux where it is used there.
    Brew,
}

impl PackageManager {
    const ALL: [Self; 4] = [Self::Apt, Self::Dnf, Self::Apk, Self::Brew];

    fn detect() -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|manager| programs::in_path(manager.program()).is_some())
    }

    fn program(self) -> &'static str {
        match self {
            Self::Apt => "apt-get",
            Self::Dnf => "dnf",
            Self::Apk => "apk",
            Self::Brew => "brew",
        }
    }

    /// The commands that install these packages, without a question.
    fn commands(self, packages: &[&str]) -> Vec<Vec<String>> {
        let beginnings: &[&[&str]] = match self {
            Self::Apt => &[
                &["apt-get", "update"],
                &["apt-get", "install", "--yes", "--no-install-recommends"],
            ],
            Self::Dnf => &[&["dnf", "install", "--assumeyes"]],
            Self::Apk => &[&["apk", "add"]],
            Self::Brew => &[&["brew", "install"]],
        };
        let mut commands: Vec<Vec<String>> = beginnings
            .iter()
            .map(|words| words.iter().map(|word| (*word).to_owned()).collect())
            .collect();
        if let Some(last) = commands.last_mut() {
            last.extend(packages.iter().map(|package| (*package).to_owned()));
        }
        commands
    }

    /// Variables for its commands. Debian's packages start their server: here the
    /// programs are wanted, not a server on the usual port, and these two keep
    /// systemd and init scripts from starting one.
    fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Apt => &[
                "DEBIAN_FRONTEND=noninteractive",
                "SYSTEMD_OFFLINE=1",
                "RUNLEVEL=1",
            ],
            Self::Dnf | Self::Apk => &[],
            Self::Brew => &["HOMEBREW_NO_AUTO_UPDATE=1"],
        }
    }

    /// Whether its commands need root.
    fn needs_root(self) -> bool {
        self != Self::Brew
    }
}

/// Finds the programs of these services, and installs them first if need be.
pub(crate) fn ensure(
    services: &[&'static dyn Service],
    may_install: bool,
) -> Result<Vec<Installation>> {
    let missing: Vec<&dyn Service> = services
        .iter()
        .copied()
        .filter(|service| service.find().is_none())
        .collect();
    if !missing.is_empty() {
        let manager = PackageManager::detect();
        match manager
            .filter(|_| may_install)
            .and_then(|manager| Some((manager, right(manager)?)))
        {
            Some((manager, sudo)) => install(manager, sudo, &missing)?,
            None => return Err(Error::Missing(instructions(manager, &missing))),
        }
    }
    let found: Vec<Installation> = services
        .iter()
        .map(|service| {
            service
                .find()
                .ok_or_else(|| Error::Missing(instructions(PackageManager::detect(), &[*service])))
        })
        .collect::<Result<_>>()?;
    for (service, installation) in services.iter().zip(&found) {
        if service.name() == "postgres" {
            hypopg::ensure(installation, may_install);
        }
    }
    Ok(found)
}

/// How the manager may be run without a question: as it is, or through sudo.
fn right(manager: PackageManager) -> Option<&'static [&'static str]> {
    if manager.needs_root() == account::is_root() {
        Some(&[])
    } else if manager.needs_root() && process::succeeds(Command::new("sudo").args(["-n", "true"])) {
        Some(&["sudo", "-n"])
    } else {
        // Homebrew refuses root.
        None
    }
}

fn install(manager: PackageManager, sudo: &[&str], missing: &[&dyn Service]) -> Result<()> {
    let packages = packages(manager, missing);
    match run(manager, sudo, &packages, &titles(missing))? {
        None => Ok(()),
        Some(failed) => Err(Error::Missing(format!(
            "{failed} failed\n{}",
            instructions(Some(manager), missing)
        ))),
    }
}

/// Runs the commands that install these packages; gives the one that failed, if one did.
fn run(
    manager: PackageManager,
    sudo: &[&str],
    packages: &[&str],
    title: &str,
) -> Result<Option<String>> {
    let commands = manager.commands(packages);
    let last = commands.len().saturating_sub(1);
    for (index, words) in commands.iter().enumerate() {
        say(&format!("{} (for {title})", words.join(" ")));
        let mut line: Vec<&str> = sudo.to_vec();
        line.push("env");
        line.extend(manager.variables());
        line.extend(words.iter().map(String::as_str));
        let mut command = Command::new(line[0]);
        // Standard output is for results, such as the variables of `services up`.
        command
            .args(&line[1..])
            .stdin(Stdio::null())
            .stdout(std::io::stderr());
        let status = process::foreground(&mut command)?;
        // A list of packages that cannot be refreshed may still be good enough.
        if !status.success() && index == last {
            return Ok(Some(words.join(" ")));
        }
    }
    Ok(None)
}

fn packages(manager: PackageManager, services: &[&dyn Service]) -> Vec<&'static str> {
    services
        .iter()
        .flat_map(|service| service.packages(manager))
        .copied()
        .collect()
}

fn titles(services: &[&dyn Service]) -> String {
    services
        .iter()
        .map(|service| service.title())
        .collect::<Vec<_>>()
        .join(", ")
}

/// What to install, and how.
fn instructions(manager: Option<PackageManager>, missing: &[&dyn Service]) -> String {
    let mut text = "failed to find what the tests need:".to_owned();
    for service in missing {
        text.push_str(&format!("\n  {}", service.requirement()));
    }
    if let Some(manager) = manager {
        text.push_str("\ninstall it:");
        for words in manager.commands(&packages(manager, missing)) {
            let sudo = if manager.needs_root() && !account::is_root() {
                "sudo "
            } else {
                ""
            };
            text.push_str(&format!("\n  {sudo}{}", words.join(" ")));
        }
    } else {
        text.push_str("\ninstall it with the package manager of your system");
    }
    text.push_str("\nor name servers of your own for the tests:");
    for service in missing {
        text.push_str(&format!(" {}", service.user_variable()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service;

    #[test]
    fn packages_stand_in_the_last_command() {
        let commands = PackageManager::Apt.commands(&["one", "two"]);
        assert_eq!(commands.len(), 2);
        assert_eq!(commands[0].join(" "), "apt-get update");
        assert!(commands[1].join(" ").ends_with(" one two"));
    }

    #[test]
    fn every_service_has_packages_everywhere() {
        for service in service::ALL {
            for manager in PackageManager::ALL {
                assert!(!service.packages(manager).is_empty(), "{}", service.name());
            }
        }
    }

    #[test]
    fn instructions_name_what_is_missing_and_how_to_get_it() {
        let text = instructions(Some(PackageManager::Apk), &service::ALL);
        for part in [
            "PostgreSQL 15",
            "Redis",
            "apk add postgresql",
            "DATABASE_URL",
            "REDIS_URL",
            "PgBouncer",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
