//! Tests of when somebody is told, on reports and instants of the test's own.

use super::*;

/// A report of this status, made so many seconds after the beginning, with these causes.
fn report(status: Status, second: i64, causes: &[&str]) -> HealthReport {
    let at = DateTime::from_timestamp(second, 0);
    HealthReport {
        status,
        since: at,
        last_check: at,
        consecutive_failures: 0,
        avg_ms: None,
        checks: 1,
        per_status: Default::default(),
        causes: causes.iter().map(|name| cause(name, status)).collect(),
        probes: Vec::new(),
    }
}

fn cause(name: &str, status: Status) -> Cause {
    Cause {
        probe: name.to_owned(),
        fault: None,
        status,
        reason: "broken".to_owned(),
        cure: None,
        since: DateTime::UNIX_EPOCH,
        explains: Vec::new(),
    }
}

fn alarm(from: Status, repeat: Option<u64>) -> Alarm {
    Alarm::new(&AlertOptions {
        instance: "shop".to_owned(),
        from,
        repeat: repeat.map(Duration::from_secs),
        ..AlertOptions::default()
    })
}

/// What is told of reports a second apart: kind, number, statuses.
fn told(alarm: &mut Alarm, reports: &[(Status, &[&str])]) -> Vec<Option<(AlertKind, u64)>> {
    let start = Instant::now();
    let seconds = (0..).zip((0..).map(Duration::from_secs));
    reports
        .iter()
        .zip(seconds)
        .map(|((status, causes), (second, after))| {
            let alert = alarm.note(&report(*status, second, causes), start + after)?;
            Some((alert.kind, alert.sequence))
        })
        .collect()
}

use AlertKind::{Changed, Repeated, Resolved, Started};
use Status::{Critical, Degraded, Healthy, Unhealthy, Unknown};

#[test]
fn an_incident_starts_changes_and_is_resolved_each_once() {
    let reports: &[(Status, &[&str])] = &[
        (Unknown, &[]),
        (Healthy, &[]),
        (Degraded, &["database"]),
        (Degraded, &["database"]),
        (Unhealthy, &["database"]),
        (Unhealthy, &["database", "redis"]),
        (Unhealthy, &["database"]),
        (Unknown, &[]),
        (Healthy, &[]),
        (Healthy, &[]),
        (Critical, &["database"]),
    ];
    let expected = [
        None,
        None,
        Some((Started, 1)),
        None,
        Some((Changed, 2)),
        Some((Changed, 3)),
        None,
        None,
        Some((Resolved, 4)),
        None,
        Some((Started, 1)),
    ];
    assert_eq!(told(&mut alarm(Degraded, None), reports), expected);
}

#[test]
fn below_the_chosen_status_nobody_is_told() {
    let reports: &[(Status, &[&str])] = &[
        (Degraded, &["pool"]),
        (Unhealthy, &["pool"]),
        (Degraded, &["pool"]),
        (Healthy, &[]),
    ];
    let expected = [None, Some((Started, 1)), Some((Resolved, 2)), None];
    assert_eq!(told(&mut alarm(Unhealthy, None), reports), expected);
    let well: &[(Status, &[&str])] = &[(Healthy, &[])];
    assert_eq!(told(&mut alarm(Unknown, None), well), [None]);
}

#[test]
fn it_is_repeated_while_it_lasts_counted_from_when_it_was_told_last() {
    let reports: Vec<(Status, &[&str])> = (0..8)
        .map(|second| match second {
            0..4 => (Degraded, ["pool"].as_slice()),
            _ => (Unhealthy, ["pool"].as_slice()),
        })
        .collect();
    let expected = [
        Some((Started, 1)),
        None,
        None,
        Some((Repeated, 2)),
        Some((Changed, 3)),
        None,
        None,
        Some((Repeated, 4)),
    ];
    assert_eq!(told(&mut alarm(Degraded, Some(3)), &reports), expected);
}

#[test]
fn what_is_resolved_says_what_it_was() {
    let mut alarm = alarm(Degraded, None);
    let now = Instant::now();
    let started = alarm.note(&report(Degraded, 7, &["pool"]), now).unwrap();
    let resolved = alarm.note(&report(Healthy, 9, &[]), now).unwrap();
    assert_eq!(resolved.incident, started.incident);
    assert_eq!(resolved.since.timestamp(), 7);
    assert_eq!((resolved.status, resolved.previous), (Healthy, Degraded));
    assert_eq!(
        resolved.to_string(),
        "shop is healthy (resolved): pool: broken"
    );
    assert!(alarm.due().is_none());
}

#[test]
fn a_standing_cause_that_explains_more_is_told_again() {
    let mut alarm = alarm(Degraded, None);
    let now = Instant::now();
    let kinds = [
        ["statements"].as_slice(),
        &["statements"],
        &["statements", "pool"],
        // That something is over is told with the next alert.
        &["pool"],
        &["pool", "statements"],
        &["acquire"],
    ]
    .map(|explains| {
        let mut report = report(Unhealthy, 7, &["slow"]);
        report.causes[0].explains = explains.iter().map(ToString::to_string).collect();
        let alert = alarm.note(&report, now)?;
        Some((alert.kind, alert.causes[0].explains.join(" ")))
    });
    let told = |kind, explains: &str| Some((kind, explains.to_owned()));
    let expected = [
        told(Started, "statements"),
        None,
        told(Changed, "statements pool"),
        None,
        None,
        told(Changed, "acquire"),
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn incidents_of_two_instances_of_one_name_and_time_are_told_apart() {
    let started = || {
        let mut alarm = alarm(Degraded, None);
        alarm.instance = "küche 7:main\n".to_owned();
        let report = report(Degraded, 7, &["pool"]);
        alarm.note(&report, Instant::now()).unwrap()
    };
    let (one, other) = (started(), started());
    assert_ne!(one.incident, other.incident);
    let (beginning, random) = one.incident.rsplit_once('-').unwrap();
    assert_eq!((beginning, random.len()), ("k-che-7-main--7000", 8));
    assert_eq!(one.instance, "küche 7:main\n", "the name stays what it is");
}

#[test]
fn an_alert_names_its_profile() {
    let mut alarm = alarm(Degraded, None);
    alarm.profile = Some("prod".to_owned());
    let started = alarm.note(&report(Degraded, 7, &["pool"]), Instant::now());
    assert_eq!(
        started.unwrap().to_string(),
        "shop in prod is degraded (started): pool: broken"
    );
}

#[test]
fn what_lasts_when_nobody_looks_any_more_is_said_to_be_left() {
    let mut alarm = alarm(Degraded, None);
    let at = DateTime::from_timestamp(11, 0).unwrap();
    assert_eq!(alarm.stop(at), None);
    let now = Instant::now();
    let started = alarm.note(&report(Unhealthy, 7, &["pool"]), now).unwrap();
    let stopped = alarm.stop(at).unwrap();
    assert_eq!(stopped.incident, started.incident);
    assert_eq!((stopped.sequence, stopped.at), (2, at));
    assert_eq!(
        (stopped.kind, stopped.status),
        (AlertKind::Stopped, Unhealthy)
    );
    assert_eq!(
        stopped.to_string(),
        "shop was shut down while unhealthy (stopped): pool: broken"
    );
    assert_eq!(alarm.stop(at), None, "once");
}
