//! What Larder costs, measured beside its peers.
//!
//! `cargo xtask bench` builds this program in release, starts a PostgreSQL for it and runs it.
//! All that is compared is measured in one run, in rounds that take turns: what disturbs the
//! machine disturbs all of it alike. Figures are shown and never asserted: a missed goal is no
//! failure.
//!
//! - [`race`]: rounds that take turns; [`report`]: what they gave, [`table`]: for people.
//!   [`outcome`]: what loads gave that are not rounds.
//! - [`cache`]: hits, invalidations, misses and memory of the cache, Redis as its second tier.
//! - [`log`]: what the log of invalidations costs those who write.
//! - [`outage`]: reads while Redis is killed or slow.
//! - [`overload`]: twice what the database can carry, on Larder's pool and on plain bb8.
//! - [`rows`]: what row precision is worth.
//! - [`watch`]: what metrics, statistics, health and scrapes cost.
//! - [`warm`]: what the database sees of a process that is restarted under load.
//!
//! Exit codes: 0 measured, 1 something failed, 2 the arguments are wrong, 130 interrupted.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")
)]

mod arguments;
mod cache;
mod error;
mod log;
mod outage;
mod outcome;
mod overload;
mod private_redis;
mod race;
mod report;
mod rows;
mod servers;
mod table;
mod warm;
mod watch;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Bench};
use crate::error::{Error, Result};
use crate::report::Report;

const FAILED: u8 = 1;
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let bench = Arguments::parse().bench;
    if matches!(bench, Bench::WarmProcess) {
        return match tokio::spawn(warm::process()).await {
            Ok(Ok(())) => ExitCode::SUCCESS,
            Ok(Err(error)) => {
                eprintln!("error: failed to {error}");
                ExitCode::from(FAILED)
            }
            Err(_) => ExitCode::from(FAILED),
        };
    }
    let (Bench::Cache(options)
    | Bench::Log(options)
    | Bench::Outage(options)
    | Bench::Overload(options)
    | Bench::Rows(options)
    | Bench::Warm(options)
    | Bench::Watch(options)) = &bench
    else {
        return ExitCode::from(FAILED);
    };
    let (effort, json) = (options.effort(), options.json);
    // As a task of its own: what runs on the main thread of the runtime pays for a change of
    // threads at every load, which no request of a service does.
    let measuring = tokio::spawn(async move {
        match bench {
            Bench::Cache(_) => cache::run(effort).await,
            Bench::Log(_) => log::run(effort).await,
            Bench::Outage(_) => outage::run(effort).await,
            Bench::Overload(_) => overload::run(effort).await,
            Bench::Rows(_) => rows::run(effort).await,
            Bench::Watch(_) => watch::run(effort).await,
            Bench::Warm(_) | Bench::WarmProcess => warm::run(effort).await,
        }
    });
    let outcome = tokio::select! {
        outcome = measuring => outcome.unwrap_or_else(|_| Err(Error::Panicked)),
        _ = tokio::signal::ctrl_c() => Err(Error::Interrupted),
    };
    match outcome.and_then(|report| write(&report, json)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Interrupted) => {
            eprintln!("interrupted");
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => {
            eprintln!("error: failed to {error}");
            ExitCode::from(FAILED)
        }
    }
}

fn write(report: &Report, json: bool) -> Result<()> {
    let mut out = io::stdout().lock();
    let written = if json {
        serde_json::to_string_pretty(report)
            .map_err(io::Error::other)
            .and_then(|text| writeln!(out, "{text}"))
    } else {
        write!(out, "{report}")
    };
    Ok(written?)
}
