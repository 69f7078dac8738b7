//! What is said of single rows, judged by the server: a read of a row whose result a write changes
//! must meet that write, each of the reads in `rows/statements.txt` with each of the writes.
//!
//! What depends on what is as in the cache: whoever reads a row depends on the row, on what adds
//! rows if it may have found none, and on its table as a whole; whoever reads a table depends on
//! every row of it.

use std::collections::BTreeSet;
use std::path::Path;

use larder_services::MIGRATIONS;
use larder_sql::catalog::{
    CATALOG_QUERY, Catalog, DIGEST_QUERY, Declarations, RowAccess, RowWrite, WriteSet,
};
use larder_sql::{StatementProfile, classify};
use larder_testing::TestDatabase;

use super::server::Server;

/// A statement with the values that it runs with.
struct Run {
    statement: String,
    profile: StatementProfile,
    values: Vec<Value>,
}

/// A parameter: its type, its value as a literal.
struct Value {
    type_name: String,
    literal: String,
}

impl Value {
    /// The number of its type and its bytes, as they are sent; `None` if it is NULL.
    fn bound(&self) -> Option<(u32, Vec<u8>)> {
        let text = self.literal.trim_matches('\'');
        let hex = |digits: &str| -> Vec<u8> {
            let digits: Vec<char> = digits.chars().filter(char::is_ascii_hexdigit).collect();
            let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).unwrap();
            digits.chunks(2).map(byte).collect()
        };
        if text == "NULL" {
            return None;
        }
        Some(match self.type_name.as_str() {
            "int2" => (21, text.parse::<i16>().unwrap().to_be_bytes().to_vec()),
            "int4" => (23, text.parse::<i32>().unwrap().to_be_bytes().to_vec()),
            "int8" => (20, text.parse::<i64>().unwrap().to_be_bytes().to_vec()),
            "text" => (25, text.into()),
            "varchar" => (1043, text.into()),
            "bpchar" => (1042, text.into()),
            "name" => (19, text.into()),
            "uuid" => (2950, hex(text)),
            "bytea" => (17, hex(text.trim_start_matches("\\x"))),
            "numeric" => (1700, text.into()),
            "bool" => (16, text.into()),
            "int4[]" => (1007, text.into()),
            other => panic!("no type {other}"),
        })
    }
}

impl Run {
    fn read_all() -> Vec<Self> {
        let mut runs = Vec::new();
        for paragraph in file("statements.txt").split("\n\n") {
            let lines = paragraph.lines().filter(|line| !line.starts_with('#'));
            let (values, statement): (Vec<_>, Vec<_>) =
                lines.partition(|line| line.starts_with("with ") && !line.contains(" as ("));
            let statement = statement.join("\n");
            if statement.is_empty() {
                continue;
            }
            let run = |values: &str| Self {
                statement: statement.clone(),
                profile: classify(&statement),
                values: values_of(values),
            };
            match values.as_slice() {
                [] => runs.push(run("")),
                several => runs.extend(several.iter().map(|line| run(&line["with ".len()..]))),
            }
        }
        runs
    }

    /// What prepares it, and what runs it, under the name `run_{number}`.
    fn prepared(&self, number: usize) -> (String, String) {
        let list = |part: fn(&Value) -> &str| {
            let parts: Vec<_> = self.values.iter().map(part).collect();
            match parts.as_slice() {
                [] => String::new(),
                parts => format!("({})", parts.join(", ")),
            }
        };
        let types = list(|value| &value.type_name);
        let values = list(|value| &value.literal);
        (
            format!("PREPARE run_{number}{types} AS {}", self.statement),
            format!("EXECUTE run_{number}{values}"),
        )
    }

    /// The keys of `access`; `None` if one of them is not known.
    fn keys(&self, access: &RowAccess) -> Option<Vec<Vec<u8>>> {
        let key = |index: &u16| {
            let (type_oid, bytes) = self.values.get(usize::from(*index))?.bound()?;
            access.kind.normalise(type_oid, &bytes)
        };
        access.parameters.iter().map(key).collect()
    }

    fn shown(&self) -> String {
        let (_, execute) = self.prepared(0);
        format!("{} <- {execute}", self.statement)
    }
}

fn file(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("statements/rows");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn values_of(list: &str) -> Vec<Value> {
    let values = list.split(", ").filter(|value| !value.is_empty());
    let value = |value: &str| {
        let (type_name, literal) = value.split_once(' ').unwrap();
        Value {
            type_name: type_name.to_owned(),
            literal: literal.to_owned(),
        }
    };
    values.map(value).collect()
}

/// What a result depends on, and what a write announces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Dependency {
    Everything,
    Table(u32),
    SomeRow(u32),
    NewRows(u32),
    Row(u32, Vec<u8>),
}

