//! What is told of an instance while something is wrong: replicas that are gone, figures that nobody
//! has any more, and what is said at the end.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use larder::LarderBuilder;
use larder::health::alerts::{Alert, AlertError, AlertKind, AlertSink};
use larder::health::{Finding, HealthReport, Status, probe};
use larder::prelude::*;
use larder::services::MIGRATIONS;
use larder_testing::TestDatabase;
use larder_testing::servers::{PostgresOptions, PostgresServer, StopMode};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::timeout;

/// How long something may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(120);

/// An instance that looks at itself ten times a second, and believes what it sees.
fn instance(url: &str) -> LarderBuilder {
    Larder::builder()
        .load_with(|loader| loader.no_file().environment([] as [(&str, &str); 0]))
        .profile(Profile::Test)
        .set("database.url", url)
        .set("metrics.enabled", true)
        .set("health.check_interval", "100ms")
}

/// Waits for a report of which this is true.
async fn until(larder: &Larder, is_so: impl Fn(&HealthReport) -> bool) -> HealthReport {
    let mut reports = larder.health_monitor().subscribe();
    let report = timeout(PATIENCE, reports.wait_for(|report| is_so(report))).await;
    let report = report.unwrap_or_else(|_| panic!("{}", larder.health_monitor().report()));
    HealthReport::clone(&report.unwrap())
}

/// Copies a file or a directory; it stays its owner's.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.unwrap().success());
}

/// A standby of this server, which is started again for it.
async fn standby_of(primary: &mut PostgresServer) -> PostgresServer {
    let mut standby = PostgresServer::start().await.unwrap();
    standby.stop(StopMode::Fast).await.unwrap();
    primary.stop(StopMode::Fast).await.unwrap();
    let (from, to) = (primary.data_directory(), standby.data_directory());
    std::fs::remove_dir_all(&to).unwrap();
    copy(&from, &to);
    let follows = format!("primary_conninfo = '{}'\n", primary.url());
    std::fs::write(to.join("postgresql.auto.conf"), follows).unwrap();
    // What is in it does not matter, whose it is does.
    copy(&from.join("PG_VERSION"), &to.join("standby.signal"));
    primary.start_again().await.unwrap();
    standby.start_again().await.unwrap();
    standby
}

#[tokio::test]
async fn a_standby_that_dies_is_told_and_is_no_recovery() {
    let access = "host all all 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n";
    let options = PostgresOptions::default()
        .access(access)
        .setting("wal_level", "replica")
        .setting("max_wal_senders", "4");
    let mut primary = PostgresServer::start_with(options).await.unwrap();
    let mut standby = standby_of(&mut primary).await;
    let larder = instance(&primary.url()).start().await.unwrap();
    let replicas = |report: &HealthReport| report.probe("replicas").unwrap().status;
    until(&larder, |report| replicas(report) == Status::Healthy).await;

    standby.kill().await.unwrap();
    let report = until(&larder, |report| replicas(report) > Status::Healthy).await;
    let fault = |name| report.causes.iter().find(|cause| cause.probe == name);
    let cause = fault("replicas").unwrap_or_else(|| panic!("{report}"));
    assert_eq!(cause.fault.as_deref(), Some("gone"), "{report}");
    assert!(cause.reason.starts_with("1 of 1 replicas"), "{report}");
    let cure = cause.cure.as_deref().unwrap();
    assert!(cure.contains("pg_replication_slots"), "{cure}");
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_asked_is_in_no_figure() {
    let mut server = PostgresServer::start().await.unwrap();
    let larder = instance(&server.url()).start().await.unwrap();
    let name = larder.db().instance_name().to_owned();
    let figure = |check: &str| {
        let series = format!("larder_health_status{{database=\"{name}\",check=\"{check}\"}} ");
        let page = larder.metrics().unwrap();
        let found = page.lines().find_map(|line| line.strip_prefix(&series));
        found.map(str::to_owned)
    };
    until(&larder, |report| {
        report.probe("server").unwrap().status == Status::Healthy
    })
    .await;
    assert_eq!(figure("server").as_deref(), Some("0"));
    // There is no replica: nothing is said of it.
    assert_eq!(figure("replicas"), None);

    server.stop(StopMode::Immediate).await.unwrap();
    until(&larder, |report| {
        report.probe("server").unwrap().status == Status::Unknown
            && report.probe("database").unwrap().status > Status::Healthy
    })
    .await;
    assert_eq!(figure("server"), None, "it is not healthy, nobody knows");
    assert!(figure("database").is_some_and(|status| status != "0"));
    larder.shutdown().await.unwrap();
}

/// A sink that passes on what it is sent.
struct Pager(UnboundedSender<Arc<Alert>>);

impl AlertSink for Pager {
    fn name(&self) -> &str {
        "pager"
    }

    fn send(&self, alert: Arc<Alert>) -> BoxFuture<'_, Result<(), AlertError>> {
        self.0.send(alert).unwrap();
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test]
async fn at_the_end_it_is_told_that_an_incident_is_left_and_before_what_became_of_alerts() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let (paged, mut pages) = unbounded_channel();
    let queue = probe("queue", || async { Finding::unhealthy("7000 orders wait") });
    let larder = instance(test.url())
        .set("health.instance", "orders-7")
        .set("health.alert_from", "unhealthy")
        .set("pool.keep_open", 3)
        .set("pool.size", 4)
        .probe(queue)
        .alert_sink(Pager(paged))
        .start()
        .await
        .unwrap();
    let started = timeout(PATIENCE, pages.recv()).await.unwrap().unwrap();
    assert_eq!(started.kind, AlertKind::Started);
    assert_eq!(started.profile.as_deref(), Some("test"));
    assert!(started.instance.starts_with("orders-7"), "{started}");
    assert!(started.incident.starts_with("orders-7"), "{started:?}");

    let name = larder.db().instance_name().to_owned();
    let shown = [
        format!("larder_alerts_total{{database=\"{name}\",sink=\"pager\",outcome=\"sent\"}} 1"),
        format!("larder_alerts_total{{database=\"{name}\",sink=\"log\",outcome=\"dropped\"}} 0"),
        format!("larder_alerts_waiting{{database=\"{name}\",sink=\"pager\"}} 0"),
        format!("db_client_connection_idle_min{{pool=\"{name}\"}} 3"),
    ];
    // It is counted a moment after it has arrived.
    let counted = async {
        loop {
            let page = larder.metrics().unwrap();
            let has = |line: &String| page.lines().any(|found| found == line);
            if shown.iter().all(has) {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    let counted = timeout(PATIENCE, counted).await;
    assert!(counted.is_ok(), "{}", larder.metrics().unwrap());

    larder.shutdown().await.unwrap();
    let stopped = pages.try_recv().unwrap();
    assert_eq!(stopped.kind, AlertKind::Stopped);
    assert_eq!(stopped.incident, started.incident);
    assert!(pages.try_recv().is_err(), "that the pool closes is no news");
}
