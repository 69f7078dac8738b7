//! Finding programs on this machine and reading their versions.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;

/// The full path of a program in `PATH`.
pub(crate) fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        // Debian's users other than root do not have it, and servers live there.
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")])
        .map(|directory| directory.join(name))
        .find(|candidate| is_program(candidate))
}

/// Whether this is a file that may be run.
pub(crate) fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// What a program says when asked for its version.
pub(crate) fn version_text(program: &Path) -> Option<String> {
    process::capture(Command::new(program).arg("--version")).ok()
}

/// The word after `marker` in a version text.
pub(crate) fn version_after(text: &str, marker: &str) -> Option<String> {
    let (_, rest) = text.split_once(marker)?;
    let version = rest.split_whitespace().next()?;
    version
        .starts_with(|first: char| first.is_ascii_digit())
        .then(|| version.to_owned())
}

/// The first number of a version: 15 of "15.18", 18 of "18beta1".
pub(crate) fn major(version: &str) -> Option<u32> {
    let end = version
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(version.len());
    version[..end].parse().ok()
}

/// The directories that match a pattern with one `*` within one of its parts.
pub(crate) fn matching_directories(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        return vec![PathBuf::from(pattern)];
    };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or((".", before));
    let (suffix, rest) = after.split_once('/').unwrap_or((after, ""));
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            name.to_str()
                .is_some_and(|name| name.starts_with(prefix) && name.ends_with(suffix))
        })
        .map(|entry| {
            if rest.is_empty() {
                entry.path()
            } else {
                entry.path().join(rest)
            }
        })
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(
            version_after(debian, "(PostgreSQL) ").as_deref(),
            Some("15.18")
        );
        let redis = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64\n";
        assert_eq!(version_after(redis, "v=").as_deref(), Some("7.0.15"));
        assert_eq!(version_after("postgres: not found", "(PostgreSQL) "), None);
        assert_eq!(version_after("v= sha=0", "v="), None);
    }

    #[test]
    fn the_major_version_is_the_first_number() {
        assert_eq!(major("15.18"), Some(15));
        assert_eq!(major("18beta1"), Some(18));
        assert_eq!(major("9"), Some(9));
        assert_eq!(major("devel"), None);
    }

    #[test]
    fn patterns_match_directories() {
        let manifest = env!("CARGO_MANIFEST_DIR");
        let found = matching_directories(&format!("{manifest}/s*c"));
        assert_eq!(found, [PathBuf::from(manifest).join("src")]);
        assert!(matching_directories(&format!("{manifest}/*/nothing")).is_empty());
        assert!(matching_directories("/nowhere/*/bin").is_empty());
    }
}
