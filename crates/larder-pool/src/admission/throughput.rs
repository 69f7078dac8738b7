//! How many are served in a second while there is a line.

use std::time::Duration;

use tokio::time::Instant;

/// Counts who is served, over spans during which somebody waited all the time: in between the
/// pool had less to do than it can.
#[derive(Debug)]
pub(super) struct Throughput {
    span: Duration,
    since: Option<Instant>,
    served: u32,
    each_second: Option<f64>,
}

impl Throughput {
    pub(super) fn over(span: Duration) -> Self {
        Self {
            span,
            since: None,
            served: 0,
            each_second: None,
        }
    }

    /// The next one in line was served.
    pub(super) fn served(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let elapsed = now.duration_since(since);
        if !self.span.is_zero() && elapsed >= self.span {
            self.each_second = Some(f64::from(self.served) / elapsed.as_secs_f64());
            (self.since, self.served) = (Some(now), 0);
        }
        self.served += 1;
    }

    /// Nobody waits any more.
    pub(super) fn line_is_empty(&mut self) {
        (self.since, self.served) = (None, 0);
    }

    /// How many are served in so much time, once that is known.
    pub(super) fn within(&self, time: Duration) -> Option<usize> {
        // A float is cut to what fits.
        let served = self.each_second? * time.as_secs_f64();
        Some(served as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_millis(100);

    #[test]
    fn it_counts_while_there_is_a_line() {
        let mut throughput = Throughput::over(SPAN);
        let start = Instant::now();
        for turn in 0..=10 {
            assert_eq!(throughput.within(SPAN), None, "a span has not passed");
            throughput.served(start + turn * SPAN / 10);
        }
        assert_eq!(throughput.within(SPAN), Some(10));
        // A pause in which nobody waited is not counted.
        throughput.line_is_empty();
        let later = start + 50 * SPAN;
        for turn in 0..=20 {
            throughput.served(later + turn * SPAN / 20);
        }
        assert_eq!(throughput.within(SPAN), Some(20));
    }
}
