//! Where the programs of servers are.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::Error;

/// Where systems keep PostgreSQL besides `PATH`: a directory that holds one per version, and what
/// follows the version.
const PLACES: [(&str, &str); 6] = [
    ("/usr/lib/postgresql", "bin"),
    ("/usr", "bin"),
    ("/usr/libexec", ""),
    ("/opt/homebrew/opt", "bin"),
    ("/usr/local/opt", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "bin"),
];

/// The directory with PostgreSQL's programs.
pub(super) fn postgres() -> Result<PathBuf, Error> {
    let from_path = in_path("initdb").and_then(|path| path.canonicalize().ok());
    let named = from_path.and_then(|path| path.parent().map(Path::to_path_buf));
    let complete = |directory: &PathBuf| {
        ["initdb", "postgres"]
            .iter()
            .all(|name| is_program(&directory.join(name)))
    };
    let mut found: Vec<PathBuf> = PLACES
        .iter()
        .flat_map(|(place, rest)| versions(Path::new(place), rest))
        .filter(complete)
        .collect();
    // The newest stands last.
    found.sort_by_key(|directory| version_in(directory));
    named.filter(complete).or_else(|| found.pop()).ok_or_else(|| {
        Error::server(
            "start a PostgreSQL for the test: its programs are not there; install the server (apt-get install postgresql, dnf install postgresql-server, brew install postgresql@17) or put the directory of initdb into PATH",
        )
    })
}

/// The program of Redis or of Valkey.
pub(super) fn redis() -> Result<PathBuf, Error> {
    let found = ["redis-server", "valkey-server"]
        .into_iter()
        .find_map(in_path);
    found.ok_or_else(|| {
        Error::server(
            "start a Redis for the test: its program is not there; install it (apt-get install redis-server, dnf install redis, brew install redis) or put the directory of redis-server into PATH",
        )
    })
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        // Debian's users other than root do not have it.
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")])
        .map(|directory| directory.join(name))
        .find(|candidate| is_program(candidate))
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// The directories of versions: `15`, `pgsql-15`, `postgresql@15`, `postgresql15`.
fn versions(place: &Path, rest: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    let named = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with(|first: char| first.is_ascii_digit())
            || name.starts_with("pgsql-")
            || name.starts_with("postgresql")
    });
    named.map(|entry| entry.path().join(rest)).collect()
}

/// The last number in a path.
fn version_in(directory: &Path) -> u32 {
    let text = directory.to_string_lossy();
    let numbers = text.split(|letter: char| !letter.is_ascii_digit());
    numbers
        .filter_map(|number| number.parse().ok())
        .next_back()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_found_by_number() {
        let of = |path: &str| version_in(Path::new(path));
        assert!(of("/usr/lib/postgresql/9/bin") < of("/usr/lib/postgresql/17/bin"));
        assert_eq!(of("/usr/pgsql-16/bin"), 16);
        assert_eq!(of("/usr/bin"), 0);
    }
}
