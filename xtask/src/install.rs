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
use crate::tool::Tool;

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

/// Something that may be missing.
#[derive(Clone, Copy)]
enum Wanted {
    Service(&'static dyn Service),
    Tool(&'static Tool),
}

impl Wanted {
    fn title(self) -> &'static str {
        match self {
            Self::Service(service) => service.title(),
            Self::Tool(tool) => tool.title,
        }
    }

    fn requirement(self) -> &'static str {
        match self {
            Self::Service(service) => service.requirement(),
            Self::Tool(tool) => tool.requirement,
        }
    }

    fn packages(self, manager: PackageManager) -> &'static [&'static str] {
        match self {
            Self::Service(service) => service.packages(manager),
            Self::Tool(tool) => (tool.packages)(manager),
        }
    }

    /// The variable that names a server of the user's own, which makes this one needless.
    fn user_variable(self) -> Option<&'static str> {
        match self {
            Self::Service(service) => Some(service.user_variable()),
            Self::Tool(_) => None,
        }
    }

    fn is_there(self) -> bool {
        match self {
            Self::Service(service) => service.find().is_some(),
            Self::Tool(tool) => tool.is_there(),
        }
    }
}

/// Finds the programs of these services, and installs them first if need be.
pub(crate) fn ensure(
    services: &[&'static dyn Service],
    may_install: bool,
) -> Result<Vec<Installation>> {
    provide(services.iter().copied().map(Wanted::Service), may_install)?;
    let found: Vec<Installation> = services
        .iter()
        .map(|service| {
            service.find().ok_or_else(|| {
                let missing = [Wanted::Service(*service)];
                Error::Missing(instructions(PackageManager::detect(), &missing))
            })
        })
        .collect::<Result<_>>()?;
    for (service, installation) in services.iter().zip(&found) {
        if service.name() == "postgres" {
            hypopg::ensure(installation, may_install);
        }
    }
    Ok(found)
}

/// Sees to it that these programs are there.
pub(crate) fn ensure_tools(tools: &[&'static Tool], may_install: bool) -> Result<()> {
    provide(tools.iter().copied().map(Wanted::Tool), may_install)
}

/// Installs what is missing of these.
fn provide(wanted: impl Iterator<Item = Wanted> + Clone, may_install: bool) -> Result<()> {
    let missing: Vec<Wanted> = wanted.clone().filter(|wanted| !wanted.is_there()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let manager = PackageManager::detect();
    match manager
        .filter(|_| may_install)
        .and_then(|manager| Some((manager, right(manager)?)))
    {
        Some((manager, sudo)) => install(manager, sudo, &missing)?,
        None => return Err(Error::Missing(instructions(manager, &missing))),
    }
    let missing: Vec<Wanted> = wanted.filter(|wanted| !wanted.is_there()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::Missing(instructions(manager, &missing)))
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

fn install(manager: PackageManager, sudo: &[&str], missing: &[Wanted]) -> Result<()> {
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

fn packages(manager: PackageManager, wanted: &[Wanted]) -> Vec<&'static str> {
    wanted
        .iter()
        .flat_map(|wanted| wanted.packages(manager))
        .copied()
        .collect()
}

fn titles(wanted: &[Wanted]) -> String {
    wanted
        .iter()
        .map(|wanted| wanted.title())
        .collect::<Vec<_>>()
        .join(", ")
}

/// What to install, and how.
fn instructions(manager: Option<PackageManager>, missing: &[Wanted]) -> String {
    let mut text = "failed to find what the tests need:".to_owned();
    for wanted in missing {
        text.push_str(&format!("\n  {}", wanted.requirement()));
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
    let variables: Vec<&str> = missing
        .iter()
        .filter_map(|wanted| wanted.user_variable())
        .collect();
    if !variables.is_empty() {
        text.push_str("\nor name servers of your own for the tests: ");
        text.push_str(&variables.join(" "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{service, tool};

    #[test]
    fn packages_stand_in_the_last_command() {
        let commands = PackageManager::Apt.commands(&["one", "two"]);
        assert_eq!(commands.len(), 2);
        assert_eq!(commands[0].join(" "), "apt-get update");
        assert!(commands[1].join(" ").ends_with(" one two"));
    }

    fn all() -> Vec<Wanted> {
        let services = service::ALL.into_iter().map(Wanted::Service);
        services.chain(tool::ALL.map(Wanted::Tool)).collect()
    }

    #[test]
    fn everything_has_packages_everywhere() {
        for wanted in all() {
            for manager in PackageManager::ALL {
                assert!(!wanted.packages(manager).is_empty(), "{}", wanted.title());
            }
        }
    }

    #[test]
    fn instructions_name_what_is_missing_and_how_to_get_it() {
        let text = instructions(Some(PackageManager::Apk), &all());
        for part in [
            "PostgreSQL 15",
            "Redis",
            "apk add postgresql",
            "DATABASE_URL",
            "REDIS_URL",
            "PgBouncer",
            "promtool",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn no_server_stands_in_for_a_program() {
        let text = instructions(Some(PackageManager::Apt), &tool::ALL.map(Wanted::Tool));
        assert!(
            text.ends_with("--no-install-recommends prometheus chromium chromium-driver"),
            "{text}"
        );
    }
}
