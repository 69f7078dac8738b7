//! Reads while somebody scrapes, beside reads while nobody does.

use std::hint::black_box;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use larder::prelude::Larder;

use super::instance::{ROWS, point};
use super::pairs::{at_most, beside};
use super::scraper::Scraper;
use crate::error::Result;
use crate::race::Effort;
use crate::report::{Figure, Group};

/// What scrapes may do to the slowest of a hundred reads.
const GOAL: f64 = 1.05;

/// Clients that read at the same time.
const CLIENTS: usize = 2;

/// How long reads run before it is the other's turn: thousands of reads, and 50 scrapes.
const BLOCK: Duration = Duration::from_millis(500);

pub(super) async fn measure(larder: &Larder, effort: Effort) -> Result<Group> {
    let pairs = effort.choose(80, 10);
    let scraper = Scraper::start(larder)?;
    block(larder).await?;
    let (mut without, mut with) = (Quantiles::default(), Quantiles::default());
    let mut scraped = Duration::ZERO;
    for pair in 0..pairs {
        // Each begins every other pair.
        for scrapes in [pair % 2 == 0, pair % 2 != 0] {
            scraper.scrape(scrapes);
            let began = Instant::now();
            let times = block(larder).await?;
            if scrapes {
                scraped += began.elapsed();
                with.add(times);
            } else {
                without.add(times);
            }
        }
    }
    let rate = scraper.made() as f64 / scraped.as_secs_f64();
    let bytes = scraper.bytes();
    scraper.stop().await?;
    Ok(group(&without, &with).note(format!(
        "{CLIENTS} clients read by key, without a pause, in turns of {} ms; figures are of turns, a \
         ratio is the median of those of neighbours. {rate:.0} scrapes a second of {bytes} bytes.",
        BLOCK.as_millis()
    )))
}

/// The median and the 99th percentile of each turn.
#[derive(Default)]
struct Quantiles {
    median: Vec<f64>,
    p99: Vec<f64>,
}

impl Quantiles {
    fn add(&mut self, mut times: Vec<Duration>) {
        times.sort_unstable();
        let at = |share: f64| {
            let place = (times.len().saturating_sub(1) as f64 * share).ceil() as usize;
            times
                .get(place)
                .map_or(f64::NAN, |time| time.as_secs_f64() * 1e9)
        };
        self.median.push(at(0.5));
        self.p99.push(at(0.99));
    }
}

fn group(without: &Quantiles, with: &Quantiles) -> Group {
    let figures = vec![
        Figure::of_times(
            "median",
            "median, nobody scrapes".to_owned(),
            without.median.clone(),
        ),
        beside(
            "median_scraped",
            "median, 100 scrapes a second",
            &with.median,
            ("median", &without.median),
        ),
        Figure::of_times("p99", "p99, nobody scrapes".to_owned(), without.p99.clone()),
        at_most(
            beside(
                "p99_scraped",
                "p99, 100 scrapes a second",
                &with.p99,
                ("p99", &without.p99),
            ),
            GOAL,
        ),
    ];
    Group::new("scraping", "Pooled reads while somebody scrapes", figures)
}

/// How long reads took that were made for this long.
async fn block(larder: &Larder) -> Result<Vec<Duration>> {
    let until = Instant::now() + BLOCK;
    let clients = (0..CLIENTS).map(|client| {
        let larder = larder.clone();
        async move {
            let reading = tokio::spawn(async move { reads(&larder, client, until).await });
            reading.await.unwrap_or(Err(crate::error::Error::Panicked))
        }
    });
    Ok(try_join_all(clients).await?.concat())
}

async fn reads(larder: &Larder, client: usize, until: Instant) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(8_192);
    let mut id = client as i64 * 37;
    loop {
        let began = Instant::now();
        if began >= until {
            return Ok(times);
        }
        id = id % ROWS + 1;
        black_box(point(&mut *larder.db().session().await?, id).await?);
        times.push(began.elapsed());
    }
}
