//! Watching an instance: its health in the background, and what metrics are read from it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_config::Config;
use larder_database::Database;
use larder_health::thresholds::{ErrorRate, FailedConnections, HitRate, PoolUse, ResponseTime};
use larder_health::{Finding, HealthMonitor, MonitorOptions, Probe, probe};
use larder_metrics::{
    CacheReading, Exporter, HealthReading, PoolReading, Scrape, ScrapeSource, names,
};
use tokio::task::JoinSet;

/// The statements and connects that health looks back on.
const LATELY: Duration = Duration::from_secs(300);

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
            exporter.register(move |scrape| {
                let name = database.instance_name();
                scrape.gauge(&names::UPTIME, &[name], since.elapsed().as_secs_f64());
                publish(scrape, &database, &monitor);
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

/// What health asks, by the thresholds of the settings.
fn probes(config: &Config, database: &Database) -> Vec<Arc<dyn Probe>> {
    let health = &config.health;
    let response = ResponseTime::up_to(health.max_response_time);
    let errors = ErrorRate {
        max: health.max_error_rate,
        // One failure among a handful says nothing yet.
        min_calls: 20,
    };
    let failures = FailedConnections {
        max: health.max_failed_connections.into(),
    };
    let uses_cache = config.cache.enabled;
    let ping = asking("database", database, move |database| async move {
        let started = Instant::now();
        let answer = database.sql("SELECT 1").fetch_scalar::<i32>().await;
        match answer {
            Ok(_) => response.evaluate(started.elapsed()),
            Err(error) => Finding::failed(format!("failed to {error}")),
        }
    });
    let statements = asking("statements", database, move |database| async move {
        let lately = database.recent_queries(LATELY);
        errors.evaluate(lately.calls, lately.failures)
    });
    let connections = asking("connections", database, move |database| async move {
        failures.evaluate(database.recent_connects(LATELY).failures)
    });
    let pool = asking(
        "pool",
        database,
        |database| async move { pool_use(&database) },
    );
    let cache = asking("cache", database, move |database| async move {
        if !uses_cache {
            return Finding::healthy();
        }
        let cache = database.cache_statistics();
        HitRate::default().evaluate(cache.hits + cache.stale_hits, cache.misses)
    });
    vec![ping, statements, connections, pool, cache]
}

fn asking<F, Fut>(name: &'static str, database: &Database, ask: F) -> Arc<dyn Probe>
where
    F: Fn(Database) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Finding> + Send + 'static,
{
    let database = database.clone();
    Arc::new(probe(name, move || ask(database.clone())))
}

fn pool_use(database: &Database) -> Finding {
    let pool = database.pool_status();
    let capacity = pool.size + pool.overflow;
    // A single connection is in use whenever anything happens; who waits too long is told so.
    if capacity == 1 {
        return Finding::healthy().observing(pool.waiting as f64, "waiting");
    }
    PoolUse::default().evaluate(pool.in_use as u64, capacity as u64)
}

/// What is read of an instance at each scrape.
fn publish(scrape: &mut Scrape, database: &Database, monitor: &HealthMonitor) {
    let name = database.instance_name();
    let pool = database.pool_status();
    PoolReading {
        idle: pool.idle as u64,
        used: pool.in_use as u64,
        max: (pool.size + pool.overflow) as u64,
        idle_min: 0,
        idle_max: pool.size as u64,
        overflow: (pool.in_use + pool.idle).saturating_sub(pool.size) as u64,
        waiting: pool.waiting as u64,
        invalidated: pool.invalidated,
    }
    .publish(scrape, name, false);
    let cache = database.cache_statistics();
    CacheReading {
        hits: cache.hits,
        stale_hits: cache.stale_hits,
        misses: cache.misses,
        joined: cache.joined,
        bypassed: cache.bypassed,
        refused: cache.refused,
        loads: cache.loads,
        load_errors: cache.load_errors,
        sets: cache.sets,
        evictions: cache.evictions,
        expired: cache.expired,
        invalidations: cache
            .invalidations
            .iter()
            .map(|(cause, count)| (cause.as_str().to_owned(), *count))
            .collect(),
        entries: cache.entries,
        bytes: cache.bytes,
    }
    .publish(scrape, name, "l1", false);
    let report = monitor.report();
    HealthReading {
        checks: report
            .probes
            .iter()
            .filter_map(|probe| Some((probe.name.clone(), probe.status.level()?)))
            .collect(),
        made: report
            .per_status
            .iter()
            .map(|(status, count)| (status.as_str().to_owned(), *count))
            .collect(),
    }
    .publish(scrape, name);
    database.services().publish(scrape);
}
