//! How a status settles from check to check.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_blip_changes_nothing_and_what_is_over_lasts_a_little() {
    let rules = Hysteresis {
        worse_after: 2,
        better_after: 2,
        minimum: Duration::from_secs(25),
    };
    let (bad, well) = (Finding::degraded("bad"), Finding::healthy());
    let findings = [&well, &bad, &well, &bad, &bad, &well, &well, &well, &well];
    let script = script("pool", findings.into_iter().cloned());
    let pool = probe("pool", move || {
        let script = Arc::clone(&script);
        async move { script.check().await }
    });
    let monitor = of(vec![Arc::new(pool.hysteresis(rules))]);
    let mut statuses = Vec::new();
    for check in 0..9 {
        let report = monitor.check_now().await;
        statuses.push(report.status);
        if check == 1 {
            assert_eq!(report.warnings(), ["pool: bad"]);
        }
        if check == 6 {
            let reason = "pool: bad; well again, but not for long enough yet";
            assert_eq!(report.reasons(), [reason]);
            assert_eq!(names(&report), ["pool"]);
        }
        sleep(Duration::from_secs(10)).await;
    }
    use Status::{Degraded, Healthy};
    let expected = [
        Healthy, Healthy, Healthy, Healthy, Degraded, Degraded, Degraded, Healthy, Healthy,
    ];
    assert_eq!(statuses, expected);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked_any_more_is_not_over() {
    let findings = [
        Finding::degraded("95 % in use"),
        Finding::unknown("it cannot be asked for now"),
        Finding::default(),
        Finding::healthy(),
    ];
    let monitor = of(vec![script("server", findings)]);
    monitor.check_now().await;
    let expected = [
        "server: 95 % in use; it cannot be asked for now",
        "server: 95 % in use; nothing can be said of it now",
    ];
    for reason in expected {
        let report = monitor.check_now().await;
        assert_eq!(report.status, Status::Degraded);
        assert_eq!(report.reasons(), [reason]);
        assert_eq!(names(&report), ["server"]);
    }
    assert_eq!(monitor.check_now().await.status, Status::Healthy);
}
