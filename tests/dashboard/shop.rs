//! A shop that is busy: an instance with servers of its own, and people who read and write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder::Larder;
use larder::config::Profile;
use larder::pool::holding_as;
use larder::services::import::{Import, RestaurantGenerator};
use larder_testing::servers::{PostgresServer, RedisServer};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, NoTls};

use crate::browser::PATIENCE;

/// An instance under load. Its servers are gone when it is dropped.
pub(crate) struct Shop {
    pub(crate) larder: Larder,
    pub(crate) postgres: PostgresServer,
    pub(crate) redis: RedisServer,
    people: JoinSet<()>,
    report: Arc<AtomicBool>,
}

impl Shop {
    /// Opens it for whoever looks from this machine.
    pub(crate) async fn open() -> Self {
        Self::open_with(None).await
    }

    /// Opens it for whoever has this token.
    pub(crate) async fn open_with(token: Option<&str>) -> Self {
        let postgres = PostgresServer::start().await.unwrap();
        let redis = RedisServer::start().await.unwrap();
        let builder = Larder::builder()
            .profile(Profile::Test)
            .load_with(|loader| loader.no_file().environment([("", ""); 0]))
            .set("database.url", postgres.url().as_str())
            .set("redis.url", redis.url().as_str())
            .set("cache.enabled", true)
            .set("cache.ttl", "2s")
            .set("pool.size", 6)
            .set("pool.overflow", 4)
            .set("pool.keep_open", 2)
            .set("pool.acquire_timeout", "2s")
            .set("metrics.enabled", true)
            .set("health.check_interval", "500ms")
            // A machine that is busy is no fault of the shop, and what is over is soon forgotten.
            .set("health.window", "10s")
            .set("health.max_response_time", "30s")
            .set("health.max_acquire_wait", "30s")
            .set("health.max_redis_time", "30s")
            .set("health.max_slow_share", 1.0)
            // Nothing fails here by itself.
            .set("health.max_error_rate", 0.002)
            .set("health.max_disk_use", 1.0)
            .set("admin.enabled", true)
            .set("admin.address", "127.0.0.1:0")
            .set("admin.actions", true);
        let builder = match token {
            Some(token) => builder.set("admin.token", token),
            None => builder,
        };
        let larder = builder.start().await.unwrap();
        larder.migrate().await.unwrap();
        let restaurants = Import::from_restaurants(RestaurantGenerator::new(2_000, 7));
        larder
            .restaurants()
            .import(restaurants)
            .run()
            .await
            .unwrap();
        let mut shop = Self {
            larder,
            postgres,
            redis,
            people: JoinSet::new(),
            report: Arc::default(),
        };
        shop.let_people_in();
        shop
    }

    /// Where the dashboard is.
    pub(crate) fn dashboard(&self) -> String {
        let address = self.larder.admin_address().unwrap();
        format!("http://{address}/dashboard")
    }

    /// From now on somebody runs a slow report, over and over, or nobody does any more.
    pub(crate) fn run_reports(&self, is_run: bool) {
        self.report.store(is_run, Ordering::Release);
    }

    /// Kills the backend that runs the report, as soon as there is one.
    pub(crate) async fn kill_backend(&self, admin: &Client) {
        let killed = async {
            loop {
                let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%pg_sleep(60)%'";
                if !admin.query(kill, &[]).await.unwrap().is_empty() {
                    return;
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, killed).await.unwrap();
    }

    /// A connection of its own to the server.
    pub(crate) async fn admin(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.postgres.url(), NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client
    }

    fn let_people_in(&mut self) {
        for number in 0..4_u32 {
            let larder = self.larder.clone();
            self.people.spawn(async move {
                let mut turn = number;
                loop {
                    turn = turn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    // What fails is what the dashboard is to show.
                    let _ = visit(&larder, turn).await;
                    sleep(Duration::from_millis(u64::from(5 + turn % 23))).await;
                }
            });
        }
        let (larder, report) = (self.larder.clone(), Arc::clone(&self.report));
        self.people.spawn(async move {
            loop {
                sleep(Duration::from_millis(200)).await;
                if report.load(Ordering::Acquire) {
                    let sql = larder
                        .db()
                        .sql("SELECT count(*), pg_sleep(60) FROM restaurants");
                    let _ = holding_as("nightly report", sql.execute()).await;
                }
            }
        });
    }
}

/// Somebody looks around, and sometimes changes something.
async fn visit(larder: &Larder, turn: u32) -> larder::Result<()> {
    let restaurants = larder.restaurants();
    match turn % 16 {
        0 => {
            let sql = "UPDATE restaurants SET name = name WHERE id = :id";
            larder
                .db()
                .sql(sql)
                .bind("id", i64::from(turn % 97))
                .execute()
                .await?;
        }
        1 | 2 => {
            restaurants.search("noodle").limit(20).load().await?;
        }
        3 => {
            larder.analytics().popular_cuisines().load().await?;
        }
        4 => {
            larder
                .db()
                .transaction(async |conn| {
                    larder::database::sql("SELECT count(*) FROM reviews")
                        .execute_on(conn)
                        .await
                })
                .await?;
        }
        _ => {
            let place = larder::prelude::Point::new(40.7 + f64::from(turn % 7) / 100.0, -74.0)?;
            restaurants
                .nearby(place, larder::prelude::kilometers(3.0))
                .limit(10)
                .load()
                .await?;
        }
    }
    Ok(())
}
