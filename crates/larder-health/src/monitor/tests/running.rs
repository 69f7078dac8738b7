//! When probes are asked, and by whom.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_report_asks_nobody() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let monitor = of(vec![Arc::new(probe("database", move || {
        count.fetch_add(1, Ordering::Relaxed);
        async { Finding::healthy() }
    }))]);
    monitor.check_now().await;
    for _ in 0..10 {
        let _ = (monitor.report(), monitor.status(), monitor.records());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_report_does_not_wait_for_a_check_that_hangs() {
    let monitor = of(vec![slow("database", Duration::from_secs(4))]);
    let checking = tokio::spawn({
        let monitor = monitor.clone();
        async move { monitor.check_now().await }
    });
    sleep(Duration::from_secs(1)).await;
    let began = Instant::now();
    assert_eq!(monitor.report().status, Status::Unknown);
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(checking.await.unwrap().status, Status::Healthy);
}

#[tokio::test(start_paused = true)]
async fn it_checks_at_once_and_at_each_interval_until_it_is_dropped() {
    let monitor = of(vec![slow("database", milliseconds(5))]);
    let running = tokio::spawn(monitor.clone().run());
    sleep(milliseconds(6)).await;
    assert_eq!(monitor.report().checks, 1);
    sleep(Duration::from_secs(30)).await;
    assert_eq!(monitor.report().checks, 2);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(monitor.report().checks, 4);
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    sleep(Duration::from_secs(600)).await;
    assert_eq!(monitor.report().checks, 4);
    assert_eq!(Arc::strong_count(&monitor.0), 1);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_is_dropped_leaves_no_trace_and_no_lock() {
    let monitor = of(vec![slow("database", Duration::from_secs(4))]);
    let given_up = timeout(Duration::from_secs(1), monitor.check_now()).await;
    assert!(given_up.is_err());
    assert_eq!(monitor.report().checks, 0);
    assert_eq!(monitor.check_now().await.checks, 1);
}

#[tokio::test(start_paused = true)]
async fn checks_take_turns() {
    let running = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&running);
    let monitor = of(vec![Arc::new(probe("database", move || {
        let count = Arc::clone(&count);
        async move {
            assert_eq!(count.fetch_add(1, Ordering::Relaxed), 0, "two at once");
            sleep(milliseconds(10)).await;
            count.fetch_sub(1, Ordering::Relaxed);
            Finding::healthy()
        }
    }))]);
    join_all((0..5).map(|_| monitor.check_now())).await;
    // A probe that met another one would have panicked, and not be healthy.
    assert_eq!(monitor.report().per_status[&Status::Healthy], 5);
}

#[tokio::test(start_paused = true)]
async fn subscribers_get_each_report_and_the_newest() {
    let monitor = of(vec![script("database", [Finding::healthy()])]);
    let mut reports = monitor.subscribe();
    assert_eq!(reports.borrow_and_update().checks, 0);
    monitor.check_now().await;
    monitor.check_now().await;
    assert!(reports.has_changed().unwrap());
    assert_eq!(reports.borrow_and_update().checks, 2);
    drop(monitor);
    assert!(reports.changed().await.is_err());
}
