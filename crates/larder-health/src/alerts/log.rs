//! Alerts in the log.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use super::{Alert, AlertError, AlertKind, AlertSink};

/// Writes alerts to the log, as events of target `larder::alert`: at level error while something is
/// wrong, at info when it is over, at warn when the instance ends while it lasts.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogSink;

impl AlertSink for LogSink {
    fn name(&self) -> &str {
        "log"
    }

    fn send(&self, alert: Arc<Alert>) -> BoxFuture<'_, Result<(), AlertError>> {
        let cures: Vec<&str> = alert
            .causes
            .iter()
            .filter_map(|cause| cause.cure.as_deref())
            .collect();
        let (incident, status, cure) = (&alert.incident, alert.status, cures.join("; "));
        match alert.kind {
            AlertKind::Resolved => {
                tracing::info!(target: "larder::alert", incident, %status, "{alert}");
            }
            AlertKind::Stopped => {
                tracing::warn!(target: "larder::alert", incident, %status, "{alert}");
            }
            _ => tracing::error!(target: "larder::alert", incident, %status, cure, "{alert}"),
        }
        ready(Ok(())).boxed()
    }
}
