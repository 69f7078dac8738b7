//! A server of the test's own, as one in production would be set up, and a database on it.

use std::time::Duration;

use larder_analysis::{Analysis, Options, analyze};
use larder_database::{CacheMode, Database, DatabaseOptions};
use larder_testing::servers::{PostgresOptions, PostgresServer};
use tokio_postgres::{Client, NoTls};

pub(crate) struct Shop {
    server: PostgresServer,
    pub(crate) client: Client,
    pub(crate) database: Database,
}

impl Shop {
    /// With all that an analysis can use.
    pub(crate) async fn open() -> Self {
        let shop = Self::without_extensions().await;
        let asked = "SELECT count(*) FROM pg_available_extensions WHERE name = 'hypopg'";
        let known: i64 = shop.client.query_one(asked, &[]).await.unwrap().get(0);
        assert_eq!(
            known, 1,
            "install hypopg for this PostgreSQL (Debian: postgresql-NN-hypopg)"
        );
        shop.execute("CREATE EXTENSION pg_stat_statements; CREATE EXTENSION hypopg")
            .await;
        shop
    }

    /// Autovacuum is on, and comes too seldom to put right what a test has planted.
    pub(crate) async fn without_extensions() -> Self {
        let options = PostgresOptions::default()
            .setting("shared_preload_libraries", "pg_stat_statements")
            .setting("autovacuum_naptime", "1d")
            .setting("fsync", "on")
            .setting("full_page_writes", "on")
            .setting("synchronous_commit", "off");
        let server = PostgresServer::start_with(options).await.unwrap();
        let client = connect(&server.url()).await;
        let database = open(&server.url()).await;
        Self {
            server,
            client,
            database,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// Another connection.
    pub(crate) async fn connect(&self) -> Client {
        connect(&self.url()).await
    }

    /// Another database handle of the same role, without connections of before.
    pub(crate) async fn open_again(&self) -> Database {
        open(&self.url()).await
    }

    /// A database handle of another role.
    pub(crate) async fn open_as(&self, role: &str, password: &str) -> Database {
        let port = self.server.port();
        open(&format!(
            "postgres://{role}:{password}@127.0.0.1:{port}/postgres"
        ))
        .await
    }

    pub(crate) async fn execute(&self, text: &str) {
        for statement in text.split(';').filter(|one| !one.trim().is_empty()) {
            let done = self.client.batch_execute(statement).await;
            done.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        }
    }

    /// What was counted so far is seen by all.
    pub(crate) async fn count(&self) {
        self.execute("SELECT pg_stat_force_next_flush(); SELECT 1")
            .await;
    }

    pub(crate) async fn analyze(&self, options: &Options) -> Analysis {
        analyze(&self.database, options).await.unwrap()
    }
}

/// Options for a server that has just started, where nothing can be old.
pub(crate) fn at_once() -> Options {
    let mut options = Options::default();
    options.thresholds.statistics_age = Duration::ZERO;
    options
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn open(url: &str) -> Database {
    let mut options = DatabaseOptions::from_url(url).unwrap();
    options.pool.size = 1;
    options.pool.overflow = 0;
    options.cache.mode = CacheMode::Local;
    Database::open(options).await.unwrap()
}

/// What was found: codes and objects.
pub(crate) fn found(analysis: &Analysis) -> Vec<(&'static str, &str)> {
    let findings = analysis.findings.iter();
    let mut found: Vec<_> = findings
        .map(|one| (one.code, one.object.as_str()))
        .collect();
    found.sort_unstable();
    found
}