use Dependency::{Everything, NewRows, Row, SomeRow, Table};

/// On what a result of `run` depends; `None` if it may not be cached.
fn of_read(catalog: &Catalog, run: &Run, is_empty: bool) -> Option<BTreeSet<Dependency>> {
    let read = catalog.reads(&run.profile).ok()?.without_volatile().ok()?;
    let access = catalog.row_read(&run.profile);
    let row = access.and_then(|access| Some((run.keys(&access)?, access)));
    let mut found = BTreeSet::from([Everything]);
    if let Some((keys, access)) = row {
        let table = access.table.0;
        found.insert(Table(table));
        found.extend(keys.into_iter().map(|key| Row(table, key)));
        if is_empty || !access.non_empty_proves_row {
            found.insert(NewRows(table));
        }
    } else {
        for table in &read.tables {
            found.extend([Table(table.0), SomeRow(table.0)]);
        }
    }
    Some(found)
}

fn of_write(catalog: &Catalog, run: &Run) -> BTreeSet<Dependency> {
    let tables = match catalog.writes(&run.profile) {
        WriteSet::Nothing => return BTreeSet::new(),
        WriteSet::Everything(_) => return BTreeSet::from([Everything]),
        WriteSet::Tables(tables) => tables,
    };
    let mut found: BTreeSet<_> = tables.iter().map(|table| Table(table.0)).collect();
    match catalog.row_write(&run.profile) {
        Some(RowWrite::NewRows(table)) => {
            assert!(found.remove(&Table(table.0)), "{}", run.shown());
            found.extend([SomeRow(table.0), NewRows(table.0)]);
        }
        Some(RowWrite::Rows(access)) => {
            if let Some(keys) = run.keys(&access) {
                let table = access.table.0;
                assert!(found.remove(&Table(table)), "{}", run.shown());
                found.insert(SomeRow(table));
                found.extend(keys.into_iter().map(|key| Row(table, key)));
            }
        }
        _ => {}
    }
    found
}

async fn catalog(server: &Server) -> Catalog {
    let document = server.value(CATALOG_QUERY).await;
    let declarations = Declarations::new()
        .function_reads("item_count", ["items"])
        .function_writes("raise_all", ["items"])
        .function_writes("next_too", ["doubled"])
        // No other table than the one that is written.
        .function_writes::<&str>("elsewhere", [])
        .triggers_write::<&str>("ruled", []);
    let catalog = Catalog::new(serde_json::from_str(&document).unwrap(), &declarations);
    assert_eq!(catalog.ineffective_declarations(), &[] as &[String]);
    catalog
}

async fn rows() -> (TestDatabase, Server) {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let server = Server::connect(test.url()).await;
    server.execute(&file("schema.sql")).await;
    (test, server)
}

/// What each of the statements finds now.
async fn results(server: &Server, executes: &str, count: usize) -> Vec<Vec<String>> {
    let (found, failure) = server.rows(executes).await;
    assert_eq!(
        (found.len(), failure),
        (count, None),
        "after {} results",
        found.len()
    );
    found
}

#[derive(Debug, Default)]
struct Tally {
    /// Reads and writes that are about single rows.
    precise_reads: usize,
    precise_writes: usize,
    /// Pairs in which the write changed what the read found.
    changed: usize,
    /// Pairs on one table that do not meet, because the rows are other ones.
    spared: usize,
}

#[tokio::test]
async fn writes_of_rows_meet_the_reads_that_they_change() {
    let (_test, server) = rows().await;
    let catalog = catalog(&server).await;
    let (reads, writes): (Vec<_>, Vec<_>) = Run::read_all()
        .into_iter()
        .partition(|run| of_read(&catalog, run, true).is_some());
    let mut executes = String::new();
    for (number, read) in reads.iter().enumerate() {
        let (prepare, execute) = read.prepared(number);
        server.execute(&prepare).await;
        executes += &format!("{execute};\n");
    }
    let before = results(&server, &executes, reads.len()).await;
    let depends: Vec<_> = reads
        .iter()
        .zip(&before)
        .map(|(read, found)| of_read(&catalog, read, found.is_empty()).unwrap())
        .collect();
    let is_row = |dependency: &Dependency| matches!(dependency, Row(..) | NewRows(_));
    let mut tally = Tally {
        precise_reads: depends.iter().filter(|of| of.iter().any(is_row)).count(),
        ..Tally::default()
    };
    let mut faults = Vec::new();
    for write in &writes {
        let announced = of_write(&catalog, write);
        let is_precise = announced.iter().any(is_row);
        tally.precise_writes += usize::from(is_precise);
        let (prepare, execute) = write.prepared(reads.len());
        server.execute(&format!("BEGIN; {prepare}")).await;
        if let Err(refusal) = server.run(&execute, None).await {
            faults.push(format!("{} was refused: {refusal}", write.shown()));
        } else {
            let after = results(&server, &executes, reads.len()).await;
            for (((read, before), after), depends) in
                reads.iter().zip(&before).zip(&after).zip(&depends)
            {
                let meet = !announced.is_disjoint(depends);
                let same_table = |dependency: &Dependency| match dependency {
                    Row(table, _) | NewRows(table) => depends.contains(&Table(*table)),
                    _ => false,
                };
                tally.changed += usize::from(before != after);
                tally.spared += usize::from(!meet && announced.iter().any(same_table));
                if before != after && !meet {
                    let (write, read) = (write.shown(), read.shown());
                    faults.push(format!(
                        "{write}\n  ({announced:?})\n  changed {read}\n  ({depends:?})\n  from {before:?} to {after:?}"
                    ));
                }
            }
        }
        let drop = format!("ROLLBACK; DEALLOCATE run_{}", reads.len());
        server.execute(&drop).await;
    }
    println!("{tally:?}");
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert!(tally.precise_reads >= 50, "{tally:?}");
    assert!(tally.precise_writes >= 50, "{tally:?}");
    assert!(tally.changed >= 200 && tally.spared >= 300, "{tally:?}");
}

