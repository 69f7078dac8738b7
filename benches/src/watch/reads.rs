//! Pooled point reads, each on a connection that it takes and gives back.

use std::hint::black_box;
use std::time::Instant;

use larder::prelude::Larder;
use larder_pool::Pool;

use super::instance::{Instances, point};
use super::pairs::{at_most, beside};
use crate::error::Result;
use crate::race::Effort;
use crate::report::{Figure, Group};

/// What watching may cost.
const GOAL: f64 = 1.03;

/// Reads in a round: a millisecond, so that neighbours have the same machine and many a round
/// passes without an interruption.
const READS: usize = 16;

/// Rounds before those that count.
const WARM_UP: usize = 20;

pub(super) async fn measure(instances: &Instances, effort: Effort) -> Result<Group> {
    let rounds = effort.choose(6_000, 600);
    let mut times: [Vec<f64>; 3] = Default::default();
    for round in 0..WARM_UP + rounds {
        let ids = &instances.ids;
        let from = round * READS % (ids.len() - READS);
        let ids = &ids[from..from + READS];
        for place in 0..times.len() {
            // Another one begins each round, so that all have the same place equally often.
            let contender = (round + place) % times.len();
            let time = match contender {
                0 => of_pool(&instances.bare, ids).await?,
                1 => of_larder(&instances.without_metrics, ids).await?,
                _ => of_larder(&instances.watched, ids).await?,
            };
            if round >= WARM_UP {
                times[contender].push(time);
            }
            // Ctrl-C is noticed here.
            tokio::task::yield_now().await;
        }
    }
    let [bare, without_metrics, watched] = times;
    let off = ("bare", &bare[..]);
    let figures = vec![
        Figure::of_times("bare", "watched by nobody".to_owned(), bare.clone()),
        beside(
            "without_metrics",
            "statistics, slow queries and writes tracked",
            &without_metrics,
            off,
        ),
        at_most(beside("watched", "everything on", &watched, off), GOAL),
    ];
    Ok(
        Group::new("watching", "A pooled read of one row by its key", figures).note(format!(
            "Rounds of {READS} reads take turns; a ratio is the median of those of neighbours. \
         Everything: statistics by statement, series, those for each statement and the \
         predecessor's too, health each second, writes tracked, the log followed."
        )),
    )
}

async fn of_pool(pool: &Pool, ids: &[i64]) -> Result<f64> {
    let began = Instant::now();
    for id in ids {
        black_box(point(&mut *pool.session().await?, *id).await?);
    }
    Ok(nanoseconds(began))
}

async fn of_larder(larder: &Larder, ids: &[i64]) -> Result<f64> {
    let began = Instant::now();
    for id in ids {
        black_box(point(&mut *larder.db().session().await?, *id).await?);
    }
    Ok(nanoseconds(began))
}

/// For one read.
fn nanoseconds(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e9 / READS as f64
}
