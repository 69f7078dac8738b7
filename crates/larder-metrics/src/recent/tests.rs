//! Tests of the last seconds, with times given by hand.

use super::*;

#[derive(Default)]
struct Calls {
    counted: LatencyRecorder,
    recent: RecentLatency,
}

impl Calls {
    fn add(&self, second: u64, milliseconds: u64) {
        self.recent.reach(second, &self.counted);
        self.counted.record(Duration::from_millis(milliseconds));
    }

    fn statistics(&self, now: f64, span: u64) -> LatencyStatistics {
        let (now, span) = (Duration::from_secs_f64(now), Duration::from_secs(span));
        self.recent.statistics(now, span, &self.counted, 7)
    }
}

#[test]
fn quantiles_are_those_of_the_calls() {
    let calls = Calls::default();
    for milliseconds in 1..=1_000 {
        calls.add(0, milliseconds);
    }
    let found = calls.statistics(0.5, 10);
    assert_eq!((found.calls, found.failures), (1_000, 7));
    for (found, expected) in [
        (found.p50_ms, 500.0),
        (found.p95_ms, 950.0),
        (found.p99_ms, 990.0),
    ] {
        assert!((found / expected - 1.0_f64).abs() <= 0.125, "{found}");
    }
}

#[test]
fn a_window_forgets_what_was_before_it() {
    let calls = Calls::default();
    for second in 0..100 {
        calls.add(second, if second < 90 { 1_000 } else { 1 });
    }
    let lately = calls.statistics(99.5, 9);
    assert_eq!(lately.calls, 10);
    assert!(lately.p99_ms < 1.2, "{lately:?}");
    let minute = calls.statistics(99.5, 3_600);
    assert_eq!(minute.calls, 61);
    assert!(minute.p50_ms > 900.0, "{minute:?}");
    assert!(calls.recent.marks() <= 62);
    assert_eq!(calls.statistics(200.0, 10), LatencyStatistics::default());
}

#[test]
fn the_rate_is_that_of_the_whole_span() {
    let calls = Calls::default();
    for _ in 0..300 {
        calls.add(95, 1);
    }
    // Nothing happened from the 90th second to the 95th, and that counts.
    assert_eq!(calls.statistics(100.0, 10).per_second, 30.0);
    // At the start nothing is divided by nothing.
    let calls = Calls::default();
    calls.add(0, 1);
    assert_eq!(calls.statistics(0.001, 10).per_second, 1.0);
}

#[test]
fn threads_lose_nothing() {
    let calls = Calls::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10_000).for_each(|n| calls.add(n / 1_000, n / 100)));
        }
    });
    assert_eq!(calls.statistics(10.0, 60).calls, 40_000);
}
