//! What the demonstration does, one stage after the other.

use std::time::Duration;

use larder::Larder;

use crate::arguments::Arguments;
use crate::error::Error;
use crate::import::import;
use crate::measure::timed;
use crate::reads::reads;
use crate::report::{Cache, Database, Migrations, Report};
use crate::shared::hits_of_a_second_instance;
use crate::writes::{coherence, writes};

/// Starts Larder and runs all stages. Where one fails, Larder is shut down.
pub(crate) async fn run(arguments: &Arguments) -> Result<(Larder, Report), Error> {
    let (larder, started_in) = timed(Larder::from_env()).await?;
    match stages(&larder, arguments, started_in).await {
        Ok(report) => Ok((larder, report)),
        Err(error) => {
            // The first error is the one to report.
            let _ = larder.shutdown().await;
            Err(error)
        }
    }
}

async fn stages(
    larder: &Larder,
    arguments: &Arguments,
    started_in: Duration,
) -> Result<Report, Error> {
    let (migrations, migrated_in) = timed(larder.migrate()).await?;
    let (import, imported_in) = timed(import(larder, arguments)).await?;
    let reads = reads(larder).await?;
    let coherence = coherence(larder, reads.place).await?;
    let writes = writes(larder).await?;
    let hits_l2 = hits_of_a_second_instance(larder, reads.place).await?;
    // A check of now: the one in the background may be from before all this.
    let health = larder.health_monitor().check_now().await.status;
    let statistics = larder.statistics();
    Ok(Report {
        profile: larder.config().profile().to_string(),
        database: Database {
            kind: larder.database_kind().as_str(),
            version: larder.db().server_version().to_owned(),
            started_in,
        },
        migrations: Migrations {
            applied: migrations.applied.len(),
            names: migrations.applied,
            already_applied: migrations.already_applied,
            migrated_in,
        },
        source: match &arguments.data {
            Some(path) => path.display().to_string(),
            None => "generated restaurants".to_owned(),
        },
        import,
        imported_in,
        reads,
        coherence,
        writes,
        health,
        pool: statistics.pool,
        cache: Cache::new(statistics.cache, hits_l2),
        metrics_series: larder.metrics().as_deref().map(series),
    })
}

/// How many series a page of metrics has: its lines, but for those that explain.
fn series(page: &str) -> usize {
    let explains = |line: &&str| line.is_empty() || line.starts_with('#');
    page.lines().filter(|line| !explains(line)).count()
}
