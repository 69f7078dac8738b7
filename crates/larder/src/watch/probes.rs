//! What health asks of an instance: a file for each group of probes.
//!
//! Which probe explains which stands here in one table. A probe is explained by what it cannot be
//! well without; so that the table has no circles, explanations go from the server to what uses it.

mod cache;
mod database;
mod diagnosis;
mod log;
mod migrations;
mod pool;
mod process;
mod replicas;
mod server;
mod statements;

use std::sync::Arc;
use std::time::Duration;

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use futures::future::BoxFuture;
use larder_config::{Config, HealthConfig};
use larder_database::{CacheMode, Database};
use larder_health::{Finding, Hysteresis, Probe, probe};

use super::link::ServerLink;
use crate::DatabaseKind;

/// Migrations that the database should have.
pub(crate) type ExpectedMigrations = Arc<dyn MigrationSource<Pg> + Send + Sync>;

/// How long what follows from a fault may take to come back after it: connections are made again
/// after a pause, and who waited comes first.
const RECOVERY: Duration = Duration::from_secs(15);

/// When the probe on the left is bad, those on the right are bad because of it. A disk that is
/// nearly full explains nothing: it is degraded for weeks, and statements work until it is full.
const EXPLANATIONS: [(&str, &[&str]); 8] = [
    (
        "database",
        &[
            "server",
            "connections",
            "pool",
            "acquire",
            "statements",
            "slow",
            "follower",
            "log",
            "replicas",
            "migrations",
            "cache",
        ],
    ),
    ("server", &["connections", "pool", "acquire", "follower"]),
    ("connections", &["pool", "acquire", "follower"]),
    ("migrations", &["statements"]),
    ("slow", &["pool", "acquire"]),
    ("pool", &["acquire"]),
    ("follower", &["cache"]),
    ("redis", &["cache"]),
];

/// What a probe has at hand.
pub(super) struct Context<'a> {
    config: &'a Config,
    database: &'a Database,
    link: Arc<ServerLink>,
}

/// What health asks, by the thresholds of the settings.
pub(super) fn probes(
    config: &Config,
    database: &Database,
    kind: DatabaseKind,
    migrations: &[ExpectedMigrations],
) -> Vec<Arc<dyn Probe>> {
    let limit = config.health.check_timeout;
    let context = Context {
        config,
        database,
        link: Arc::new(ServerLink::new(database, kind, limit)),
    };
    // First the one that connects: the others use what it has made.
    let mut probes = vec![
        database::ping(&context),
        statements::errors(&context),
        statements::slow(&context),
        pool::connections(&context),
        pool::saturation(&context),
        pool::acquire(&context),
        cache::hits(&context),
    ];
    if database.cache_mode() == CacheMode::Shared {
        probes.push(log::follower(&context));
        probes.push(log::size(&context));
    }
    if database.redis_available().is_some() {
        probes.push(cache::redis(&context));
    }
    if kind == DatabaseKind::Server {
        probes.push(server::connections(&context));
        probes.push(replicas::replicas(&context));
        probes.push(server::disk(&context));
        probes.push(migrations::pending(&context, migrations));
    }
    probes.push(process::resources(&context));
    probes
}

/// A probe of this name that asks in this way, with what it explains.
fn asking<F, Fut>(context: &Context<'_>, name: &'static str, ask: F) -> larder_health::ClosureProbe
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Finding> + Send + 'static,
{
    // It gives up by itself before the monitor does, and says more then.
    let deadline = context.config.health.check_timeout + Duration::from_secs(1);
    let mut explanations = EXPLANATIONS.iter();
    let explains = explanations
        .find(|(explaining, _)| *explaining == name)
        .map_or([].as_slice(), |(_, explained)| *explained);
    probe(name, ask)
        .deadline(deadline)
        .memory(RECOVERY)
        .explaining(explains.iter().copied())
}

/// A probe that does not wait.
fn reading<F>(context: &Context<'_>, name: &'static str, read: F) -> larder_health::ClosureProbe
where
    F: Fn() -> Finding + Send + Sync + 'static,
{
    asking(context, name, move || std::future::ready(read()))
}

/// How quickly a status changes.
pub(super) fn hysteresis(health: &HealthConfig) -> Hysteresis {
    Hysteresis {
        worse_after: health.worse_after,
        better_after: health.better_after,
        minimum: health.minimum_time,
    }
}

/// A probe that the settings let inform only.
pub(super) struct Informing(pub(super) Arc<dyn Probe>);

impl Probe for Informing {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn check(&self) -> BoxFuture<'_, Finding> {
        self.0.check()
    }

    fn at_worst(&self) -> larder_health::Status {
        self.0.at_worst()
    }

    fn deadline(&self) -> Option<Duration> {
        self.0.deadline()
    }

    fn counts(&self) -> bool {
        false
    }

    fn explains(&self) -> &[String] {
        self.0.explains()
    }

    fn hysteresis(&self) -> Option<Hysteresis> {
        self.0.hysteresis()
    }

    fn memory(&self) -> Duration {
        self.0.memory()
    }
}

#[cfg(test)]
mod tests {
    use super::EXPLANATIONS;

    #[test]
    fn explanations_never_go_round() {
        fn reaches(from: &str, to: &str) -> bool {
            let explained = EXPLANATIONS.iter().find(|(name, _)| *name == from);
            let mut explained = explained.map_or([].iter(), |(_, explained)| explained.iter());
            explained.any(|name| *name == to || reaches(name, to))
        }
        for (name, _) in EXPLANATIONS {
            assert!(!reaches(name, name), "{name} explains itself");
        }
    }
}
