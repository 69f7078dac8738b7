//! Tests of the monitor, on paused time: a sleep of a test costs none.

mod causes;
mod failures;
mod remains;
mod reports;
mod running;
mod settling;

use std::collections::VecDeque;
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::BoxFuture;
use tokio::time::sleep;

use super::*;
use crate::probe;

/// A monitor whose wall clock follows the paused one.
fn monitor(options: MonitorOptions, probes: Vec<Arc<dyn Probe>>) -> HealthMonitor {
    let options = MonitorOptions {
        hysteresis: Hysteresis::IMMEDIATE,
        ..options
    };
    let (began, epoch) = (Instant::now(), DateTime::<Utc>::UNIX_EPOCH);
    HealthMonitor::with_wall_clock(options, probes, move || epoch + began.elapsed())
}

fn of(probes: Vec<Arc<dyn Probe>>) -> HealthMonitor {
    monitor(MonitorOptions::default(), probes)
}

/// A probe that gives these findings, one after the other, and the last one for ever.
fn script(name: &str, findings: impl IntoIterator<Item = Finding>) -> Arc<dyn Probe> {
    let findings: Mutex<VecDeque<Finding>> = Mutex::new(findings.into_iter().collect());
    Arc::new(probe(name, move || {
        let mut findings = findings.lock().unwrap();
        let next = findings.front().cloned().unwrap();
        if findings.len() > 1 {
            findings.pop_front();
        }
        async move { next }
    }))
}

/// A probe that takes this long.
fn slow(name: &str, took: Duration) -> Arc<dyn Probe> {
    Arc::new(probe(name, move || async move {
        sleep(took).await;
        Finding::healthy()
    }))
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A probe of this name, script and explanations.
fn explaining(
    name: &str,
    findings: impl IntoIterator<Item = Finding>,
    explains: &[&str],
    memory: Duration,
) -> Arc<dyn Probe> {
    let script = script(name, findings);
    let probe = probe(name, move || {
        let script = Arc::clone(&script);
        async move { script.check().await }
    });
    Arc::new(probe.explaining(explains.iter().copied()).memory(memory))
}

fn names(report: &HealthReport) -> Vec<&str> {
    let causes = report.causes.iter();
    causes.map(|cause| cause.probe.as_str()).collect()
}
