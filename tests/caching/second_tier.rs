//! Processes that share results through Redis, for tests that need them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use larder_cache::l2::{RedisOptions, RedisServer};
use larder_database::Database;
use larder_testing::TestDatabase;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::support::{PATIENCE, open};

#[expect(clippy::expect_used, reason = "no test can run without it")]
fn url() -> String {
    std::env::var("LARDER_TEST_REDIS_URL").expect(
        "LARDER_TEST_REDIS_URL is not set: run the tests by `cargo xtask test`, which sets it",
    )
}

/// The Redis of the tests. On a busy machine it may take its time.
pub(super) fn options() -> RedisOptions {
    options_for(url())
}

pub(super) fn options_for(url: String) -> RedisOptions {
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
    sharing_by(test, options_for(url), &[]).await
}

/// The same that waits for Redis as these options say, and keeps some tables from it.
pub(super) async fn sharing_by(
    test: &TestDatabase,
    redis: RedisOptions,
    never_in_redis: &[&str],
) -> Database {
    // Each test has a database of its own, whose name no other has.
    let namespace = test.url().rsplit('/').next().unwrap().to_owned();
    let db = open(test, |options| {
        options.pool.size = 4;
        options.redis = Some(redis);
        let never = never_in_redis.iter().map(|name| (*name).to_owned());
        options.cache.never_in_redis.extend(never);
        options.cache.namespace = namespace;
    })
    .await;
    connected(&db).await;
    db
}

/// It connects in the background. A read that is answered shows that it has.
pub(super) async fn connected(db: &Database) {
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
}

/// Waits until so many values are in Redis beside those that connecting took.
pub(super) async fn written(db: &Database, values: u64) {
    let written = async {
        loop {
            let tier = db.second_tier_statistics().unwrap();
            let redis = db.redis_statistics().unwrap();
            if tier.stored >= values && redis.puts + redis.puts_dropped >= tier.stored {
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
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    trips: AtomicU64,
    gets: AtomicU64,
    holds_answers: AtomicBool,
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
        let counts = Arc::<Counts>::default();
        let counted = Arc::clone(&counts);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&address).await.unwrap();
                tokio::spawn(pass(client, server, Arc::clone(&counted)));
            }
        });
        Self {
            url: through,
            counts,
        }
    }

    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// How often something was read from Redis: what is sent without waiting for an answer counts
    /// once.
    pub(super) fn trips_with_get(&self) -> u64 {
        self.counts.trips.load(Ordering::Acquire)
    }

    /// How many keys were asked for.
    pub(super) fn gets(&self) -> u64 {
        self.counts.gets.load(Ordering::Acquire)
    }

    /// From now on no answer comes back.
    pub(super) fn hold_answers(&self) {
        self.counts.holds_answers.store(true, Ordering::Release);
    }
}

async fn pass(mut client: TcpStream, mut server: TcpStream, counts: Arc<Counts>) {
    const GET: &[u8] = b"\r\nGET\r\n$";
    // The end of what was asked before: a command may come in two parts.
    let mut before: Vec<u8> = Vec::new();
    let (mut asked, mut answered) = ([0; 65_536], [0; 65_536]);
    let mut is_asking = false;
    loop {
        tokio::select! {
            Ok(length @ 1..) = client.read(&mut asked) => {
                before.extend_from_slice(&asked[..length]);
                let gets = before.windows(GET.len()).filter(|bytes| *bytes == GET).count();
                before.drain(..before.len().saturating_sub(GET.len() - 1));
                counts.gets.fetch_add(gets as u64, Ordering::AcqRel);
                if gets > 0 && !is_asking {
                    is_asking = true;
                    counts.trips.fetch_add(1, Ordering::AcqRel);
                }
                server.write_all(&asked[..length]).await.unwrap();
            }
            Ok(length @ 1..) = server.read(&mut answered) => {
                is_asking = false;
                if counts.holds_answers.load(Ordering::Acquire) {
                    continue;
                }
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
            else => return,
        }
    }
}

#[tokio::test]
async fn a_table_that_stays_here_stays_with_its_partitions_parents_and_views() {
    let test = crate::support::accounts().await;
    let setup = open(&test, |_| {}).await;
    for statement in [
        "CREATE TABLE patients (id int) PARTITION BY LIST (id)",
        "CREATE TABLE patients_1 PARTITION OF patients FOR VALUES IN (1)",
        "CREATE TABLE patients_2 PARTITION OF patients FOR VALUES IN (2)",
        "CREATE VIEW patients_shown AS SELECT * FROM patients_1",
        "CREATE VIEW patients_shown_again AS SELECT * FROM patients_shown",
        "CREATE MATERIALIZED VIEW patients_kept AS SELECT * FROM patients_shown",
    ] {
        setup.sql(statement).execute().await.unwrap();
    }
    let all = [
        "patients",
        "patients_1",
        "patients_2",
        "patients_shown",
        "patients_shown_again",
        "patients_kept",
    ];
    for (named, stay) in [
        ("patients", &all[..]),
        (
            "public.patients_1",
            &[
                "patients",
                "patients_1",
                "patients_shown",
                "patients_shown_again",
                "patients_kept",
            ],
        ),
        (
            "patients_shown",
            &["patients_shown", "patients_shown_again", "patients_kept"],
        ),
        ("patients_kept", &["patients_kept"]),
    ] {
        let db = sharing_by(&test, options(), &[named]).await;
        for read in all {
            let before = db.second_tier_statistics().unwrap().stored;
            // Another text each time, so that none has it from the ones before.
            let text = format!("SELECT id, '{named}' AS named FROM {read}");
            db.sql(&text).cached().fetch_json().await.unwrap();
            let stored = db.second_tier_statistics().unwrap().stored - before;
            let expected = u64::from(!stay.contains(&read));
            assert_eq!(stored, expected, "{read} while {named} is to stay here");
        }
    }
}
