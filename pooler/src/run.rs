//! The clients, from the start to the report.

use std::collections::BTreeSet;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use larder_database::{Database, DatabaseOptions};
use larder_pool::PoolerMode;
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

use crate::arguments::Arguments;
use crate::error::{Error, Result};
use crate::report::Report;
use crate::work::{self, Work};

const POOLER: &str = "LARDER_TEST_PGBOUNCER_URL";

/// Room for the ids of a client.
const IDS: i32 = 1_000_000;

/// Lets the clients work for as long as the arguments say.
///
/// # Errors
///
/// If the database of the run cannot be made. What clients meet is in the report.
pub(crate) async fn run(arguments: &Arguments) -> Result<Report> {
    let test = TestDatabase::create(MIGRATIONS).await?;
    let role = format!("larder_pooler_{:x}", fastrand::u64(..));
    work::prepare(test.database(), &role).await?;
    let db = Database::open(options(&test, arguments.clients)?).await?;

    let began = Instant::now();
    let until = began + arguments.duration;
    let mut clients = JoinSet::new();
    for client in 0..arguments.clients {
        clients.spawn(work_until(
            db.clone(),
            i32::from(client),
            role.clone(),
            until,
        ));
    }
    let watching = tokio::spawn(show_progress(began, arguments.duration));
    let mut report = Report {
        clients: arguments.clients,
        ..Report::default()
    };
    let mut servers = BTreeSet::new();
    while let Some(client) = clients.join_next().await {
        match client {
            Ok((done, seen)) => {
                report.merge(done);
                servers.extend(seen);
            }
            Err(error) => report.note("clients", Err(error.to_string())),
        }
    }
    watching.abort();
    report.seconds = began.elapsed().as_secs_f64();
    report.servers = servers.len();
    work::clean_up(test.database(), &role).await?;
    Ok(report)
}

/// The database of the run, behind the pooler.
fn options(test: &TestDatabase, clients: u16) -> Result<DatabaseOptions> {
    let pooler = std::env::var(POOLER).map_err(|_| Error::NoServer(POOLER))?;
    let (place, _) = pooler.rsplit_once('/').ok_or(Error::NoServer(POOLER))?;
    let (_, name) = test.url().rsplit_once('/').ok_or(Error::NoServer(POOLER))?;
    let mut options = DatabaseOptions::from_url(&format!("{place}/{name}"))?;
    options.connect.pooler = PoolerMode::Transaction;
    options.pool.size = usize::from(clients);
    options.pool.overflow = 0;
    Ok(options)
}

async fn work_until(
    db: Database,
    client: i32,
    role: String,
    until: Instant,
) -> (Report, BTreeSet<i32>) {
    let mut report = Report::default();
    let mut servers = BTreeSet::new();
    let mut id = client * IDS;
    while Instant::now() < until {
        let work = Work::any();
        let outcome = work.run(&db, id, &role).await;
        id = client * IDS + (id + 1) % IDS;
        let outcome = outcome.map(|server| servers.extend(server));
        report.note(work.name(), outcome);
    }
    (report, servers)
}

/// A line that moves at a terminal.
async fn show_progress(began: Instant, duration: Duration) {
    let bar = ProgressBar::new(duration.as_secs());
    if let Ok(style) = ProgressStyle::with_template("[{bar:32}] {pos:>5}/{len} s") {
        bar.set_style(style.progress_chars("=> "));
    }
    let mut ticks = interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        bar.set_position(began.elapsed().as_secs());
    }
}
