//! The checks in their order, each with a deadline; what depends on one that failed is skipped.

use std::path::PathBuf;
use std::time::Duration;

use larder_config::{Config, Error as ConfigError};
use larder_database::{Database, DatabaseOptions};
use tokio::time::timeout;

use super::check::{Check, Outcome, Verdict};
use super::report::Report;
use super::{
    capacity, log, login, network, pooler, provider, redis, schema, server, session, settings, tls,
};

/// What is asked for on the command line.
pub(super) struct Plan {
    pub(super) replicas: u32,
    pub(super) migrations: PathBuf,
    /// For each check.
    pub(super) deadline: Duration,
}

/// The checks that need a server.
const OF_SERVER: [&str; 5] = ["provider", "host", "connect", "tls", "login"];

/// The checks that need a login.
const OF_DATABASE: [&str; 10] = [
    "server",
    "durability",
    "clock",
    "session",
    "pooler",
    "connections",
    "extensions",
    "migrations",
    "log",
    "rights",
];

/// How long the end waits for connections to be given back, which they are by then.
const GOODBYE: Duration = Duration::from_secs(1);

/// Makes all checks.
pub(super) async fn examine(plan: &Plan, loaded: Result<Config, ConfigError>) -> Report {
    let mut examination = Examination {
        checks: Vec::new(),
        deadline: plan.deadline,
    };
    let config = match loaded {
        Ok(config) => config,
        Err(error) => {
            examination.note("settings", settings::faults(&error));
            for name in OF_SERVER.into_iter().chain(OF_DATABASE).chain(["redis"]) {
                examination.skip(name, "the settings are not valid");
            }
            return Report::new(None, plan.replicas, examination.checks);
        }
    };
    examination.note("settings", settings::verdicts(&config));
    let redis_options = match config.database.url.as_ref() {
        None => {
            for name in OF_SERVER.into_iter().chain(OF_DATABASE) {
                examination.skip(name, "no URL is set: the embedded database is used");
            }
            // The settings of Redis do not depend on the URL.
            let of_redis = DatabaseOptions::from_config(&config, "postgres://embedded");
            of_redis.ok().and_then(|options| options.redis)
        }
        Some(url) => match DatabaseOptions::from_config(&config, url.expose()) {
            Ok(options) => {
                let redis = options.redis.clone();
                examination.database(plan, &config, options).await;
                redis
            }
            Err(error) => {
                let cure = "write database.url as postgres://user:password@host:5432/database";
                let verdict = Verdict::failure(format!("failed to {error}"), cure);
                examination.note("provider", provider::verdicts(&config));
                examination.note("host", vec![verdict]);
                examination.skip_from("host");
                None
            }
        },
    };
    let redis = redis::check(&config, redis_options);
    examination.check("redis", redis).await;
    Report::new(Some(&config), plan.replicas, examination.checks)
}

struct Examination {
    checks: Vec<Check>,
    deadline: Duration,
}

impl Examination {
    /// Everything that has to do with the server.
    async fn database(&mut self, plan: &Plan, config: &Config, options: DatabaseOptions) {
        self.note("provider", provider::verdicts(config));
        let places = network::places(&options.connect);
        let Some(places) = self.check("host", network::resolve(places)).await else {
            return self.skip_from("host");
        };
        let Some(reached) = self.check("connect", network::connect(places)).await else {
            return self.skip_from("connect");
        };
        let tls = tls::check(&options.connect.tls, &reached);
        if self.check("tls", tls).await.is_none() {
            return self.skip_from("tls");
        }
        let connect = options.connect.clone();
        let Some(database) = self.check("login", login::check(options)).await else {
            return self.skip_from("login");
        };
        self.check("server", server::version(&database)).await;
        self.check("durability", server::durability(&database))
            .await;
        self.check("clock", server::clock(&database)).await;
        self.check("session", session::check(&database, config))
            .await;
        let seen = pooler::check(&database, connect.pooler);
        let seen = self.check("pooler", seen).await;
        let connections = capacity::check(&database, config, plan.replicas, seen);
        self.check("connections", connections).await;
        let extensions = schema::extensions(&database, &plan.migrations);
        self.check("extensions", extensions).await;
        let migrations = schema::migrations(&database, &plan.migrations);
        self.check("migrations", migrations).await;
        self.log(&database, config).await;
        // What was done here is done, however the connections close.
        let _ = database.shutdown(GOODBYE).await;
    }

    async fn log(&mut self, database: &Database, config: &Config) {
        let found = self.check("log", log::check(database, config)).await;
        for (name, verdicts) in found.into_iter().flatten() {
            self.note(name, verdicts);
        }
    }

    /// Makes a check within the deadline; gives what those that follow need of it.
    async fn check<T>(
        &mut self,
        name: &'static str,
        work: impl Future<Output = Outcome<T>>,
    ) -> Option<T> {
        let outcome = match timeout(self.deadline, work).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::missing(Verdict::failure(
                format!("no answer within {:?}", self.deadline),
                "see whether the server is overloaded or a firewall swallows what is sent; \
                 --deadline gives it longer",
            )),
        };
        self.note(name, outcome.verdicts);
        outcome.found
    }

    fn note(&mut self, name: &'static str, verdicts: Vec<Verdict>) {
        let checks = verdicts.into_iter().map(|verdict| Check {
            check: name,
            state: verdict.state,
            seen: verdict.seen,
            cure: verdict.cure,
        });
        self.checks.extend(checks);
    }

    fn skip(&mut self, name: &'static str, why: &str) {
        self.note(name, vec![Verdict::skipped(why)]);
    }

    /// Skips all that follow a check of the server's.
    fn skip_from(&mut self, failed: &str) {
        let names = OF_SERVER.into_iter().skip_while(|name| *name != failed);
        for name in names.skip(1).chain(OF_DATABASE) {
            self.skip(name, &format!("needs {failed}"));
        }
    }
}
