//! The user that servers run as: PostgreSQL refuses root.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::Error;

/// A user of the system who is not this one; none where this one will do.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account(Option<User>);

#[derive(Debug, Clone, Copy)]
struct User {
    user: u32,
    group: u32,
}

impl Account {
    /// Who runs the servers.
    pub(super) fn for_servers() -> Result<Self, Error> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self(None));
        }
        let found = ["postgres", "nobody"].into_iter().find_map(|name| {
            Some(User {
                user: id("-u", name)?,
                group: id("-g", name)?,
            })
        });
        found.map(|user| Self(Some(user))).ok_or_else(|| {
            Error::server(
                "find a user to run PostgreSQL as: it refuses root, and there is neither `postgres` nor `nobody`",
            )
        })
    }

    /// A program that runs as this user, in an environment that says nothing to PostgreSQL.
    pub(super) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/");
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("PG") || text.starts_with("LC_") || text.starts_with("LANG") {
                command.env_remove(&name);
            }
        }
        command.env("LC_ALL", "C");
        if let Self(Some(User { user, group })) = self {
            command.uid(user).gid(group).env("HOME", "/");
        }
        command
    }

    /// Makes a file or a directory this user's own.
    pub(super) fn own(self, path: &Path) -> std::io::Result<()> {
        match self {
            Self(Some(User { user, group })) => chown(path, Some(user), Some(group)),
            Self(None) => Ok(()),
        }
    }
}

fn id(what: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([what, name]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
