//! Overload: twice what the database can carry, on Larder's pool and on plain bb8 with
//! diesel-async.
//!
//! What the database can carry is measured first, by clients that each wait for their answer. Then
//! requests come at twice that rate whether answers come or not, as they do from the world. What
//! counts is how long the requests took that were served, how many were, and how soon the others
//! were told.

mod contenders;
mod load;
mod outcome;
mod plot;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;

pub(crate) use self::outcome::Overload;

use self::contenders::Contender;
use self::load::{Requests, capacity, flood};
use self::outcome::Row;
use crate::error::{Error, Result};
use crate::race::Effort;
use crate::report::Report;

/// Connections that each pool has.
const CONNECTIONS: usize = 10;

/// How much more is asked than can be done.
const FACTOR: f64 = 2.0;

/// What the slowest of a hundred served requests should take at most, in targets.
const GOAL: f64 = 3.0;

const TARGET: Duration = Duration::from_millis(50);

/// How long each is asked too much.
fn length(effort: Effort) -> Duration {
    match effort {
        Effort::Full => Duration::from_secs(60),
        Effort::Quick => Duration::from_secs(10),
    }
}

/// Measures everything.
pub(crate) async fn run(effort: Effort) -> Result<Report> {
    let began = Instant::now();
    let test = TestDatabase::create(MIGRATIONS).await?;
    let contenders = [
        Contender::larder(test.url(), CONNECTIONS, TARGET).await?,
        Contender::bb8(test.url(), CONNECTIONS).await?,
    ];
    // The better of the two, so that it is twice for both.
    let mut carried = 0.0_f64;
    for contender in &contenders {
        carried = carried.max(capacity(contender, CONNECTIONS).await?);
    }
    let rate = carried * FACTOR;
    let mut runs: Vec<(&Contender, Requests)> = Vec::new();
    for contender in &contenders {
        runs.push((contender, flood(contender, rate, length(effort)).await));
    }
    let rows = runs
        .iter()
        .map(|(contender, requests)| Row::of(contender, requests, length(effort)))
        .collect();
    let plot = plot::draw(&runs, length(effort), TARGET.mul_f64(GOAL));
    let file = PathBuf::from("target/bench/overload.svg");
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory).map_err(Error::Output)?;
    }
    std::fs::write(&file, plot).map_err(Error::Output)?;
    let mut report = Report::new("overload", effort, test.database(), began, Vec::new());
    report.overloads.push(Overload {
        title: format!(
            "{rate:.0} requests/s, {FACTOR} x what the database carries, {} connections",
            CONNECTIONS
        ),
        carried,
        rate,
        goal_ms: TARGET.mul_f64(GOAL).as_secs_f64() * 1e3,
        rows,
        plot: file.display().to_string(),
    });
    Ok(report)
}
