//! Tests of the sliding window, with seconds given by hand.

use super::*;

fn within(window: &SlidingWindow, second: u64, seconds: u64) -> (u64, u64) {
    let found = window.statistics(second, Duration::from_secs(seconds));
    (found.calls, found.failures)
}

#[test]
fn what_is_older_than_the_span_does_not_count() {
    let window = SlidingWindow::default();
    window.add(0, true);
    window.add(10, false);
    window.add(10, true);
    window.add(20, false);
    assert_eq!(within(&window, 20, 60), (4, 2));
    assert_eq!(within(&window, 20, 10), (3, 1));
    assert_eq!(within(&window, 20, 9), (1, 0));
    assert_eq!(within(&window, 31, 10), (0, 0));
    assert_eq!(within(&window, 1_000, 60), (0, 0));
}

#[test]
fn an_empty_window_has_no_error_rate() {
    let window = SlidingWindow::default();
    let empty = window.statistics(5, Duration::from_secs(60));
    assert_eq!(empty, WindowStatistics::default());
    assert_eq!(empty.error_rate(), 0.0);
    window.add(5, true);
    window.add(5, false);
    assert_eq!(
        window.statistics(5, Duration::from_secs(1)).error_rate(),
        0.5
    );
}

#[test]
fn it_reaches_back_a_quarter_of_an_hour_and_stays_small() {
    let window = SlidingWindow::default();
    for second in 0..10_000 {
        window.add(second, false);
    }
    assert_eq!(within(&window, 9_999, 1_000_000), (901, 0));
    assert_eq!(within(&window, 9_999, 300), (301, 0));
    assert!(window.marks.len() <= 901);
    assert_eq!(window.totals().calls, 10_000);
    assert_eq!(within(&window, 20_000, 1_000_000), (0, 0));
}

#[test]
fn a_late_call_of_an_earlier_second_counts_with_the_current_one() {
    let window = SlidingWindow::default();
    window.add(7, false);
    window.add(6, true);
    assert_eq!(within(&window, 7, 1), (2, 1));
}

#[test]
fn threads_lose_nothing() {
    let window = SlidingWindow::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..10_000 {
                    window.add(n / 100, n % 4 == 0);
                }
            });
        }
    });
    assert_eq!(within(&window, 99, 300), (40_000, 10_000));
}
