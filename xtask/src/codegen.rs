//! `cargo xtask codegen`: keeps generated files in step with what they are made from.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::console::{print, say};
use crate::error::{Error, Result};
use crate::process;
use crate::workspace;

mod metrics_page;
mod schema_file;

/// What a file should be.
struct Generated {
    path: PathBuf,
    /// What it is made from, in words.
    from: &'static str,
    text: String,
}

/// Writes the generated files, or with `check` compares them. All are looked at, also where one is
/// out of step.
pub(crate) fn run(check: bool) -> Result<()> {
    let root = workspace::root();
    let mut stale = Vec::new();
    for generate in [metrics_page::generate, schema_file::generate] {
        stale.extend(keep(&root, &generate(&root)?, check)?);
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(Error::Check(format!(
        "{}; to write it: cargo xtask codegen",
        stale.join("; ")
    )))
}

/// Writes a file if it is not what it should be, or with `check` says so.
fn keep(root: &Path, generated: &Generated, check: bool) -> Result<Option<String>> {
    let Generated { path, from, text } = generated;
    let shown = path.strip_prefix(root).unwrap_or(path).display();
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    if *text == committed {
        say(&format!("{shown} is in step with {from}"));
        return Ok(None);
    }
    if check {
        print(&difference(generated, &committed));
        return Ok(Some(format!("{shown} is not in step with {from}")));
    }
    let written = match path.parent() {
        Some(parent) => std::fs::create_dir_all(parent),
        None => Ok(()),
    };
    written
        .and_then(|()| std::fs::write(path, text))
        .map_err(|source| Error::caused(format!("write {}", path.display()), source))?;
    say(&format!("wrote {shown}"));
    Ok(None)
}

/// What differs: by `diff` where there is one, else the first line that differs.
fn difference(generated: &Generated, committed: &str) -> String {
    diff(generated).unwrap_or_else(|| {
        let mut lines = committed.lines().zip(generated.text.lines()).enumerate();
        let first = lines.find(|(_, (old, new))| old != new);
        first.map_or_else(
            || "one of the two ends earlier\n".to_owned(),
            |(line, (old, new))| format!("line {}:\n-{old}\n+{new}\n", line + 1),
        )
    })
}

fn diff(generated: &Generated) -> Option<String> {
    let directory = workspace::services_directory();
    std::fs::create_dir_all(&directory).ok()?;
    let other = directory.join("generated");
    std::fs::write(&other, &generated.text).ok()?;
    let mut command = Command::new("diff");
    command
        .args(["-u", "--label", "file", "--label", generated.from])
        .arg(&generated.path)
        .arg(&other);
    let output = process::output(&mut command).ok()?;
    // 1 says that the files differ, 2 that diff failed.
    (output.status.code() == Some(1)).then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_out_of_step_is_told_and_with_no_check_written() {
        let root = workspace::services_directory().join(format!("codegen-{}", std::process::id()));
        let generated = Generated {
            path: root.join("new").join("page.md"),
            from: "a table",
            text: "one\ntwo\n".to_owned(),
        };
        let told = keep(&root, &generated, true).unwrap();
        assert_eq!(
            told.as_deref(),
            Some("new/page.md is not in step with a table")
        );
        assert!(!generated.path.exists());
        assert_eq!(keep(&root, &generated, false).unwrap(), None);
        assert_eq!(keep(&root, &generated, true).unwrap(), None);
        std::fs::write(&generated.path, "one\n2\n").unwrap();
        assert!(keep(&root, &generated, true).unwrap().is_some());
        assert!(difference(&generated, "one\n2\n").contains("+two"));
        std::fs::remove_dir_all(root).unwrap();
    }
}
