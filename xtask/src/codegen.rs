//! `cargo xtask codegen`: keeps the Diesel schema in step with the migrations.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::catalog;
use crate::console::{print, say};
use crate::error::{Error, Result};
use crate::install;
use crate::instances::Instances;
use crate::postgres::Postgres;
use crate::process;
use crate::schema;
use crate::service::{Instance, Service};
use crate::services;
use crate::workspace;

/// Writes the schema, or with `check` compares the file with it.
pub(crate) fn run(check: bool) -> Result<()> {
    let root = workspace::root();
    let path = schema_path(&root)?;
    let shown = path
        .strip_prefix(&root)
        .unwrap_or(&path)
        .display()
        .to_string();
    let generated = formatted(&generate(&root.join("migrations"))?)?;
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if generated == committed {
        say(&format!("{shown} is in step with the migrations"));
        return Ok(());
    }
    if check {
        print(&difference(&path, &committed, &generated));
        return Err(Error::Check(format!(
            "{shown} is not in step with the migrations; to write it: cargo xtask codegen"
        )));
    }
    std::fs::write(&path, generated)
        .map_err(|source| Error::caused(format!("write {}", path.display()), source))?;
    say(&format!("wrote {shown}"));
    Ok(())
}

/// The file that diesel.toml names.
fn schema_path(root: &Path) -> Result<PathBuf> {
    let path = root.join("diesel.toml");
    let text = std::fs::read_to_string(&path)
        .map_err(|source| Error::caused(format!("read {}", path.display()), source))?;
    named_file(&text)
        .map(|file| root.join(file))
        .ok_or_else(|| {
            Error::step(format!(
                "find the line file = \"...\" in {}",
                path.display()
            ))
        })
}

fn named_file(diesel_toml: &str) -> Option<&str> {
    diesel_toml.lines().find_map(|line| {
        let value = line
            .trim()
            .strip_prefix("file")?
            .trim_start()
            .strip_prefix('=')?;
        value.trim_start().strip_prefix('"')?.split('"').next()
    })
}

/// The schema after the migrations, on the server of `services up` or on one that
/// is started for this.
fn generate(migrations: &Path) -> Result<String> {
    let catalog = match services::running() {
        Some(set) => catalog::after_migrations(postgres_of(&set)?, migrations)?,
        None => {
            let installations = install::ensure(&[&Postgres], true)?;
            let wanted: Vec<(&dyn Service, _)> = installations
                .into_iter()
                .map(|found| (&Postgres as &dyn Service, found))
                .collect();
            let set = Instances::start_for_run(&wanted)?;
            catalog::after_migrations(postgres_of(&set)?, migrations)?
        }
    };
    schema::print(catalog)
}

fn postgres_of(set: &Instances) -> Result<&Instance> {
    let mut list = set.list().iter();
    let found = list.find(|instance| instance.service == Postgres.name());
    found.ok_or_else(|| Error::step("find the PostgreSQL that was started"))
}

/// As `cargo fmt` would have it.
fn formatted(source: &str) -> Result<String> {
    let failed = |source: std::io::Error| Error::caused("run rustfmt", source);
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(source.as_bytes()).map_err(failed)?;
    }
    let output = child.wait_with_output().map_err(failed)?;
    if !output.status.success() {
        return Err(Error::step(format!("run rustfmt: {}", output.status)));
    }
    String::from_utf8(output.stdout).map_err(|source| Error::caused("read rustfmt", source))
}

/// What differs: by `diff` where there is one, else the first line that differs.
fn difference(path: &Path, committed: &str, generated: &str) -> String {
    diff(path, generated).unwrap_or_else(|| {
        let mut lines = committed.lines().zip(generated.lines()).enumerate();
        let first = lines.find(|(_, (old, new))| old != new);
        first.map_or_else(
            || "one of the two ends earlier\n".to_owned(),
            |(line, (old, new))| format!("line {}:\n-{old}\n+{new}\n", line + 1),
        )
    })
}

fn diff(path: &Path, generated: &str) -> Option<String> {
    let directory = workspace::services_directory();
    std::fs::create_dir_all(&directory).ok()?;
    let other = directory.join("schema.rs");
    std::fs::write(&other, generated).ok()?;
    let mut command = Command::new("diff");
    command
        .args(["-u", "--label", "file", "--label", "migrations"])
        .arg(path)
        .arg(&other);
    let output = process::output(&mut command).ok()?;
    // 1 says that the files differ, 2 that diff failed.
    (output.status.code() == Some(1)).then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_named_in_diesel_toml() {
        let text = "# file = \"no\"\n[print_schema]\nfile = \"src/schema.rs\" # yes\n";
        assert_eq!(named_file(text), Some("src/schema.rs"));
        assert_eq!(named_file("[print_schema]\n"), None);
    }

    #[test]
    fn what_the_generator_prints_is_left_alone_by_rustfmt() {
        let text = schema::print(schema::Catalog::default()).unwrap();
        assert_eq!(formatted(&text).unwrap().trim_end(), text.trim_end());
    }
}
