//! The server, and what it says of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use futures::{SinkExt as _, TryStreamExt as _};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, SimpleQueryRow};

/// A table as it is in the middle of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) is_temporary: bool,
    contents: String,
    touched: String,
    file: String,
}

impl Table {
    /// Whether a statement that found it like this and left it like `after` wrote it.
    /// Maintenance gives a table another file with the same rows.
    pub(super) fn was_written(&self, after: &Self, is_maintenance: bool) -> bool {
        self.contents != after.contents
            || self.touched != after.touched
            || (self.file != after.file && !is_maintenance)
    }
}

/// A relation that a statement locked or planned to read.
#[derive(Debug)]
pub(super) struct Relation {
    pub(super) name: String,
    pub(super) is_view: bool,
    /// Itself, and what it is a partition or a child of.
    pub(super) lineage: BTreeSet<u32>,
}

/// What a session is like.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SessionState {
    /// What decides which tables names mean.
    pub(super) names: String,
    /// Settings, prepared statements, cursors.
    pub(super) rest: String,
}

/// A session on the database of a test.
pub(super) struct Server {
    client: Client,
}

impl Server {
    pub(super) async fn connect(url: &str) -> Self {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let server = Self { client };
        server
            .execute("SET jit = off; SET timezone = 'UTC'; SET search_path = shop, public; SET client_min_messages = error; SET shop.tenant = ''")
            .await;
        server
    }

    /// Makes the shop and the judge.
    pub(super) async fn prepare_database(&self) {
        self.execute(include_str!("schema.sql")).await;
        self.execute(include_str!("judge.sql")).await;
        self.execute("ANALYZE").await;
        self.end().await;
    }

    /// Runs what cannot fail.
    pub(super) async fn execute(&self, sql: &str) {
        if let Err(error) = self.client.batch_execute(sql).await {
            panic!("{error:?}: {sql}");
        }
    }

    pub(super) async fn begin(&self, prepare: &str) {
        self.execute(&format!("BEGIN; {prepare}")).await;
    }

