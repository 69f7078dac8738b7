//! Which cause is named, and what follows from it.

use super::*;

#[tokio::test(start_paused = true)]
async fn one_cause_is_named_and_what_follows_from_it() {
    let bad = || {
        [
            Finding::healthy(),
            Finding::degraded("bad").curing("mend it"),
        ]
    };
    let monitor = of(vec![
        explaining("statements", bad(), &[], Duration::ZERO),
        explaining("pool", bad(), &["acquire"], Duration::ZERO),
        explaining("acquire", bad(), &[], Duration::ZERO),
        explaining("database", bad(), &["pool", "statements"], Duration::ZERO),
        script("redis", [Finding::healthy()]),
    ]);
    assert!(monitor.check_now().await.causes.is_empty());
    sleep(Duration::from_secs(5)).await;
    monitor.check_now().await;
    sleep(Duration::from_secs(5)).await;
    let report = monitor.check_now().await;
    assert_eq!(names(&report), ["database"]);
    let cause = &report.causes[0];
    assert_eq!(cause.explains, ["statements", "pool", "acquire"]);
    assert_eq!((cause.since, cause.reason.as_str()), (at(5), "bad"));
    assert_eq!(cause.cure.as_deref(), Some("mend it"));
    let follows = |name| report.probe(name).unwrap().follows.as_deref();
    assert_eq!(follows("acquire"), Some("database"));
    assert_eq!((follows("database"), follows("redis")), (None, None));
    assert_eq!(monitor.transitions()[1].causes, report.causes);
}

#[tokio::test(start_paused = true)]
async fn two_that_do_not_explain_each_other_are_two_causes_the_worse_first() {
    let monitor = of(vec![
        script("redis", [Finding::degraded("gone")]),
        script("database", [Finding::unhealthy("gone")]),
    ]);
    assert_eq!(names(&monitor.check_now().await), ["database", "redis"]);
}

#[tokio::test(start_paused = true)]
async fn what_informs_only_is_told_and_does_not_count() {
    let cache = probe("cache", || async { Finding::degraded("cold") }).informing_only();
    let monitor = of(vec![
        script("database", [Finding::healthy()]),
        Arc::new(cache),
    ]);
    let report = monitor.check_now().await;
    assert_eq!(report.status, Status::Healthy);
    assert!(report.causes.is_empty());
    assert_eq!(report.warnings(), ["cache: cold"]);
    assert_eq!(report.probe("cache").unwrap().status, Status::Degraded);
}
