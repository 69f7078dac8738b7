//! Asking all processes to warm their caches, and answering.
//!
//! A request is a row of the table `larder.warming`, and a row of the log that says that there is one.
//! Each process adds a row of its own, and writes down how far it has come.

use std::sync::{Arc, Weak};
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use larder_cache::Touched;
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use super::progress::WarmingReport;
use super::rounds::round;
use super::warmer::Warmer;
use crate::database::Inner;
use crate::sql::sql;
use crate::{Database, Error};

/// A request to all processes; made by [`Database::request_warming`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct WarmingRequest(String);

/// How far a process has come that was asked to warm its cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, QueryableByName)]
#[non_exhaustive]
pub struct WarmingAnswer {
    /// The process: the name of its application, and its id where it runs.
    #[diesel(sql_type = Text)]
    pub process: String,
    /// Registered reads.
    #[diesel(sql_type = BigInt)]
    pub total: i64,
    /// Those that have ended well.
    #[diesel(sql_type = BigInt)]
    pub done: i64,
    /// Those that have failed.
    #[diesel(sql_type = BigInt)]
    pub failed: i64,
    /// What is wrong, if something is: the reads that failed and their errors.
    #[diesel(sql_type = Nullable<Text>)]
    pub problem: Option<String>,
    /// Whether it has finished.
    #[diesel(sql_type = Bool)]
    pub finished: bool,
}

/// How often a process writes down how far it has come.
const REPORT: Duration = Duration::from_millis(250);

const TIDY: &str = "DELETE FROM larder.warming \
    WHERE begun_at < pg_catalog.now() - pg_catalog.make_interval(days => 1)";

/// Answers the requests of lately that this process has not answered.
const ANSWER: &str = "\
    INSERT INTO larder.warming (request, process, name) \
    SELECT asked.request, :process, \
        pg_catalog.concat_ws(' ', pg_catalog.current_setting('application_name'), :name::text) \
    FROM larder.warming AS asked \
    WHERE asked.process = '' \
        AND asked.begun_at > pg_catalog.now() - pg_catalog.make_interval(mins => 10) \
    ON CONFLICT DO NOTHING RETURNING request::text AS request";

const PROGRESS: &str = "\
    UPDATE larder.warming SET total = :total, done = :done, failed = :failed \
    WHERE process = :process AND finished_at IS NULL";

const FINISHED: &str = "\
    UPDATE larder.warming SET total = :total, done = :done, failed = :failed, problem = :problem, \
        finished_at = pg_catalog.clock_timestamp() \
    WHERE process = :process AND finished_at IS NULL";

const ANSWERS: &str = "\
    SELECT name AS process, total, done, failed, problem, finished_at IS NOT NULL AS finished \
    FROM larder.warming WHERE request = :request::uuid AND process <> '' ORDER BY begun_at, process";

#[derive(QueryableByName)]
struct Asked {
    #[expect(dead_code, reason = "only how many there are counts")]
    #[diesel(sql_type = Text)]
    request: String,
}

impl Database {
    /// Asks all processes that work on this database to warm their caches, this one too if its cache
    /// is in mode `shared`. They hear of it as they hear of writes, within `cache.max_staleness`.
    ///
    /// # Errors
    ///
    /// If the server does not answer, there is no log of invalidations, or it was made by an earlier
    /// version: `larder cache install` adds what it lacks.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the request was made, or it was not.
    pub async fn request_warming(&self) -> Result<WarmingRequest, Error> {
        let row = Touched::warming().to_row();
        // A statement that changes data runs to its end, whether or not it is read from.
        let ask = format!(
            "WITH asked AS (INSERT INTO larder.warming (request, process) \
             VALUES (pg_catalog.gen_random_uuid(), '') RETURNING request::text) \
             SELECT request FROM asked, larder.note({}::pg_catalog.int2, '{}', NULL)",
            row.format,
            row.array()
        );
        let mut session = self.inner().pool.session().await?;
        sql(TIDY).execute_on(&mut session).await?;
        let request: String = sql(ask).fetch_scalar_on(&mut session).await?;
        drop(session);
        if let Some(fleet) = &self.inner().fleet {
            fleet.announce();
        }
        Ok(WarmingRequest(request))
    }

    /// The processes that have answered a request so far, in the order in which they did.
    ///
    /// # Errors
    ///
    /// If the server does not answer.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn warming_answers(
        &self,
        request: &WarmingRequest,
    ) -> Result<Vec<WarmingAnswer>, Error> {
        let mut session = self.inner().pool.session().await?;
        let answers = sql(ANSWERS).bind("request", request.0.as_str());
        answers.fetch_on(&mut session).await
    }
}

/// Answers what this process was asked, and warms its cache.
pub(crate) async fn answer_requests(database: Weak<Inner>) {
    let Some(inner) = database.upgrade() else {
        return;
    };
    if let Err(error) = answer(&inner).await {
        // Whoever has asked sees that nobody answers.
        tracing::warn!("failed to answer a request to warm the cache: failed to {error}");
    }
}

async fn answer(inner: &Arc<Inner>) -> Result<(), Error> {
    let database = Database::of(Arc::clone(inner));
    let process = &*inner.warmer.process;
    let mut session = inner.pool.session().await?;
    let name = format!("pid {}", std::process::id());
    let answered = sql(ANSWER).bind("process", process).bind("name", name);
    let asked: Vec<Asked> = answered.fetch_on(&mut session).await?;
    drop(session);
    if asked.is_empty() {
        return Ok(());
    }
    let reads = match inner.cache.is_enabled() {
        true => Warmer::all,
        // Nothing would be kept.
        false => |_: &Warmer| Vec::new(),
    };
    let mut running = std::pin::pin!(round(&database, inner.cache.is_enabled(), reads));
    let mut reports = interval(REPORT);
    reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let report = loop {
        tokio::select! {
            report = &mut running => break report,
            _ = reports.tick() => write(inner, process, None).await?,
        }
    };
    tracing::info!(
        done = report.done,
        failed = report.failed.len(),
        "the cache is warm, as was asked"
    );
    write(inner, process, Some(&report)).await
}

/// Writes down how far this process has come, or that it has finished.
async fn write(inner: &Inner, process: &str, report: Option<&WarmingReport>) -> Result<(), Error> {
    let progress = inner.warmer.progress();
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let mut statement = match report {
        None => sql(PROGRESS)
            .bind("done", number(progress.done))
            .bind("failed", number(progress.failed))
            .bind("total", number(progress.total)),
        Some(report) => {
            let failed = number(report.failed.len() as u64);
            let done = number(report.done);
            sql(FINISHED)
                .bind("done", done)
                .bind("failed", failed)
                .bind("total", done.saturating_add(failed))
                .bind("problem", problem(report))
        }
    };
    statement = statement.bind("process", process);
    let mut session = inner.pool.session().await?;
    statement.execute_on(&mut session).await?;
    Ok(())
}

/// What is wrong, if something is.
fn problem(report: &WarmingReport) -> Option<String> {
    if report.stopped {
        return Some("it was shut down".to_owned());
    }
    let failures = report.failed.iter();
    let failures: Vec<String> = failures
        .map(|failure| format!("{}: {}", failure.name, failure.error))
        .collect();
    (!failures.is_empty()).then(|| failures.join("; "))
}
