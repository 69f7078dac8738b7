//! The migration that tracks tables, or stops to: its SQL, and its folder.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::Error;

/// What the role needs that applies it, and what has to be there.
const HEADING: &str = "\
-- The log of invalidations has to be there: `larder cache install`. The role that applies this
-- needs USAGE ON SCHEMA larder and EXECUTE ON FUNCTION larder.track().
";

/// Both directions of a migration.
#[derive(Debug)]
pub(super) struct Migration {
    /// What follows the time in the name of the folder.
    pub(super) name: String,
    pub(super) up: String,
    pub(super) down: String,
}

impl Migration {
    /// Adds the triggers. `tables` are in SQL, the lowest of a family first; `unseen` are notes
    /// for whoever reads it.
    pub(super) fn track(tables: &[&str], unseen: &[String]) -> Self {
        let mut up = HEADING.to_owned();
        if !unseen.is_empty() {
            up += "--\n-- What stays unseen:\n";
        }
        for note in unseen {
            up += &format!("--   * {note}\n");
        }
        up += "\n";
        up += &create(tables);
        Self {
            name: name("track", tables),
            up,
            down: drop(tables),
        }
    }

    /// Takes them away.
    pub(super) fn untrack(tables: &[&str]) -> Self {
        Self {
            name: name("untrack", tables),
            up: drop(tables),
            down: format!("{HEADING}\n{}", create(tables)),
        }
    }

    /// Writes the folder, named as Diesel names it, and gives its path. What is there already is
    /// not touched.
    pub(super) fn write(&self, directory: &Path) -> Result<PathBuf, Error> {
        let time = chrono::Utc::now().format("%Y-%m-%d-%H%M%S");
        let path = directory.join(format!("{time}_{}", self.name));
        let failed = |error| Error::Folder {
            path: path.clone(),
            error,
        };
        fs::create_dir_all(directory).map_err(failed)?;
        fs::create_dir(&path).map_err(failed)?;
        fs::write(path.join("up.sql"), &self.up).map_err(failed)?;
        fs::write(path.join("down.sql"), &self.down).map_err(failed)?;
        Ok(path)
    }
}

/// First all triggers, then the switches: on older servers a switch on a partitioned table goes
/// down to its partitions. ALWAYS, so that they fire in sessions that replicate, too.
fn create(tables: &[&str]) -> String {
    let mut text = String::new();
    for table in tables {
        text += &format!(
            "CREATE TRIGGER larder_track\n    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}\n    \
             FOR EACH STATEMENT EXECUTE FUNCTION larder.track();\n"
        );
    }
    text += "\n";
    for table in tables {
        text += &format!("ALTER TABLE ONLY {table} ENABLE ALWAYS TRIGGER larder_track;\n");
    }
    text
}

fn drop(tables: &[&str]) -> String {
    tables
        .iter()
        .map(|table| format!("DROP TRIGGER IF EXISTS larder_track ON {table};\n"))
        .collect()
}

/// Such as `track_orders`, of the last table, which is the one that was named.
fn name(verb: &str, tables: &[&str]) -> String {
    let last = tables.last().copied().unwrap_or_default();
    let plain: String = last
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|character| *character != '"')
        .map(|character| match character.is_alphanumeric() {
            true => character,
            false => '_',
        })
        .collect();
    format!("{verb}_{plain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggers_come_before_their_switches_and_go_in_the_other_direction() {
        let migration = Migration::track(&["public.low", "public.\"High one\""], &[]);
        let places: Vec<usize> = [
            "ON public.low\n",
            "ON public.\"High one\"\n",
            "ALTER TABLE ONLY public.low ENABLE ALWAYS",
            "ALTER TABLE ONLY public.\"High one\" ENABLE ALWAYS",
        ]
        .into_iter()
        .filter_map(|part| migration.up.find(part))
        .collect();
        assert_eq!(places.len(), 4, "{}", migration.up);
        assert!(places.is_sorted(), "{}", migration.up);
        assert_eq!(migration.name, "track_High_one");
        let back = Migration::untrack(&["public.low", "public.\"High one\""]);
        assert_eq!(back.up, migration.down);
        assert!(
            back.down
                .ends_with(&create(&["public.low", "public.\"High one\""]))
        );
    }
}
