//! The cache: what hits, invalidations, misses and entries cost, and how much it answers.

mod filled;
mod fixture;
mod hit_ratio;
mod hits;
mod invalidation;
mod memory;
mod parts;
mod reads;
mod second_tier;

use std::time::{Duration, Instant};

use larder_metrics::Exporter;

use self::fixture::Fixture;
use crate::error::Result;
use crate::race::Effort;
use crate::report::Report;

/// How long what is kept stays good: longer than any bench.
const TTL: Duration = Duration::from_secs(3600);

/// Measures everything.
pub(crate) async fn run(effort: Effort) -> Result<Report> {
    let began = Instant::now();
    // Before the first handle of a metric is made.
    let _exporter = Exporter::install();
    let fixture = Fixture::create().await?;
    // First: later the process would fill memory that it already has.
    let memory = memory::measure(&fixture).await?;
    let groups = vec![
        hits::measure(&fixture, effort).await?,
        parts::measure(&fixture, effort).await?,
        invalidation::measure(effort).await?,
        reads::misses(&fixture, effort).await?,
        reads::observation(&fixture, effort).await?,
        second_tier::measure(&fixture, effort).await?,
    ];
    let hit_ratios = vec![hit_ratio::measure(effort).await?];
    let mut report = Report::new("cache", effort, &fixture.observed, began, groups);
    report.hit_ratios = hit_ratios;
    report.memory = memory;
    Ok(report)
}
