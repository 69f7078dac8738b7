//! What has to be in the database: extensions and migrations.

use std::path::Path;

use diesel_migrations::FileBasedMigrations;
use larder_database::{Database, sql};

use super::check::{Outcome, Verdict};
use super::server::unanswered;

/// What the search of Larder's restaurants needs.
const OF_SERVICES: &str = "pg_trgm";

/// Extensions that migrations create, and those of Larder's own services.
pub(super) async fn extensions(database: &Database, migrations: &Path) -> Outcome {
    let mut needed = created_by(migrations);
    needed.push(OF_SERVICES.to_owned());
    needed.sort();
    needed.dedup();
    let mut verdicts = Vec::new();
    for name in needed {
        verdicts.push(match installed(database, &name).await {
            Ok(verdict) => verdict,
            Err(error) => return unanswered(error).into(),
        });
    }
    verdicts.into()
}

async fn installed(database: &Database, name: &str) -> Result<Verdict, larder_database::Error> {
    const QUESTION: &str = "SELECT coalesce(\
        (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = :name), \
        (SELECT '' FROM pg_catalog.pg_available_extensions WHERE name = :name), '?')";
    let mut session = database.session().await?;
    let question = sql(QUESTION).bind("name", name.to_owned());
    let found: String = question.fetch_scalar_on(&mut session).await?;
    let needs = match name {
        OF_SERVICES => " (needed by the search of Larder's restaurants)",
        _ => "",
    };
    Ok(match found.as_str() {
        "?" => Verdict::warning(
            format!("{name} is not available{needs}"),
            "install PostgreSQL's contrib package on the server, or allow the extension there",
        ),
        "" => Verdict::warning(
            format!("{name} is available and not created{needs}"),
            format!("apply the migrations, or as an owner run CREATE EXTENSION {name}"),
        ),
        version => Verdict::ok(format!("{name} {version}")),
    })
}

/// The extensions that migrations in a directory create, as far as their text shows it.
fn created_by(migrations: &Path) -> Vec<String> {
    let folders = std::fs::read_dir(migrations)
        .into_iter()
        .flatten()
        .flatten();
    let texts =
        folders.filter_map(|folder| std::fs::read_to_string(folder.path().join("up.sql")).ok());
    texts.flat_map(|text| extensions_in(&text)).collect()
}

fn extensions_in(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is = |word: &str, keyword: &str| word.eq_ignore_ascii_case(keyword);
    let mut names = Vec::new();
    for place in 0..words.len() {
        let mut rest = &words[place..];
        let [create, extension, ..] = rest else { break };
        if !is(create, "CREATE") || !is(extension, "EXTENSION") {
            continue;
        }
        rest = &rest[2..];
        if let [first, second, third, ..] = rest
            && is(first, "IF")
            && is(second, "NOT")
            && is(third, "EXISTS")
        {
            rest = &rest[3..];
        }
        if let Some(name) = rest.first() {
            names.push(name.trim_matches([';', '"']).to_owned());
        }
    }
    names
}

/// Migrations that are not applied yet.
pub(super) async fn migrations(database: &Database, directory: &Path) -> Outcome {
    if !directory.is_dir() {
        let seen = format!(
            "there is no directory {}; --migrations names another",
            directory.display()
        );
        return Verdict::skipped(seen).into();
    }
    let found = match FileBasedMigrations::from_path(directory) {
        Ok(found) => found,
        Err(error) => {
            let seen = format!("failed to read {}: {error}", directory.display());
            return Verdict::failure(seen, "see diesel's layout of migrations").into();
        }
    };
    match database.pending_migrations(found).await {
        Ok(pending) if pending.is_empty() => Verdict::ok("none is pending").into(),
        Ok(pending) => Verdict::warning(
            format!("{} pending: {}", pending.len(), pending.join(", ")),
            "apply them: `diesel migration run`, or `Database::migrate` at the start of the service",
        )
        .into(),
        Err(error) => unanswered(error).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_found_however_they_are_written() {
        let text = "create extension postgis;\nCREATE EXTENSION IF NOT EXISTS\n  \"uuid-ossp\";\n\
                    COMMENT ON EXTENSION postgis IS ''; CREATE EXTENSION";
        assert_eq!(extensions_in(text), ["postgis", "uuid-ossp"]);
    }
}
