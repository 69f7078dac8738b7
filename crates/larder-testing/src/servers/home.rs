//! Where the files of servers are: a directory of this user's, with one for each server that runs.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::io::Errno;
use rustix::process::{Pid, geteuid, test_kill_process};

use super::account::Account;
use crate::Error;

/// What the name of a server's directory begins with; the number of its process follows.
const RUN: &str = "run-";

/// The directory of this user.
pub(super) struct Home {
    path: PathBuf,
}

impl Home {
    /// Opens it, and removes what runs have left that were killed.
    pub(super) fn open() -> Result<Self, Error> {
        let user = geteuid().as_raw();
        let path = std::env::temp_dir().join(format!("larder-testing-{user}"));
        let failed = |error: io::Error| {
            Error::server(format!("make the directory {}: {error}", path.display()))
        };
        make(&path).or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Ok(()),
            _ => Err(failed(error)),
        })?;
        let found = fs::symlink_metadata(&path).map_err(failed)?;
        if !found.is_dir() || found.uid() != user {
            return Err(Error::server(format!(
                "keep servers of tests in {}: it is another user's; remove it, or set TMPDIR",
                path.display()
            )));
        }
        let home = Self { path };
        home.sweep();
        Ok(home)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until nobody else makes a template.
    pub(super) fn lock(&self) -> io::Result<File> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(self.path.join("lock"))?;
        file.lock()?;
        Ok(file)
    }

    /// A directory for a server. It goes when it is dropped.
    pub(super) fn directory(&self, account: Account) -> Result<Directory, Error> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{RUN}{}-{number}", std::process::id());
        let path = self.path.join(name);
        make(&path)
            .and_then(|()| account.own(&path))
            .map_err(|error| {
                Error::server(format!("make the directory {}: {error}", path.display()))
            })?;
        Ok(Directory(path))
    }

    fn sweep(&self) {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let process = name
                .to_str()
                .and_then(|name| name.strip_prefix(RUN)?.split('-').next()?.parse().ok())
                .and_then(Pid::from_raw);
            // Not ours to remove as long as anybody has that number.
            if process.is_some_and(|process| test_kill_process(process) == Err(Errno::SRCH)) {
                // A server that is still there ends when its files are gone.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// The directory of a server.
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!("failed to remove {}: {error}", self.0.display());
        }
    }
}

/// Makes a directory that others may pass through, as another account has to, but not look into.
fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o711).create(path)
}

/// A port that is free and that no outgoing connection gets by chance, so that a server finds it
/// free again when it is restarted.
pub(super) fn free_port() -> Result<u16, Error> {
    let free = (0..100).find_map(|_| {
        let port = fastrand::u16(15_000..32_000);
        std::net::TcpListener::bind(("127.0.0.1", port)).ok()?;
        Some(port)
    });
    free.ok_or_else(|| Error::server("find a free port from 15000 to 32000 for a server"))
}
