//! Processes that share results through Redis, for tests that need them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use larder_cache::l2::{RedisOptions, RedisServer};
use larder_database::Database;
use larder_testing::TestDatabase;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::support::{PATIENCE, open};

fn url() -> String {
    std::env::var("LARDER_TEST_REDIS_URL").expect(
        "LARDER_TEST_REDIS_URL is not set: run the tests by `cargo xtask test`, which sets it",
    )
}

/// The Redis of the tests. On a busy machine it may take its time.
pub(super) fn options() -> RedisOptions {
    options_for(url())
}

fn options_for(url: String) -> RedisOptions {
    let url = SecretString::from(url);
    let mut redis = RedisOptions::new(RedisServer::Single { url });
    redis.deadline = PATIENCE;
    redis
}

/// A process on the database of a test that shares results through Redis.
pub(super) async fn sharing(test: &TestDatabase) -> Database {
    sharing_through(test, url()).await
}

/// The same with another way to Redis.
pub(super) async fn sharing_through(test: &TestDatabase, url: String) -> Database {
    // Each test has a database of its own, whose name no other has.
    let namespace = test.url().rsplit('/').next().unwrap().to_owned();
    let db = open(test, |options| {
        options.pool.size = 4;
        options.redis = Some(options_for(url));
        options.cache.namespace = namespace;
    })
    .await;
    // It connects in the background. A read that is answered shows that it has.
    let connected = async {
        for n in 0_i64.. {
            let tier = db.second_tier_statistics().unwrap();
            if tier.misses + tier.hits > 0 {
                return;
            }
            // Another one each time: what is kept here is not looked for there.
            let probe = db.sql("SELECT id FROM accounts WHERE id = :n").bind("n", n);
            probe.cached().fetch_json().await.unwrap();
            yield_now().await;
        }
    };
    timeout(PATIENCE, connected).await.unwrap();
    db
}

/// Waits until so many values are in Redis beside those that connecting took.
pub(super) async fn written(db: &Database, values: u64) {
    let tier = db.second_tier_statistics().unwrap();
    assert!(tier.stored >= values, "{tier:?}");
    let written = async {
        loop {
            let redis = db.redis_statistics().unwrap();
            if redis.puts + redis.puts_dropped >= tier.stored {
                return;
            }
            yield_now().await;
        }
    };
    timeout(PATIENCE, written).await.unwrap();
}

/// Stands between a process and Redis, and counts what travels.
pub(super) struct Proxy {
    url: String,
    trips: Arc<AtomicU64>,
}

impl Proxy {
    pub(super) async fn begin() -> Self {
        let url = url();
        let (beginning, address) = url.rsplit_once('@').unwrap_or(("redis:/", &url[8..]));
        let address = address.trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let through = match url.contains('@') {
            true => format!("{beginning}@127.0.0.1:{port}"),
            false => format!("redis://127.0.0.1:{port}"),
        };
        let trips = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&trips);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&address).await.unwrap();
                tokio::spawn(pass(client, server, Arc::clone(&counted)));
            }
        });
        Self {
            url: through,
            trips,
        }
    }

    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// How often something was read from Redis: what is sent without waiting for an answer counts
    /// once.
    pub(super) fn trips_with_get(&self) -> u64 {
        self.trips.load(Ordering::Acquire)
    }
}

async fn pass(mut client: TcpStream, mut server: TcpStream, trips: Arc<AtomicU64>) {
    let (mut asked, mut answered) = ([0; 65_536], [0; 65_536]);
    let mut is_asking = false;
    loop {
        tokio::select! {
            Ok(length @ 1..) = client.read(&mut asked) => {
                let gets = asked[..length].windows(8).any(|bytes| bytes == b"\r\nGET\r\n$");
                if gets && !is_asking {
                    is_asking = true;
                    trips.fetch_add(1, Ordering::AcqRel);
                }
                server.write_all(&asked[..length]).await.unwrap();
            }
            Ok(length @ 1..) = server.read(&mut answered) => {
                is_asking = false;
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
            else => return,
        }
    }
}
