//! How long things take.

use std::time::{Duration, Instant};

/// Runs a read so many times; gives its last result and the median of the times.
pub(crate) async fn median<T, E>(
    times: usize,
    mut read: impl AsyncFnMut() -> Result<T, E>,
) -> Result<(T, Duration), E> {
    let started = Instant::now();
    let mut result = read().await?;
    let mut took = vec![started.elapsed()];
    for _ in 1..times {
        let started = Instant::now();
        result = read().await?;
        took.push(started.elapsed());
    }
    took.sort_unstable();
    Ok((result, took[took.len() / 2]))
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
    (duration.as_secs_f64() * 1e9).round() / 1e3
}
