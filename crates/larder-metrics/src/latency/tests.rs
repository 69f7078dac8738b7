//! Tests of the quantiles, with times given by hand.

use super::*;

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap()
}

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn every_duration_is_in_a_bucket_whose_middle_is_near() {
    let mut duration = 1;
    let mut previous = 0;
    while duration < nanoseconds(Duration::from_secs(120)) {
        let bucket = bucket(duration);
        assert!(bucket >= previous, "{duration}");
        previous = bucket;
        let off = (middle(bucket) * 1e6 - duration as f64).abs();
        assert!(
            off <= (duration as f64 * 0.04).max(520.0),
            "{duration}: {off}"
        );
        duration += 1 + duration / 37;
    }
    assert_eq!(bucket(u64::MAX), BUCKETS - 1);
}

#[test]
fn quantiles_are_those_of_the_calls() {
    let durations = Durations::default();
    for milliseconds in 1..=1_000 {
        durations.add(0, milliseconds * 1_000_000);
    }
    let found = durations.statistics(at(0.5), at(10.0), 7);
    assert_eq!((found.calls, found.failures), (1_000, 7));
    for (found, expected) in [
        (found.p50_ms, 500.0),
        (found.p95_ms, 950.0),
        (found.p99_ms, 990.0),
    ] {
        assert!((found / expected - 1.0_f64).abs() < 0.04, "{found}");
    }
}

#[test]
fn a_window_forgets_what_was_before_it() {
    let durations = Durations::default();
    for second in 0..100 {
        durations.add(
            second,
            if second < 90 {
                1_000_000_000
            } else {
                1_000_000
            },
        );
    }
    let lately = durations.statistics(at(99.5), at(9.0), 0);
    assert_eq!(lately.calls, 10);
    assert!(lately.p99_ms < 1.1, "{lately:?}");
    let minute = durations.statistics(at(99.5), at(3_600.0), 0);
    assert_eq!(minute.calls, 61);
    assert!(minute.p50_ms > 900.0, "{minute:?}");
    assert!(durations.marks.len() <= 62);
    let silence = durations.statistics(at(200.0), at(10.0), 0);
    assert_eq!(silence, LatencyStatistics::default());
}

#[test]
fn the_rate_is_that_of_the_whole_span() {
    let durations = Durations::default();
    for _ in 0..300 {
        durations.add(95, 1_000_000);
    }
    // Nothing happened from the 90th second to the 95th, and that counts.
    let found = durations.statistics(at(100.0), at(10.0), 0);
    assert_eq!(found.per_second, 30.0);
    // At the start nothing is divided by nothing.
    let durations = Durations::default();
    durations.add(0, 1_000_000);
    assert_eq!(durations.statistics(at(0.001), at(10.0), 0).per_second, 1.0);
}

#[test]
fn threads_lose_nothing() {
    let durations = Durations::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..10_000 {
                    durations.add(n / 1_000, n * 1_000);
                }
            });
        }
    });
    assert_eq!(durations.statistics(at(10.0), at(60.0), 0).calls, 40_000);
}
