//! What watching costs: pooled point reads with everything on beside a pool that nobody watches,
//! and reads while somebody scrapes a hundred times a second beside reads while nobody does.

mod instance;
mod pairs;
mod reads;
mod scraper;
mod scrapes;

use std::time::Instant;

use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;

use self::instance::Instances;
use crate::error::Result;
use crate::race::Effort;
use crate::report::Report;

/// Measures everything.
pub(crate) async fn run(effort: Effort) -> Result<Report> {
    let began = Instant::now();
    let test = TestDatabase::create(MIGRATIONS).await?;
    let instances = Instances::start(&test).await?;
    let groups = vec![
        reads::measure(&instances, effort).await?,
        scrapes::measure(&instances.watched, effort).await?,
    ];
    let report = Report::new("watch", effort, test.database(), began, groups);
    instances.stop().await?;
    Ok(report)
}
