//! Who is told when health changes, as the settings and the code say.

use std::sync::Arc;

use larder_config::{AlertLevel, Config};
use larder_database::Database;
use larder_health::alerts::{AlertOptions, AlertSink, Alerter, LogSink, Webhook};
use larder_health::{HealthMonitor, Status};

/// The name of the pool of the first instance in a process.
const FIRST: &str = "main";

/// Starts to tell: the log, the webhook of the settings, and the sinks of the code.
pub(super) fn start(
    config: &Config,
    database: &Database,
    monitor: &HealthMonitor,
    own: Vec<Arc<dyn AlertSink>>,
) -> Alerter {
    let health = &config.health;
    let options = AlertOptions {
        instance: instance(health.instance.as_deref(), database.instance_name()),
        profile: Some(config.profile().to_string()),
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

/// The name by which alerts go. All pods have a pool of the same name, so it is that of the machine
/// or of the pod; with that of the pool where it is not the only one of the process.
fn instance(named: Option<&str>, pool: &str) -> String {
    let name = match named.filter(|name| !name.trim().is_empty()) {
        Some(name) => name.to_owned(),
        None => host_name().unwrap_or_else(|| "larder".to_owned()),
    };
    match pool {
        FIRST => name,
        pool => format!("{name}:{pool}"),
    }
}

/// The name of this machine; in a container of Kubernetes that of the pod.
fn host_name() -> Option<String> {
    #[cfg(unix)]
    let name = {
        let uname = rustix::system::uname();
        uname.nodename().to_string_lossy().into_owned()
    };
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").unwrap_or_default();
    Some(name).filter(|name| !name.is_empty())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_goes_by_its_machine_unless_the_settings_name_it() {
        let machine = instance(None, "main");
        assert_eq!(Some(&machine), host_name().as_ref());
        assert!(!machine.is_empty() && machine != "main");
        assert_eq!(instance(None, "main-2"), format!("{machine}:main-2"));
        assert_eq!(instance(Some(" "), "main"), machine);
        assert_eq!(instance(Some("orders-7"), "main"), "orders-7");
        assert_eq!(instance(Some("orders-7"), "main-2"), "orders-7:main-2");
    }
}
