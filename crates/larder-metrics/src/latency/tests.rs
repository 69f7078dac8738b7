use super::*;

#[test]
fn every_duration_is_in_a_bucket_that_ends_at_most_an_eighth_above_it() {
    let mut nanoseconds = 1_100_u64;
    while nanoseconds < 60_000_000_000 {
        let bound = upper_bound(bucket(Duration::from_nanos(nanoseconds)));
        assert!(bound >= nanoseconds, "{nanoseconds} in a bucket to {bound}");
        let excess = bound as f64 / nanoseconds as f64;
        assert!(excess <= 1.126, "{nanoseconds} in a bucket to {bound}");
        nanoseconds += nanoseconds / 7;
    }
}

#[test]
fn what_is_too_short_or_too_long_is_counted_at_the_ends() {
    assert_eq!(bucket(Duration::ZERO), 0);
    assert_eq!(bucket(Duration::from_nanos(900)), 0);
    assert_eq!(bucket(Duration::from_secs(3600)), BUCKETS - 1);
    assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    assert!(upper_bound(BUCKETS - 1) > 60_000_000_000);
}

#[test]
fn quantiles_of_a_span_are_those_of_what_happened_in_it() {
    let recorder = LatencyRecorder::default();
    for _ in 0..1_000 {
        recorder.record(Duration::from_secs(5));
    }
    let before = recorder.counts();
    assert_eq!(before.since(&before).quantile(0.5), None);
    for milliseconds in 1..=100 {
        recorder.record(Duration::from_millis(milliseconds));
    }
    let span = recorder.counts().since(&before);
    assert_eq!(span.count(), 100);
    for (share, milliseconds) in [(0.5, 50.0), (0.95, 95.0), (0.99, 99.0), (1.0, 100.0)] {
        let quantile = span.quantile(share).unwrap().as_secs_f64() * 1_000.0;
        let excess = quantile / milliseconds;
        assert!((1.0..=1.13).contains(&excess), "{share}: {quantile} ms");
    }
}
