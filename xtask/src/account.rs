//! The unprivileged user that servers run as when xtask is root: PostgreSQL
//! refuses to run as root.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::error::{Error, Result};
use crate::process;

/// A user of the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: &'static str,
    pub(crate) user: u32,
    pub(crate) group: u32,
}

/// Whether xtask runs as root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Who runs the servers: none for the current user, or another if that is root.
pub(crate) fn for_servers() -> Result<Option<Account>> {
    if !is_root() {
        return Ok(None);
    }
    let found = ["postgres", "nobody"].into_iter().find_map(|name| {
        Some(Account {
            name,
            user: id("-u", name)?,
            group: id("-g", name)?,
        })
    });
    found.map(Some).ok_or_else(|| {
        Error::step("find a user to run PostgreSQL as: it refuses root, and there is neither postgres nor nobody")
    })
}

fn id(what: &str, name: &str) -> Option<u32> {
    process::capture(Command::new("id").args([what, name]))
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// A program that runs as this account, from a directory that everyone can enter.
pub(crate) fn command(program: impl AsRef<Path>, account: Option<&Account>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.current_dir("/");
    if let Some(account) = account {
        command.uid(account.user).gid(account.group);
        command
            .env("HOME", "/")
            .env("USER", account.name)
            .env("LOGNAME", account.name);
    }
    command
}

/// Whether this account can reach a directory and write into it.
pub(crate) fn can_write(directory: &Path, account: &Account) -> bool {
    process::succeeds(command("test", Some(account)).arg("-w").arg(directory))
}
