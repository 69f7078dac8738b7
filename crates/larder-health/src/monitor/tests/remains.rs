//! What is left of a cause that is over, and what never was of it.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_cause_that_is_over_does_not_count() {
    let seconds = Duration::from_secs;
    let bad = |times| std::iter::repeat_n(Finding::degraded("bad"), times);
    let over = |times| bad(times).chain([Finding::healthy()]);
    // Statements look back 30 s; the monitor asks each 10 s.
    let monitor = of(vec![
        explaining(
            "database",
            over(1),
            &["statements", "follower"],
            Duration::ZERO,
        ),
        explaining("statements", bad(1), &[], seconds(30)),
        explaining("follower", over(2), &[], Duration::ZERO),
    ]);
    let report = monitor.check_now().await;
    assert_eq!(names(&report), ["database"]);
    for _ in 0..3 {
        sleep(seconds(10)).await;
        let report = monitor.check_now().await;
        assert_eq!(report.status, Status::Healthy, "{report}");
        assert!(report.causes.is_empty() && report.reasons().is_empty());
        let statements = report.probe("statements").unwrap();
        assert_eq!(statements.status, Status::Degraded);
        assert_eq!(statements.follows.as_deref(), Some("database"));
        assert!(!statements.counts);
    }
    for _ in 0..3 {
        sleep(seconds(10)).await;
        monitor.check_now().await;
    }
    let report = monitor.report();
    assert_eq!(names(&report), ["statements"], "it is its own now");
    assert_eq!(report.status, Status::Degraded);
}

#[tokio::test(start_paused = true)]
async fn what_follows_from_what_is_left_does_not_count_either() {
    let (bad, well) = (Finding::degraded("bad"), Finding::healthy());
    let memory = Duration::from_secs(600);
    let monitor = of(vec![
        explaining(
            "server",
            [bad.clone(), well],
            &["connections"],
            Duration::ZERO,
        ),
        explaining("connections", [bad.clone()], &["acquire"], memory),
        explaining("acquire", [bad], &[], memory),
    ]);
    let report = monitor.check_now().await;
    assert_eq!(report.causes[0].explains, ["connections", "acquire"]);
    let report = monitor.check_now().await;
    assert_eq!(report.status, Status::Healthy, "{report}");
    assert!(report.causes.is_empty());
    for name in ["connections", "acquire"] {
        let probe = report.probe(name).unwrap();
        assert_eq!(probe.follows.as_deref(), Some("server"));
        assert!(!probe.counts);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_well_again_after_the_cause_is_a_cause_of_its_own() {
    let (bad, well) = (Finding::degraded("bad"), Finding::healthy());
    let after = [bad.clone(), bad.clone(), well.clone(), bad.clone()];
    let memory = Duration::from_secs(600);
    let monitor = of(vec![
        explaining("database", [bad, well], &["statements"], Duration::ZERO),
        explaining("statements", after, &[], memory),
    ]);
    for _ in 0..3 {
        monitor.check_now().await;
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(names(&monitor.check_now().await), ["statements"]);
}

/// A monitor as in production: two checks are worse, three are better, a minute is the least.
fn patient(probes: Vec<Arc<dyn Probe>>) -> HealthMonitor {
    let hysteresis = Hysteresis {
        worse_after: 2,
        better_after: 3,
        minimum: Duration::from_secs(60),
    };
    let options = MonitorOptions {
        hysteresis,
        ..MonitorOptions::default()
    };
    HealthMonitor::new(options, probes)
}

/// `times` healthy findings and then `bad` ones.
fn well_then_bad(times: usize, bad: usize) -> impl Iterator<Item = Finding> {
    let well = std::iter::repeat_n(Finding::healthy(), times);
    well.chain(std::iter::repeat_n(Finding::degraded("bad"), bad))
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_stands_is_no_remainder_of_a_blip() {
    // The database does not answer once in a while; statements fail all the time, and look back.
    let blips = well_then_bad(6, 1).chain(well_then_bad(9, 1));
    let monitor = patient(vec![
        explaining(
            "database",
            blips.chain([Finding::healthy()]),
            &["statements"],
            Duration::ZERO,
        ),
        explaining(
            "statements",
            [Finding::degraded("bad")],
            &[],
            Duration::from_secs(300),
        ),
    ]);
    for check in 0..40 {
        let report = monitor.check_now().await;
        assert_eq!(report.status, Status::Degraded, "check {check}: {report}");
        assert_eq!(names(&report), ["statements"], "check {check}");
        assert!(report.causes[0].explains.is_empty());
        sleep(Duration::from_secs(30)).await;
    }
    assert_eq!(monitor.transitions().len(), 1, "the fault is one");
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_stood_before_an_outage_is_named_again_after_it() {
    let outage = well_then_bad(6, 4).chain([Finding::healthy()]);
    let monitor = patient(vec![
        explaining("database", outage, &["statements"], Duration::ZERO),
        explaining(
            "statements",
            [Finding::degraded("bad")],
            &[],
            Duration::from_secs(300),
        ),
    ]);
    let mut told = Vec::new();
    for check in 0..20 {
        let report = monitor.check_now().await;
        assert_eq!(report.status, Status::Degraded, "check {check}: {report}");
        told.push(names(&report).join(" "));
        sleep(Duration::from_secs(30)).await;
    }
    told.dedup();
    assert_eq!(told, ["statements", "database", "statements"]);
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_stood_follows_from_nothing_that_is_left_of_an_outage() {
    let outage = || well_then_bad(6, 4);
    let memory = Duration::from_secs(300);
    let monitor = patient(vec![
        explaining(
            "server",
            outage().chain([Finding::healthy()]),
            &["connections"],
            Duration::ZERO,
        ),
        explaining("connections", outage(), &["pool"], memory),
        explaining("pool", [Finding::degraded("full")], &[], memory),
    ]);
    let mut told = Vec::new();
    for check in 0..20 {
        let report = monitor.check_now().await;
        assert_eq!(report.status, Status::Degraded, "check {check}: {report}");
        told.push(names(&report).join(" "));
        sleep(Duration::from_secs(30)).await;
    }
    told.dedup();
    // Connections do not get well again after the server is: first left of it, then a fault.
    assert_eq!(told[..3], ["pool", "server", "pool"], "{told:?}");
}
