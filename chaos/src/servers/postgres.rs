//! The database of a run, through a client that is not Larder's.

use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, Row};

use crate::checker::{Committed, Truth};
use crate::clock;
use crate::error::{Error, Result};
use crate::history::Value;
use crate::interrupts;
use crate::register::{Register, SCHEMA, Token};
use crate::worker::APPLICATION;

/// How long the last transactions may take to end.
const SETTLE: Duration = Duration::from_secs(20);

/// A connection to the database of a run.
pub(crate) struct Postgres {
    runtime: Runtime,
    client: Client,
    url: String,
}

impl Postgres {
    /// Makes a database of this name, with tables. What an earlier one of the name had is gone.
    pub(crate) fn create(server: &str, name: &str) -> Result<Self> {
        let maintenance = Self::connect(server.to_owned())?;
        let stamps = maintenance.row("SELECT current_setting('track_commit_timestamp')")?;
        if stamps.get::<_, &str>(0) != "on" {
            let cure = "track_commit_timestamp is off; start this program by cargo xtask chaos";
            return Err(Error::step("use this PostgreSQL", cure));
        }
        maintenance.run(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))?;
        maintenance.run(&format!("CREATE DATABASE {name}"))?;
        let (before, _) = server
            .rsplit_once('/')
            .ok_or_else(|| Error::step("read the URL of PostgreSQL", "it names no database"))?;
        let database = Self::connect(format!("{before}/{name}"))?;
        database.run(SCHEMA)?;
        Ok(database)
    }

    fn connect(url: String) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| Error::step("start a runtime", error))?;
        let (client, connection) = runtime
            .block_on(tokio_postgres::connect(&url, NoTls))
            .map_err(|error| Error::database("connect to PostgreSQL", &error))?;
        runtime.spawn(connection);
        Ok(Self {
            runtime,
            client,
            url,
        })
    }

    /// Its URL, password included.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ends one connection of the workers, or all of them; says how many.
    pub(crate) fn end_backends(&self, all: bool) -> Result<u64> {
        let limit = if all { "" } else { "ORDER BY random() LIMIT 1" };
        let rows = self.rows(&format!(
            "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity \
             WHERE application_name LIKE '{APPLICATION}%' {limit}) AS backends"
        ))?;
        Ok(rows.len() as u64)
    }

    /// Waits until no worker's transaction is under way that writes: a commit may outlive its
    /// process by seconds.
    pub(crate) fn settle(&self) -> Result<bool> {
        let open = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '{APPLICATION}%' \
             AND datname = current_database() AND backend_xid IS NOT NULL"
        );
        let mut failed = None;
        let settled = interrupts::wait_until(SETTLE, || match self.row(&open) {
            Ok(row) => row.get::<_, i64>(0) == 0,
            Err(error) => {
                failed = Some(error);
                true
            }
        })?;
        failed.map_or(Ok(settled), Err)
    }

    /// What the database has in the end, and when it was committed.
    pub(crate) fn truth(&self) -> Result<Truth> {
        let ledger = self.rows(
            "SELECT token, register, version, \
             (extract(epoch FROM pg_xact_commit_timestamp(xid::xid)) * 1000000)::int8 FROM ledger",
        )?;
        let mut registers = Vec::new();
        for (table, place) in [("register_a", 0), ("register_b", 1)] {
            let rows = self.rows(&format!(
                "SELECT id + {place} * {}, version, token FROM {table}",
                crate::register::PER_TABLE
            ))?;
            registers.extend(rows.iter().map(|row| Value {
                register: register(row.get(0)),
                version: row.get(1),
                token: Token(row.get(2)),
            }));
        }
        Ok(Truth {
            ledger: ledger
                .iter()
                .map(|row| Committed {
                    token: Token(row.get(0)),
                    register: register(row.get(1)),
                    version: row.get(2),
                    at: clock::from_microseconds(row.get(3)),
                })
                .collect(),
            registers,
        })
    }

    fn run(&self, statements: &str) -> Result<()> {
        self.runtime
            .block_on(self.client.batch_execute(statements))
            .map_err(|error| Error::database("prepare the database", &error))
    }

    fn rows(&self, query: &str) -> Result<Vec<Row>> {
        self.runtime
            .block_on(self.client.query(query, &[]))
            .map_err(|error| Error::database("ask the database", &error))
    }

    fn row(&self, query: &str) -> Result<Row> {
        let rows = self.rows(query)?;
        rows.into_iter()
            .next()
            .ok_or_else(|| Error::step("ask the database", "no row came back"))
    }
}

fn register(number: i32) -> Register {
    Register(u32::try_from(number).unwrap_or(u32::MAX))
}
