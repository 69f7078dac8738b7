//! Watching an instance: its health in the background, and what metrics are read from it.

mod probes;
mod series;

use std::time::Instant;

use larder_config::Config;
use larder_database::Database;
use larder_health::{HealthMonitor, MonitorOptions};
use larder_metrics::{Exporter, ScrapeSource, names};
use tokio::task::JoinSet;

use self::probes::probes;
use self::series::publish;

/// What watches an instance. It ends when this is dropped.
pub(crate) struct Watch {
    pub(crate) monitor: HealthMonitor,
    pub(crate) exporter: Option<Exporter>,
    pub(crate) since: Instant,
    _source: Option<ScrapeSource>,
    _tasks: JoinSet<()>,
}

impl Watch {
    pub(crate) fn start(config: &Config, database: &Database, exporter: Option<Exporter>) -> Self {
        let since = Instant::now();
        let options = MonitorOptions {
            interval: config.health.check_interval,
            ..MonitorOptions::default()
        };
        let monitor = HealthMonitor::new(options, probes(config, database));
        let mut tasks = JoinSet::new();
        tasks.spawn(monitor.clone().run());
        if let Some(exporter) = &exporter {
            tasks.spawn(exporter.clone().run());
        }
        let source = exporter.as_ref().map(|exporter| {
            let (database, monitor) = (database.clone(), monitor.clone());
            let legacy_names = config.metrics.legacy_names;
            exporter.register(move |scrape| {
                let name = database.instance_name();
                scrape.gauge(&names::UPTIME, &[name], since.elapsed().as_secs_f64());
                publish(scrape, &database, &monitor, legacy_names);
            })
        });
        Self {
            monitor,
            exporter,
            since,
            _source: source,
            _tasks: tasks,
        }
    }
}
