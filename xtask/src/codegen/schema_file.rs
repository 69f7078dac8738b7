//! The Diesel schema, from what the migrations make of a fresh database.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Generated;
use crate::catalog;
use crate::console::say;
use crate::error::{Error, Result};
use crate::install;
use crate::instances::Instances;
use crate::postgres::Postgres;
use crate::schema;
use crate::service::{Instance, Service};
use crate::services;

/// What the file that diesel.toml names should be.
pub(super) fn generate(root: &Path) -> Result<Generated> {
    say("schema: applying the migrations to a fresh database");
    Ok(Generated {
        path: schema_path(root)?,
        from: "the migrations",
        text: formatted(&from_migrations(&root.join("migrations"))?)?,
    })
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
fn from_migrations(migrations: &Path) -> Result<String> {
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