    /// Takes everything back, also what a ROLLBACK does not, and gives whether there was an
    /// advisory lock that the transaction left.
    pub(super) async fn end(&self) -> bool {
        let left = "ROLLBACK;
            DEALLOCATE ALL;
            SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid());
            SELECT pg_advisory_unlock_all();
            -- So that the next transaction begins to count at nothing.
            SELECT pg_stat_force_next_flush()";
        self.value(left).await == "t"
    }

    /// Runs a statement of the corpus, and gives what it returned.
    pub(super) async fn run(&self, statement: &str, input: Option<&str>) -> Result<(), String> {
        let result = if let Some(input) = input {
            self.copy_in(statement, input).await
        } else if statement.starts_with("copy") && statement.contains("to stdout") {
            self.copy_out(statement).await
        } else {
            self.client.batch_execute(statement).await
        };
        result.map_err(|error| said(&error))
    }

    async fn copy_in(&self, statement: &str, input: &str) -> Result<(), tokio_postgres::Error> {
        let sink = self
            .client
            .copy_in::<_, std::io::Cursor<Vec<u8>>>(statement)
            .await?;
        let mut sink = pin!(sink);
        sink.send(std::io::Cursor::new(input.as_bytes().to_vec()))
            .await?;
        sink.as_mut().finish().await?;
        Ok(())
    }

    async fn copy_out(&self, statement: &str) -> Result<(), tokio_postgres::Error> {
        let stream = self.client.copy_out(statement).await?;
        let _: Vec<_> = stream.try_collect().await?;
        Ok(())
    }

    /// The rows of one or several statements, in the order of their text, up to the first
    /// statement that fails, and what that one failed with.
    pub(super) async fn rows(&self, sql: &str) -> (Vec<Vec<String>>, Option<String>) {
        let stream = match self.client.simple_query_raw(sql).await {
            Ok(stream) => stream,
            Err(error) => return (Vec::new(), Some(said(&error))),
        };
        let mut stream = pin!(stream);
        let mut results = Vec::new();
        let mut rows = Vec::new();
        loop {
            match stream.try_next().await {
                Ok(Some(SimpleQueryMessage::Row(row))) => rows.push(joined(&row)),
                Ok(Some(SimpleQueryMessage::CommandComplete(_))) => {
                    rows.sort();
                    results.push(std::mem::take(&mut rows));
                }
                Ok(Some(_)) => {}
                Ok(None) => return (results, None),
                Err(error) => return (results, Some(said(&error))),
            }
        }
    }

    /// The rows of a question that cannot fail.
    async fn ask(&self, sql: &str) -> Vec<SimpleQueryRow> {
        let messages = match self.client.simple_query(sql).await {
            Ok(messages) => messages,
            Err(error) => panic!("{error:?}: {sql}"),
        };
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.collect()
    }

    /// The first column of the only row.
    pub(super) async fn value(&self, sql: &str) -> String {
        text(&self.ask(sql).await[0], 0)
    }

    pub(super) async fn tables(&self) -> BTreeMap<u32, Table> {
        let rows = self.ask("SELECT * FROM judge.tables()").await;
        let table = |row: &SimpleQueryRow| {
            let table = Table {
                name: text(row, 1),
                is_temporary: text(row, 2) == "t",
                contents: text(row, 3),
                touched: text(row, 4),
                file: text(row, 5),
            };
            (oid(row, 0), table)
        };
        rows.iter().map(table).collect()
    }

    pub(super) async fn session(&self) -> SessionState {
        let rows = self.ask("SELECT * FROM judge.session()").await;
        SessionState {
            names: text(&rows[0], 0),
            rest: text(&rows[0], 1),
        }
    }

    /// The relations on which this transaction holds a lock.
    pub(super) async fn locked(&self) -> BTreeSet<u32> {
        let rows = self.ask("SELECT * FROM judge.locked()").await;
        rows.iter().map(|row| oid(row, 0)).collect()
    }

    /// The relations in the plan of a query. Temporary ones stand there without their schema,
    /// and are left out.
    pub(super) async fn planned(&self, query: &str) -> BTreeSet<u32> {
        let plan = format!("EXPLAIN (VERBOSE, FORMAT JSON) {query}");
        let plan: serde_json::Value = serde_json::from_str(&self.value(&plan).await).unwrap();
        let mut names = BTreeSet::new();
        relations_of_plan(&plan, &mut names);
        let mut oids = BTreeSet::new();
        for (schema, name) in names {
            let question = format!("SELECT * FROM judge.named('{schema}', '{name}')");
            oids.extend(self.ask(&question).await.iter().map(|row| oid(row, 0)));
        }
        oids
    }

    /// What these are; indexes and such are left out.
    pub(super) async fn relations(&self, oids: &BTreeSet<u32>) -> BTreeMap<u32, Relation> {
        let list: Vec<String> = oids.iter().map(u32::to_string).collect();
        let question = format!("SELECT * FROM judge.relations('{{{}}}')", list.join(","));
        let mut relations = BTreeMap::new();
        for row in self.ask(&question).await {
            let relation = relations.entry(oid(&row, 0)).or_insert_with(|| Relation {
                name: text(&row, 1),
                is_view: text(&row, 2) == "t",
                lineage: BTreeSet::new(),
            });
            relation.lineage.insert(oid(&row, 3));
        }
        relations
    }
}

fn relations_of_plan(node: &serde_json::Value, found: &mut BTreeSet<(String, String)>) {
    if let (Some(schema), Some(name)) = (node["Schema"].as_str(), node["Relation Name"].as_str()) {
        found.insert((schema.to_owned(), name.to_owned()));
    }
    match node {
        serde_json::Value::Array(nodes) => {
            nodes.iter().for_each(|node| relations_of_plan(node, found));
        }
        serde_json::Value::Object(fields) => {
            fields
                .values()
                .for_each(|node| relations_of_plan(node, found));
        }
        _ => {}
    }
}

fn joined(row: &SimpleQueryRow) -> String {
    let columns = (0..row.len()).map(|column| row.get(column).unwrap_or("NULL"));
    columns.collect::<Vec<_>>().join("|")
}

fn text(row: &SimpleQueryRow, column: usize) -> String {
    row.get(column).unwrap_or_default().to_owned()
}

fn oid(row: &SimpleQueryRow, column: usize) -> u32 {
    text(row, column).parse().unwrap()
}

fn said(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("{} {}", error.code().code(), error.message()),
        None => error.to_string(),
    }
}
