//! How well a service's data layer is.
//!
//! A [`HealthMonitor`] asks [`Probe`]s in the background and remembers what they found; whoever
//! wants to know gets the last result from memory, which costs the database nothing. What the
//! probes ask is the caller's business: this crate knows nothing of pools and caches.
//!
//! - A probe gives a [`Finding`]: a [`Status`], the reason, and what was measured.
//! - [`thresholds`] turn numbers into findings: response time, error rate, failed connections,
//!   use of a pool, hit rate of a cache, failures in a row.
//! - A [`HealthReport`] has the worst of the findings, since when, and statistics;
//!   [`HealthMonitor::records`] and [`HealthMonitor::transitions`] tell what was before.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use larder_health::thresholds::{ErrorRate, ResponseTime};
//! use larder_health::{Finding, HealthMonitor, MonitorOptions, Status, probe};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let database = probe("database", || async {
//!     let took = Duration::from_millis(3); // of a `select 1`
//!     ResponseTime::default().evaluate(took)
//! });
//! let statements = probe("statements", || async { ErrorRate::default().evaluate(200, 15) });
//!
//! let monitor = HealthMonitor::new(
//!     MonitorOptions::default(),
//!     vec![Arc::new(database), Arc::new(statements)],
//! );
//! assert_eq!(monitor.status(), Status::Unknown);
//!
//! // In a service: `tokio::spawn(monitor.clone().run())`, which checks at each interval.
//! let report = monitor.check_now().await;
//! assert_eq!(report.status, Status::Degraded);
//! assert_eq!(
//!     report.reasons(),
//!     ["statements: 15 of 200 statements failed: 7.5 %, above 5 %"],
//! );
//! # });
//! ```

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")
)]

pub mod alerts;
mod causes;
mod explanation;
mod finding;
mod health_json;
mod history;
mod hysteresis;
mod monitor;
mod probe;
mod report;
mod status;
pub mod thresholds;
mod watched;

pub use causes::Cause;
pub use finding::{Finding, Observed};
pub use hysteresis::Hysteresis;
pub use monitor::{HealthMonitor, MonitorOptions};
pub use probe::{ClosureProbe, Probe, probe};
pub use report::{HealthRecord, HealthReport, ProbeReport, Transition};
pub use status::Status;
