//! Watching an instance: its health in the background, who is told of it, and what metrics are
//! read from it.

mod alerts;
mod lately;
mod link;
mod probes;
mod series;

use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_config::Config;
use larder_database::Database;
use larder_health::alerts::{AlertSink, Alerter};
use larder_health::{HealthMonitor, MonitorOptions, Probe};
use larder_metrics::{Exporter, ScrapeSource, names};
use tokio::task::JoinSet;

use self::probes::{Informing, hysteresis, probes};
use self::series::publish;
use crate::DatabaseKind;

pub(crate) use self::probes::ExpectedMigrations;

/// What code adds to watching.
#[derive(Default)]
pub(crate) struct Additions {
    pub(crate) probes: Vec<Arc<dyn Probe>>,
    pub(crate) sinks: Vec<Arc<dyn AlertSink>>,
    pub(crate) migrations: Vec<ExpectedMigrations>,
}

/// What watches an instance. It ends when this is dropped; [`stop`](Watch::stop) tells those who
/// were told of an incident that it is left.
pub(crate) struct Watch {
    pub(crate) monitor: HealthMonitor,
    pub(crate) exporter: Option<Exporter>,
    pub(crate) since: Instant,
    source: Option<ScrapeSource>,
    alerter: Alerter,
    tasks: JoinSet<()>,
}

impl Watch {
    /// How long the last alerts may take.
    const FAREWELL: Duration = Duration::from_secs(2);

    pub(crate) fn start(
        config: &Config,
        database: &Database,
        kind: DatabaseKind,
        exporter: Option<Exporter>,
        additions: Additions,
    ) -> Self {
        let since = Instant::now();
        let monitor = monitor(config, database, kind, &additions);
        let alerter = alerts::start(config, database, &monitor, additions.sinks);
        let mut tasks = JoinSet::new();
        tasks.spawn(monitor.clone().run());
        if let Some(exporter) = &exporter {
            tasks.spawn(exporter.clone().run());
        }
        let source = exporter.as_ref().map(|exporter| {
            let (database, monitor) = (database.clone(), monitor.clone());
            let alerts = alerter.statistics();
            let legacy_names = config.metrics.legacy_names;
            exporter.register(move |scrape| {
                let name = database.instance_name();
                scrape.gauge(&names::UPTIME, &[name], since.elapsed().as_secs_f64());
                publish(scrape, &database, &monitor, &alerts, legacy_names);
            })
        });
        Self {
            monitor,
            exporter,
            since,
            source,
            alerter,
            tasks,
        }
    }

    /// Looks no more, and says farewell to those who were told of an incident that lasts.
    pub(crate) async fn stop(self) {
        // Before the pool closes: that it does is no outage.
        drop((self.source, self.tasks));
        self.alerter.stop(Self::FAREWELL).await;
    }
}

fn monitor(
    config: &Config,
    database: &Database,
    kind: DatabaseKind,
    additions: &Additions,
) -> HealthMonitor {
    let health = &config.health;
    let mut asked = probes(config, database, kind, &additions.migrations);
    asked.extend(additions.probes.iter().cloned());
    let informs =
        |probe: &Arc<dyn Probe>| health.inform_only.iter().any(|name| name == probe.name());
    for name in &health.inform_only {
        // Not everything is asked everywhere, such as Redis.
        if !asked.iter().any(|probe| probe.name() == name) {
            tracing::debug!(key = "health.inform_only", "no check is named {name}");
        }
    }
    let asked = asked
        .into_iter()
        .map(|probe| match informs(&probe) {
            true => Arc::new(Informing(probe)),
            false => probe,
        })
        .collect();
    let options = MonitorOptions {
        interval: health.check_interval,
        deadline: health.check_timeout + Duration::from_secs(1),
        hysteresis: hysteresis(health),
        ..MonitorOptions::default()
    };
    HealthMonitor::new(options, asked)
}
