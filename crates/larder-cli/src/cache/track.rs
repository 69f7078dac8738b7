//! `larder cache track` and `untrack`: migrations for tables that are written by others than
//! Larder.

use std::path::PathBuf;

use clap::Args;
use larder_database::Database;

use super::database::on_database;
use super::error::Error;
use super::migration::Migration;
use super::tables::Tracked;
use crate::exit::Exit;
use crate::output::print;
use crate::settings::Settings;

const TRACK_EXAMPLES: &str = "\
Examples:
  larder cache track orders                       a migration in ./migrations
  larder cache track orders shop.\\\"Line items\\\"   names as in SQL
  larder cache track orders --print | psql        applied now, without a migration

What Larder itself writes needs no triggers. They are for what is written by psql, by other
programs, by jobs in the database. The database is only asked which partitions and children the
tables have; nothing is changed in it before the migration is applied.";

const UNTRACK_EXAMPLES: &str = "\
Examples:
  larder cache untrack orders                     a migration in ./migrations
  larder cache untrack orders --print | psql      applied now";

/// Writes a migration with triggers that log what others than Larder write to tables.
#[derive(Debug, Args)]
#[command(after_help = TRACK_EXAMPLES)]
pub(super) struct Track {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    settings: Settings,
}

/// Writes a migration that takes the triggers of `track` away.
#[derive(Debug, Args)]
#[command(after_help = UNTRACK_EXAMPLES)]
pub(super) struct Untrack {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Args)]
struct Target {
    /// The tables, as in SQL. Their partitions and children are included.
    #[arg(required = true, value_name = "TABLE")]
    tables: Vec<String>,
    /// Write the migration here.
    #[arg(long, value_name = "DIRECTORY", default_value = "migrations")]
    directory: PathBuf,
    /// Print the SQL, and write no migration.
    #[arg(long)]
    print: bool,
}

impl Track {
    pub(super) fn run(self) -> Exit {
        let target = self.target;
        on_database(self.settings, false, async |database| {
            let found = find(database, &target.tables).await?;
            let tables = members(&found, false);
            let unseen = unseen(&found);
            if tables.is_empty() {
                return Ok(print("all of them are tracked already", Exit::Done));
            }
            let migration = Migration::track(&tables, &unseen);
            target.deliver(&migration, &tables, &unseen)
        })
    }
}

impl Untrack {
    pub(super) fn run(self) -> Exit {
        let target = self.target;
        on_database(self.settings, false, async |database| {
            let found = find(database, &target.tables).await?;
            let tables = members(&found, true);
            if tables.is_empty() {
                return Ok(print("none of them is tracked", Exit::Done));
            }
            target.deliver(&Migration::untrack(&tables), &tables, &[])
        })
    }
}

impl Target {
    fn deliver(
        &self,
        migration: &Migration,
        tables: &[&str],
        unseen: &[String],
    ) -> Result<Exit, Error> {
        if self.print {
            return Ok(print(migration.up.trim_end(), Exit::Done));
        }
        let path = migration.write(&self.directory)?;
        let mut text = format!("wrote {} for\n", path.display());
        for table in tables {
            text += &format!("  {table}\n");
        }
        if !unseen.is_empty() {
            text += "\nwhat stays unseen\n";
        }
        for note in unseen {
            text += &format!("  {note}\n");
        }
        Ok(print(text.trim_end(), Exit::Done))
    }
}

async fn find(database: &Database, written: &[String]) -> Result<Vec<Tracked>, Error> {
    let mut found = Vec::with_capacity(written.len());
    for written in written {
        found.push(Tracked::find(database, written).await?);
    }
    Ok(found)
}

/// The tables of all families that have the trigger, or that have not, each once.
fn members(found: &[Tracked], tracked: bool) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for member in found.iter().flat_map(|found| &found.tables) {
        if member.tracked == tracked && !names.contains(&member.name.as_str()) {
            names.push(&member.name);
        }
    }
    names
}

/// What the triggers will not see, of these tables first and then of any.
fn unseen(found: &[Tracked]) -> Vec<String> {
    let will_be = members(found, false);
    let mut notes = Vec::new();
    for table in found {
        for parent in &table.untracked_parents {
            if !will_be.contains(&parent.as_str()) {
                notes.push(format!(
                    "what is written to {} through {parent}: track that too",
                    table.name
                ));
            }
        }
        for foreign in &table.foreign {
            notes.push(format!(
                "rows of {} in the foreign table {foreign}, which another server changes",
                table.name
            ));
        }
        for view in &table.materialized {
            notes.push(format!(
                "REFRESH of the materialized view {view}, unless Larder runs it"
            ));
        }
    }
    notes.extend(
        [
            "what logical replication applies here: it fires no statement triggers",
            "what is written after ALTER TABLE .. DISABLE TRIGGER ALL, as pg_restore --disable-triggers does",
            "partitions and children that are attached later: `larder cache doctor` finds them",
            "rows that DDL changes: DROP or DETACH of a partition, ALTER TABLE .. TYPE .. USING",
        ]
        .map(str::to_owned),
    );
    notes
}
