//! The database that is read: one table of restaurants.

use tokio_postgres::{Client, NoTls};
use url::Url;

use crate::error::{Error, Result};

/// Where the server is.
const SERVER: &str = "LARDER_TEST_DATABASE_URL";

/// How many rows the table has; their ids begin with 1.
pub(crate) const ROWS: i64 = 10_000;

const TABLE: &str = "CREATE TABLE restaurants (id bigint PRIMARY KEY, name text NOT NULL, \
    city text NOT NULL, cuisine text, latitude double precision NOT NULL)";

/// Every seventh has no cuisine.
const FILL: &str = "INSERT INTO restaurants \
    SELECT id, 'Restaurant ' || id, 'City ' || id % 500, \
    CASE WHEN id % 7 <> 0 THEN 'Cuisine ' || id % 20 END, 25 + id / 10000.0 \
    FROM generate_series(1, 10000) AS id";

/// A database of the bench's own.
pub(crate) struct Fixture {
    server: Url,
    name: String,
    /// The database itself.
    pub(crate) url: String,
    /// The version of the server.
    pub(crate) postgresql: String,
}

impl Fixture {
    /// Makes the database and its rows.
    pub(crate) async fn create() -> Result<Self> {
        let server = std::env::var(SERVER).map_err(|_| Error::NoServer)?;
        let server = Url::parse(&server).map_err(Error::Url)?;
        let name = format!("larder_bench_pool_{:08x}", fastrand::u32(..));
        let client = connect(server.as_str()).await?;
        client
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await?;
        let version = client.query_one("SHOW server_version", &[]).await?;
        let postgresql: String = version.get(0);
        let mut own = server.clone();
        own.set_path(&name);
        let fixture = Self {
            server,
            name,
            url: own.into(),
            postgresql,
        };
        match fixture.fill().await {
            Ok(()) => Ok(fixture),
            Err(error) => {
                // The first error is the one to tell.
                drop(fixture.remove().await);
                Err(error)
            }
        }
    }

    async fn fill(&self) -> Result<()> {
        let client = connect(&self.url).await?;
        client.batch_execute(TABLE).await?;
        client.batch_execute(FILL).await?;
        // So that nothing of this happens while something is measured.
        client.batch_execute("VACUUM (ANALYZE) restaurants").await?;
        Ok(())
    }

    /// Removes the database, whoever is still connected to it.
    pub(crate) async fn remove(&self) -> Result<()> {
        let client = connect(self.server.as_str()).await?;
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        Ok(client.batch_execute(&drop).await?)
    }
}

/// A connection whose task runs until it is dropped.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(async move {
        // Whoever uses the client hears of it.
        drop(connection.await);
    });
    Ok(client)
}