/// What is known of the rows of a read by key of `words`, and the digests of definitions and of the
/// session.
async fn state(server: &Server) -> (String, String, bool) {
    let digest = server.value(DIGEST_QUERY).await;
    let document: serde_json::Value =
        serde_json::from_str(&server.value(CATALOG_QUERY).await).unwrap();
    let mut keys = document["row_keys"].as_array().unwrap().clone();
    keys.sort_by_cached_key(serde_json::Value::to_string);
    let facts = format!(
        "{keys:?} {} {}",
        document["own_equality"], document["aggregates"]
    );
    let catalog = Catalog::new(
        serde_json::from_value(document).unwrap(),
        &Declarations::new(),
    );
    let by_key = catalog.row_read(&classify("select * from words where id = $1"));
    let definitions = digest.split(' ').next().unwrap().to_owned();
    (facts, definitions, by_key.is_some())
}

#[tokio::test]
async fn what_makes_a_key_uncertain_is_seen_and_changes_the_digest() {
    let (_test, server) = rows().await;
    let (facts, digest, is_known) = state(&server).await;
    assert!(is_known);
    for (change, remains) in [
        ("ALTER TABLE words DROP CONSTRAINT words_pkey", false),
        (
            "ALTER TABLE words DROP CONSTRAINT words_pkey, ADD PRIMARY KEY (id) DEFERRABLE",
            false,
        ),
        (
            "ALTER TABLE words DROP CONSTRAINT words_pkey, ADD PRIMARY KEY (id, note)",
            false,
        ),
        ("ALTER TABLE words ALTER id TYPE text COLLATE nocase", false),
        ("ALTER TABLE words ALTER id TYPE char(4)", false),
        ("ALTER TABLE words ALTER id TYPE varchar(9)", true),
        ("ALTER TABLE words RENAME id TO key", false),
        ("CREATE UNIQUE INDEX ON words (id text_pattern_ops)", true),
        (
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'words_pkey'::regclass",
            false,
        ),
        (
            "CREATE OPERATOR = (leftarg = varchar, rightarg = varchar, function = same_text)",
            false,
        ),
        (
            "CREATE AGGREGATE last_of (text) (SFUNC = second_text, STYPE = text)",
            true,
        ),
        ("ALTER TABLE made ALTER id DROP EXPRESSION", true),
    ] {
        // Some of its values are one for some of the changes.
        server.execute("BEGIN; TRUNCATE words").await;
        let before = state(&server).await;
        server.execute(change).await;
        let (changed_facts, changed_digest, is_known) = state(&server).await;
        assert_ne!(changed_facts, facts, "{change}");
        assert_ne!(changed_digest, before.1, "{change}");
        assert_eq!(is_known, remains, "{change}");
        server.execute("ROLLBACK").await;
    }
    // What leaves all of that as it is.
    for work in [
        "TRUNCATE words",
        "CLUSTER words USING words_pkey",
        "ANALYZE words",
        "CREATE INDEX ON words (note)",
    ] {
        server.execute(&format!("BEGIN; {work}")).await;
        let (same_facts, same_digest, is_known) = state(&server).await;
        assert_eq!(
            (same_facts, same_digest, is_known),
            (facts.clone(), digest.clone(), true),
            "{work}"
        );
        server.execute("ROLLBACK").await;
    }
    for (path, is_known) in [
        ("rows, pg_catalog", false),
        ("pg_catalog, rows", true),
        ("rows", true),
    ] {
        server.execute(&format!("SET search_path = {path}")).await;
        assert_eq!(state(&server).await.2, is_known, "{path}");
    }
}
