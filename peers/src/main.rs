//! The same point reads through Larder and through its peers.
//!
//! `cargo xtask bench pool` builds this program in release, starts a PostgreSQL for it and runs
//! it. It is a workspace of its own, so that nobody else's build pays for sqlx and SeaORM. Every
//! contender reads the same rows of the same server with as many connections, in one run, in
//! rounds that take turns: what disturbs the machine disturbs them alike. Figures are shown and
//! never asserted.
//!
//! - [`fixture`]: the database and its rows; [`contenders`]: the ways to read one.
//! - [`rounds`]: taking turns; [`report`]: what that gave, [`table`]: for people.
//!
//! Exit codes: 0 measured, 1 something failed, 2 the arguments are wrong, 130 interrupted.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "tests fail by panicking"))]

mod arguments;
mod contenders;
mod error;
mod fixture;
mod report;
mod rounds;
mod table;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::arguments::{Arguments, Bench, Options};
use crate::error::{Error, Result};
use crate::fixture::Fixture;
use crate::report::Report;

const FAILED: u8 = 1;
const INTERRUPTED: u8 = 130;

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let Bench::Pool(options) = Arguments::parse().bench;
    match run(&options).await {
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

async fn run(options: &Options) -> Result<()> {
    let fixture = Fixture::create().await?;
    let outcome = tokio::select! {
        report = measure(&fixture, options) => report,
        _ = tokio::signal::ctrl_c() => Err(Error::Interrupted),
    };
    // Also where it failed: the server may be somebody's own.
    let removed = fixture.remove().await;
    let report = outcome?;
    removed?;
    write(&report, options.json)
}

async fn measure(fixture: &Fixture, options: &Options) -> Result<Report> {
    let began = Instant::now();
    let contenders = contenders::open(fixture, options).await?;
    let measured = rounds::run(contenders, options).await?;
    Ok(Report::new(fixture, options, began, measured))
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
