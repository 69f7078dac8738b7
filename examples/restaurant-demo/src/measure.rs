//! How long things take.

use std::time::{Duration, Instant};

/// How often a read is repeated; the median is reported.
const REPETITIONS: usize = 21;

/// Runs a read several times; gives its last result and the median of the times.
pub(crate) async fn median<T, E>(
    mut read: impl AsyncFnMut() -> Result<T, E>,
) -> Result<(T, Duration), E> {
    let started = Instant::now();
    let mut result = read().await?;
    let mut times = vec![started.elapsed()];
    for _ in 1..REPETITIONS {
        let started = Instant::now();
        result = read().await?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    Ok((result, times[times.len() / 2]))
}

/// A result and how long it took.
pub(crate) async fn timed<T, E>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<(T, Duration), E> {
    let started = Instant::now();
    let result = work.await?;
    Ok((result, started.elapsed()))
}

/// Microseconds, with what is below them: a read from the cache takes less than one.
pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
