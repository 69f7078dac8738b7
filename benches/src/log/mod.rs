//! The log of invalidations: what its row costs the transaction that it is committed with.

mod contenders;
mod server;

use std::time::Instant;

use larder_database::{Database, DatabaseOptions, Hints};
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;

use self::contenders::{Clients, Mode, Write};
use crate::error::{Error, Result};
use crate::race::{Effort, Race};
use crate::report::{Group, Report};

/// Clients that write at the same time, each a row of its own.
const CLIENTS: usize = 16;

/// So many rows, none of which two clients write.
const TABLE: &str = "CREATE TABLE bench_counter (id bigint PRIMARY KEY, n bigint NOT NULL) \
                     WITH (fillfactor = 50)";
const ROWS: &str = "INSERT INTO bench_counter SELECT id, 0 FROM generate_series(1, 64) AS id";

/// Transactions of a client in a round.
const TRANSACTIONS: usize = 8;

/// Measures everything.
pub(crate) async fn run(effort: Effort) -> Result<Report> {
    let began = Instant::now();
    let test = TestDatabase::create(MIGRATIONS).await?;
    let durability = server::prepare(test.database()).await?;
    let db = test.database();
    db.sql(TABLE).execute().await?;
    db.sql(ROWS).execute().await?;
    let modes = Modes {
        local: open(test.url(), "local", Mode::Local).await?,
        shared: open(test.url(), "shared", Mode::Shared(Hints::Off)).await?,
        notifying: open(test.url(), "notifying", Mode::Shared(Hints::Notify)).await?,
    };
    let logged_before = modes.logged().await?;
    let groups = vec![
        transactions(&modes, 1, effort).await?.note(durability),
        transactions(&modes, CLIENTS, effort).await?,
        statements(&modes, effort).await?,
    ];
    if modes.logged().await? == logged_before {
        return Err(Error::NotLogged);
    }
    Ok(Report::new("log", effort, db, began, groups))
}

/// One database in the modes that are compared, each with a connection for each client.
struct Modes {
    local: Database,
    shared: Database,
    notifying: Database,
}

impl Modes {
    /// How many rows the log has.
    async fn logged(&self) -> Result<i64> {
        let count = self.local.sql("SELECT count(*) FROM larder.invalidation");
        Ok(count.fetch_scalar().await?)
    }
}

async fn open(url: &str, name: &str, mode: Mode) -> Result<Database> {
    let mut options = DatabaseOptions::from_url(url)?;
    options.pool.size = CLIENTS;
    options.pool.overflow = 0;
    options.pool.name = format!("log_{name}");
    mode.set(&mut options.cache);
    Ok(Database::open(options).await?)
}

/// Transactions that write one row.
async fn transactions(modes: &Modes, clients: usize, effort: Effort) -> Result<Group> {
    let [plain, logged, notify, both] = if clients == 1 {
        ["plain", "logged", "notify", "logged_notify"]
    } else {
        ["plain_16", "logged_16", "notify_16", "logged_notify_16"]
    };
    let mut race = Race::new(effort.choose(101, 31));
    let each = [
        (plain, "plain (mode local)", &modes.local, Write::Row),
        (
            logged,
            "with the row of the log (mode shared)",
            &modes.shared,
            Write::Row,
        ),
        (
            notify,
            "with pg_notify in it instead",
            &modes.local,
            Write::RowAndNotify,
        ),
        (
            both,
            "with the row and hints = \"notify\"",
            &modes.notifying,
            Write::Row,
        ),
    ];
    for (name, label, db, write) in each {
        let clients = Clients { db, clients };
        let count = clients.clients * TRANSACTIONS;
        race.add_fixed(count, name, label, move |count| {
            clients.transactions(write, count)
        });
    }
    let figures = race.run().await?;
    Ok(if clients == 1 {
        Group::new(
            "one_client",
            "A transaction of one UPDATE, 1 client",
            figures,
        )
        .compare_all("plain")
        .note("pg_notify is in the statement that writes, so it costs no round trip.")
    } else {
        Group::new(
            "clients",
            "The same, 16 clients: time for each transaction",
            figures,
        )
        .compare_all("plain_16")
        .note("The time of all divided by the number of transactions.")
    })
}

/// Single statements that commit by themselves.
async fn statements(modes: &Modes, effort: Effort) -> Result<Group> {
    let mut race = Race::new(effort.choose(201, 31));
    for (name, label, db) in [
        ("autocommit", "plain (mode local)", &modes.local),
        (
            "autocommit_logged",
            "with the row of the log (mode shared)",
            &modes.shared,
        ),
    ] {
        let client = Clients { db, clients: 1 };
        race.add_fixed(TRANSACTIONS, name, label, move |count| {
            client.statements(count)
        });
    }
    let figures = race.run().await?;
    Ok(Group::new(
        "statement",
        "An UPDATE outside of a transaction, 1 client",
        figures,
    )
    .compare_all("autocommit"))
}
