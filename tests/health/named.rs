//! A fault is made to happen, and healed again; meanwhile every report is looked at.

use std::sync::Arc;

use larder::LarderBuilder;
use larder::health::{HealthReport, Status};
use larder::prelude::*;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::PATIENCE;

/// How many checks a fault lasts after it was named, and how many are looked at after it is over:
/// what follows from it has to be seen too.
const CHECKS: u64 = 8;

/// An instance that is checked every tenth of a second, and in which a busy machine is no fault.
pub(super) fn instance(url: &str) -> LarderBuilder {
    let variables = vec![("DATABASE_URL".to_owned(), url.to_owned())];
    Larder::builder()
        .profile(Profile::Dev)
        .load_with(|loader| loader.no_file().environment(variables))
        .set("pool.acquire_timeout", "1s")
        .set("cache.max_staleness", "2s")
        .set("cache.poll_interval", "100ms")
        .set("query.slow_threshold", "1h")
        .set("health.check_interval", "100ms")
        .set("health.check_timeout", "2s")
        .set("health.worse_after", 2)
        .set("health.better_after", 2)
        .set("health.window", "1m")
        .set("health.inform_only", vec!["cache", "process", "disk"])
        .set("health.max_response_time", "1h")
        .set("health.max_acquire_wait", "1h")
        .set("health.max_redis_time", "1m")
        // The server that tests share may be full of them.
        .set("health.max_server_connections", 1.0)
}

/// An instance with a fault.
pub(super) struct Faulty {
    pub(super) larder: Larder,
    reports: watch::Receiver<Arc<HealthReport>>,
    probe: &'static str,
    was_named: bool,
}

impl Faulty {
    /// Waits until the instance is well. From then on no report may name anything but this probe.
    pub(super) async fn start(builder: LarderBuilder, probe: &'static str) -> Self {
        let larder = builder.start().await.unwrap();
        larder.migrate().await.unwrap();
        let mut reports = larder.health_monitor().subscribe();
        let is_well = |report: &Arc<HealthReport>| {
            let is_known = |name: &str| {
                let probe = report.probe(name);
                probe.is_none_or(|probe| probe.status == Status::Healthy)
            };
            report.status == Status::Healthy
                && ["database", "follower", "redis", "server", "migrations"]
                    .into_iter()
                    .all(is_known)
        };
        let well = timeout(PATIENCE, reports.wait_for(is_well)).await;
        assert!(well.is_ok(), "never well: {}", larder.health().await);
        drop(well);
        Self {
            larder,
            reports,
            probe,
            was_named: false,
        }
    }

    /// Waits until the fault is named, and looks at what follows. It has to be one of these.
    pub(super) async fn is_named(&mut self, faults: &[&str]) -> Arc<HealthReport> {
        let named = self
            .until("the fault is named", |report| {
                let fault = |fault: &Option<String>| {
                    fault
                        .as_deref()
                        .is_some_and(|fault| faults.contains(&fault))
                };
                report.status > Status::Healthy
                    && report.causes.iter().all(|cause| fault(&cause.fault))
                    && !report.causes.is_empty()
            })
            .await;
        let enough = named.checks + CHECKS;
        let report = self
            .until("what follows is seen", |report| report.checks >= enough)
            .await;
        assert!(report.status > Status::Healthy, "{report}");
        let [cause] = &report.causes[..] else {
            panic!("not one cause: {report}");
        };
        assert!(!cause.reason.is_empty(), "{report}");
        let cure = cause.cure.as_deref();
        assert!(cure.is_some_and(|cure| !cure.is_empty()), "{report}");
        report
    }

    /// Waits until all is well again, and stays so.
    pub(super) async fn until_over(mut self) {
        let well = self
            .until("it is over", |report| report.status == Status::Healthy)
            .await;
        let enough = well.checks + CHECKS;
        let last = self
            .until("it stays over", |report| report.checks >= enough)
            .await;
        assert_eq!(last.status, Status::Healthy, "{last}");
        assert!(self.was_named);
        self.larder.shutdown().await.unwrap();
    }

    /// Looks at every report until it is so.
    pub(super) async fn until(
        &mut self,
        what: &str,
        is_so: impl Fn(&HealthReport) -> bool,
    ) -> Arc<HealthReport> {
        let looking = async {
            loop {
                self.reports.changed().await.unwrap();
                let report = Arc::clone(&self.reports.borrow_and_update());
                self.look(&report);
                if is_so(&report) {
                    return report;
                }
            }
        };
        let found = timeout(PATIENCE * 2, looking).await;
        match found {
            Ok(report) => report,
            Err(_) => panic!("never: {what}: {}", self.larder.health().await),
        }
    }

    /// No report names another cause, and none is bad without one.
    fn look(&mut self, report: &HealthReport) {
        for cause in &report.causes {
            assert_eq!(cause.probe, self.probe, "{report}");
            self.was_named = true;
        }
        if report.status > Status::Healthy {
            assert_eq!(report.causes.len(), 1, "{report}");
        }
    }
}
