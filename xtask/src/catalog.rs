//! Applies the migrations to a fresh database and reads its catalog, with psql.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::postgres;
use crate::process;
use crate::schema::{Catalog, Column, ForeignKey, Table};
use crate::service::Instance;

/// Tables with their columns and primary keys, as one JSON array.
const TABLES: &str = "
SELECT coalesce(json_agg(json_build_object(
    'name', t.table_name,
    'primary_key', (
        SELECT coalesce(json_agg(a.attname ORDER BY k.position), '[]')
        FROM pg_index i
        CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(number, position)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE i.indisprimary AND i.indrelid = format('%I.%I', t.table_schema, t.table_name)::regclass
    ),
    'columns', (
        SELECT coalesce(json_agg(json_build_object(
            'name', c.column_name,
            'type', c.udt_name,
            'type_schema', nullif(c.udt_schema, 'public'),
            'nullable', c.is_nullable = 'YES',
            'max_length', c.character_maximum_length
        ) ORDER BY c.ordinal_position), '[]')
        FROM information_schema.columns c
        WHERE c.table_schema = t.table_schema AND c.table_name = t.table_name
    )
)), '[]')
FROM information_schema.tables t
WHERE t.table_schema = 'public' AND t.table_type = 'BASE TABLE'";

/// Foreign keys within `public`, as one JSON array.
const FOREIGN_KEYS: &str = "
SELECT coalesce(json_agg(json_build_object(
    'child', child.relname,
    'parent', parent.relname,
    'child_columns', (
        SELECT json_agg(a.attname ORDER BY k.position)
        FROM unnest(f.conkey) WITH ORDINALITY AS k(number, position)
        JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.number
    ),
    'parent_columns', (
        SELECT json_agg(a.attname ORDER BY k.position)
        FROM unnest(f.confkey) WITH ORDINALITY AS k(number, position)
        JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.number
    )
)), '[]')
FROM pg_constraint f
JOIN pg_class child ON child.oid = f.conrelid
JOIN pg_class parent ON parent.oid = f.confrelid
WHERE f.contype = 'f'
  AND child.relnamespace = 'public'::regnamespace
  AND parent.relnamespace = 'public'::regnamespace";

/// What the catalog says once these migrations are applied, in a database that is
/// made for that and dropped again.
pub(crate) fn after_migrations(server: &Instance, migrations: &Path) -> Result<Catalog> {
    let database = format!("larder_codegen_{}", std::process::id());
    statement(
        server,
        "postgres",
        &format!("CREATE DATABASE {database} TEMPLATE template0"),
    )?;
    let result = apply_all(server, &database, migrations).and_then(|()| read(server, &database));
    let dropped = statement(server, "postgres", &format!("DROP DATABASE {database}"));
    let catalog = result?;
    dropped?;
    Ok(catalog)
}

fn apply_all(server: &Instance, database: &str, migrations: &Path) -> Result<()> {
    for folder in folders(migrations)? {
        let mut command = postgres::psql(server, database)?;
        // As Diesel does: in a transaction, unless the migration says otherwise.
        let metadata = std::fs::read_to_string(folder.join("metadata.toml")).unwrap_or_default();
        if runs_in_transaction(&metadata) {
            command.arg("--single-transaction");
        }
        process::capture(command.arg("--file").arg(folder.join("up.sql")))?;
    }
    Ok(())
}

/// The folders of the migrations, in the order of their names.
fn folders(migrations: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(migrations)
        .map_err(|source| Error::caused(format!("read {}", migrations.display()), source))?;
    let mut folders: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("up.sql").is_file())
        .collect();
    folders.sort();
    if folders.is_empty() {
        return Err(Error::step(format!(
            "find a migration in {}",
            migrations.display()
        )));
    }
    Ok(folders)
}

fn runs_in_transaction(metadata: &str) -> bool {
    let setting = metadata
        .lines()
        .find_map(|line| line.trim().strip_prefix("run_in_transaction"));
    !setting.is_some_and(|rest| rest.trim_start_matches([' ', '=']).starts_with("false"))
}

fn read(server: &Instance, database: &str) -> Result<Catalog> {
    let tables = query(server, database, TABLES)?;
    let foreign_keys = query(server, database, FOREIGN_KEYS)?;
    let catalog = parse(&tables, &foreign_keys);
    catalog.ok_or_else(|| Error::step("understand what psql answers about the catalog"))
}

fn query(server: &Instance, database: &str, sql: &str) -> Result<Value> {
    let text = statement(server, database, sql)?;
    serde_json::from_str(&text).map_err(|source| Error::caused("read the answer of psql", source))
}

fn statement(server: &Instance, database: &str, sql: &str) -> Result<String> {
    process::capture(postgres::psql(server, database)?.args(["-c", sql]))
}

fn parse(tables: &Value, foreign_keys: &Value) -> Option<Catalog> {
    let tables = tables
        .as_array()?
        .iter()
        .map(parse_table)
        .collect::<Option<_>>()?;
    let foreign_keys = foreign_keys
        .as_array()?
        .iter()
        .map(parse_key)
        .collect::<Option<_>>()?;
    Some(Catalog {
        tables,
        foreign_keys,
    })
}

fn parse_table(value: &Value) -> Option<Table> {
    Some(Table {
        name: text(value, "name")?,
        primary_key: texts(value, "primary_key")?,
        columns: value["columns"]
            .as_array()?
            .iter()
            .map(parse_column)
            .collect::<Option<_>>()?,
    })
}

fn parse_column(value: &Value) -> Option<Column> {
    Some(Column {
        name: text(value, "name")?,
        type_name: text(value, "type")?,
        type_schema: text(value, "type_schema"),
        nullable: value["nullable"].as_bool()?,
        max_length: value["max_length"].as_u64(),
    })
}

fn parse_key(value: &Value) -> Option<ForeignKey> {
    Some(ForeignKey {
        child: text(value, "child")?,
        parent: text(value, "parent")?,
        child_columns: texts(value, "child_columns")?,
        parent_columns: texts(value, "parent_columns")?,
    })
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}

fn texts(value: &Value, name: &str) -> Option<Vec<String>> {
    value
        .get(name)?
        .as_array()?
        .iter()
        .map(|item| item.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_metadata_takes_a_migration_out_of_its_transaction() {
        assert!(runs_in_transaction(""));
        assert!(runs_in_transaction("run_in_transaction = true"));
        assert!(!runs_in_transaction(
            "# concurrently\nrun_in_transaction = false\n"
        ));
    }

    #[test]
    fn answers_are_parsed_or_refused() {
        let tables = serde_json::json!([{
            "name": "t",
            "primary_key": ["id"],
            "columns": [{
                "name": "id", "type": "int8", "type_schema": "pg_catalog",
                "nullable": false, "max_length": null
            }]
        }]);
        let catalog = parse(&tables, &serde_json::json!([])).unwrap();
        assert_eq!(catalog.tables[0].columns[0].type_name, "int8");
        assert!(
            parse(
                &serde_json::json!([{ "name": "t" }]),
                &serde_json::json!([])
            )
            .is_none()
        );
    }
}
