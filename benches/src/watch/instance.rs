//! The same database, watched by nobody, in part, and with everything on.

use diesel::OptionalExtension;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder::prelude::{Larder, Profile};
use larder_pool::{ConnectOptions, Connection, Pool, PoolOptions};
use larder_services::restaurants::Restaurant;
use larder_services::schema::restaurants;
use larder_testing::TestDatabase;

use crate::error::Result;

/// Rows that are read in turn.
pub(super) const ROWS: i64 = 1_000;

/// Connections that each may have; a read takes one.
const CONNECTIONS: u32 = 5;

const FILL: &str = "
INSERT INTO restaurants (source_id, name, address, city, state, zip_code, latitude, longitude)
SELECT 'bench-' || n, 'Restaurant number ' || n, n || ' Ocean Drive', 'Miami', 'FL', '33139',
    25.79, -80.13
FROM generate_series(1, :rows) AS n";

/// What is compared.
pub(super) struct Instances {
    /// A pool that nobody watches: no statistics, no tracking of writes, nothing.
    pub(super) bare: Pool,
    /// Statistics, slow queries and writes, which cannot be switched off; no metrics.
    pub(super) without_metrics: Larder,
    /// Everything: series, those for each statement too, the exporter, health each second, pages.
    pub(super) watched: Larder,
    /// The ids of the rows.
    pub(super) ids: Vec<i64>,
}

impl Instances {
    pub(super) async fn start(test: &TestDatabase) -> Result<Self> {
        let db = test.database();
        db.sql(FILL).bind("rows", ROWS).execute().await?;
        db.sql("ANALYZE restaurants").execute().await?;
        let ids = db
            .read(async |conn| restaurants::table.select(restaurants::id).load(conn).await)
            .await?;
        let mut pool = PoolOptions::named("bare");
        pool.size = CONNECTIONS as usize;
        pool.overflow = 0;
        Ok(Self {
            bare: Pool::open(ConnectOptions::parse(test.url())?, pool).await?,
            without_metrics: start(test.url(), false).await?,
            watched: start(test.url(), true).await?,
            ids,
        })
    }

    pub(super) async fn stop(&self) -> Result<()> {
        self.watched.shutdown().await?;
        Ok(self.without_metrics.shutdown().await?)
    }
}

async fn start(url: &str, everything: bool) -> Result<Larder> {
    let larder = Larder::builder()
        .load_with(|loader| loader.no_file().environment([] as [(&str, &str); 0]))
        .profile(Profile::Test)
        .set("database.url", url)
        .set("pool.size", CONNECTIONS)
        .set("pool.overflow", 0)
        .set("cache.enabled", true)
        .set("metrics.enabled", everything)
        .set("metrics.per_fingerprint", everything)
        .set("metrics.legacy_names", everything)
        .set("admin.enabled", everything)
        .set("admin.address", "127.0.0.1:0")
        .set(
            "health.check_interval",
            if everything { "1s" } else { "1h" },
        )
        .start();
    Ok(larder.await?)
}

/// A read of one row by its key.
pub(super) async fn point(conn: &mut Connection, id: i64) -> QueryResult<Option<Restaurant>> {
    let query = restaurants::table.find(id);
    query.first::<Restaurant>(conn).await.optional()
}
