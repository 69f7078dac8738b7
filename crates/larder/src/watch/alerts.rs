//! Who is told when health changes, as the settings and the code say.

use std::sync::Arc;

use larder_config::{AlertLevel, Config};
use larder_database::Database;
use larder_health::alerts::{AlertOptions, AlertSink, Alerter, LogSink, Webhook};
use larder_health::{HealthMonitor, Status};

/// Starts to tell: the log, the webhook of the settings, and the sinks of the code.
pub(super) fn start(
    config: &Config,
    database: &Database,
    monitor: &HealthMonitor,
    own: Vec<Arc<dyn AlertSink>>,
) -> Alerter {
    let health = &config.health;
    let options = AlertOptions {
        instance: database.instance_name().to_owned(),
        from: match health.alert_from {
            AlertLevel::Degraded => Status::Degraded,
            AlertLevel::Unhealthy => Status::Unhealthy,
            AlertLevel::Critical => Status::Critical,
        },
        repeat: Some(health.alert_repeat).filter(|repeat| !repeat.is_zero()),
        ..AlertOptions::default()
    };
    let mut sinks: Vec<Arc<dyn AlertSink>> = vec![Arc::new(LogSink)];
    sinks.extend(webhook(config));
    sinks.extend(own);
    Alerter::start(options, monitor, sinks)
}

fn webhook(config: &Config) -> Option<Arc<dyn AlertSink>> {
    let url = config.health.alert_webhook.as_ref()?;
    let secret = config.health.alert_secret.as_ref();
    let secret = secret.map(|secret| secret.expose().into());
    match Webhook::new(&url.expose().into(), secret) {
        Ok(webhook) => Some(Arc::new(webhook)),
        Err(error) => {
            tracing::error!("failed to {error}; alerts are in the log alone");
            None
        }
    }
}
