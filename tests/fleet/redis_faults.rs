//! Redis fails in all the ways that it can: reads and writes go on, and nothing old is served.

use std::time::Duration;

use larder_database::Database;
use larder_testing::TestDatabase;
use larder_testing::proxy::{Fault, Moment, Proxy};
use tokio::time::{Instant, timeout};

use super::redis_server::{Server, connect};
use super::{
    LONG, TOTAL, assert_noticed, caught_up, keep, namespace, redis_options, shared_redis, sharing,
    sharing_through, sharing_with, stored, total, try_total, until, until_reached, until_replaced,
};
use crate::support::accounts;

const WRITE: &str = "UPDATE accounts SET balance = balance + 10 WHERE id = 1";

async fn write(db: &Database) -> Instant {
    db.sql(WRITE).execute().await.unwrap();
    Instant::now()
}

/// A read that nobody has made before, within a time that a busy machine keeps.
async fn read_anew(db: &Database) {
    const GENEROUS: Duration = Duration::from_secs(5);
    let query = db.sql("SELECT :n + balance FROM accounts WHERE id = 2");
    let read = query
        .bind("n", fastrand::i64(0..1 << 60))
        .cached()
        .ttl(LONG);
    let read = read.fetch_scalar::<i64>();
    timeout(GENEROUS, read)
        .await
        .expect("a read is held up")
        .unwrap();
}

/// A process with the deadline that a service has.
async fn impatient(test: &TestDatabase, redis: &str, namespace: &str) -> Database {
    sharing_with(test, redis, namespace, |options| {
        let mut redis = redis_options(redis);
        redis.deadline = Duration::from_millis(50);
        options.redis = Some(redis);
    })
    .await
}

#[tokio::test]
async fn fault_21_redis_stopped_and_restarted_empty() {
    let test = accounts().await;
    let mut server = Server::start().await;
    let (url, namespace) = (server.url(), namespace());
    let writer = sharing_through(&test, &url, &namespace).await;
    let other = sharing_through(&test, &url, &namespace).await;
    keep(&writer).await;
    keep(&other).await;
    let reading = tokio::spawn({
        let other = other.clone();
        async move {
            for _ in 0..300 {
                read_anew(&other).await;
            }
        }
    });
    until("reading has begun", async || {
        other.cache_statistics().loads > 20
    })
    .await;
    server.kill().await;
    let written = write(&writer).await;
    assert_noticed(&other, written, TOTAL + 10).await;
    reading.await.unwrap();
    server.restart().await;
    for db in [&writer, &other] {
        until_reached(db).await;
        assert_eq!(total(db).await, TOTAL + 10);
    }
    // It is used again.
    let written = write(&writer).await;
    assert_noticed(&other, written, TOTAL + 20).await;
    stored(&url, &namespace, 1).await;
}

#[tokio::test]
async fn fault_21_redis_paused() {
    let test = accounts().await;
    let server = Server::start().await;
    let (url, namespace) = (server.url(), namespace());
    let writer = impatient(&test, &url, &namespace).await;
    let other = impatient(&test, &url, &namespace).await;
    keep(&writer).await;
    keep(&other).await;
    stored(&url, &namespace, 1).await;
    server.pause();
    for _ in 0..50 {
        read_anew(&other).await;
    }
    assert!(other.redis_statistics().unwrap().timeouts > 0);
    let mut expected = TOTAL;
    for _ in 0..5 {
        let written = write(&writer).await;
        expected += 10;
        assert_noticed(&other, written, expected).await;
    }
    server.resume();
    for db in [&writer, &other] {
        until_reached(db).await;
        assert_eq!(total(db).await, expected);
    }
    let late = sharing_through(&test, &url, &namespace).await;
    assert_eq!(total(&late).await, expected);
}

#[tokio::test]
async fn fault_21_a_write_does_not_wait_for_a_paused_redis() {
    let test = accounts().await;
    let server = Server::start().await;
    // Whoever waited for Redis would wait that long.
    let deadline = Duration::from_secs(60);
    let db = sharing_with(&test, &server.url(), &namespace(), |options| {
        let mut redis = redis_options(&server.url());
        redis.deadline = deadline;
        options.redis = Some(redis);
        options.cache.hints = larder_database::Hints::Redis;
    })
    .await;
    keep(&db).await;
    server.pause();
    let writing = async {
        for _ in 0..50 {
            write(&db).await;
            let moving = async |conn: &mut larder_pool::Connection| {
                crate::support::withdraw(conn, 2, 1).await
            };
            db.transaction(moving).await.unwrap();
            db.invalidate().tag("menu:7").await.unwrap();
        }
    };
    timeout(deadline / 4, writing)
        .await
        .expect("a write waits for Redis");
}

#[tokio::test]
async fn fault_21_redis_restored_from_an_older_snapshot() {
    let test = accounts().await;
    let mut server = Server::start().await;
    let (url, namespace) = (server.url(), namespace());
    let writer = sharing_through(&test, &url, &namespace).await;
    let other = sharing_through(&test, &url, &namespace).await;
    keep(&other).await;
    stored(&url, &namespace, 1).await;
    server.save().await;
    write(&writer).await;
    assert_eq!(total(&writer).await, TOTAL + 10);
    caught_up(&other).await;
    server.kill().await;
    server.restart().await;
    assert_eq!(
        stored(&url, &namespace, 1).await.len(),
        1,
        "the old total is back"
    );
    until_reached(&other).await;
    assert_eq!(total(&other).await, TOTAL + 10);
    assert_eq!(other.second_tier_statistics().unwrap().invalidated, 1);
    server.kill().await;
    server.restart().await;
    let late = sharing_through(&test, &url, &namespace).await;
    assert_eq!(total(&late).await, TOTAL + 10);
    assert_eq!(late.second_tier_statistics().unwrap().invalidated, 1);
}

#[tokio::test]
async fn fault_21_a_replica_promoted_without_the_last_writes() {
    let test = accounts().await;
    let namespace = namespace();
    let (mut master, replica) = (Server::start().await, Server::start().await);
    let proxy = Proxy::start(&master.url()).unwrap();
    let url = proxy.url();
    let writer = sharing_through(&test, &url, &namespace).await;
    let other = sharing_through(&test, &url, &namespace).await;
    keep(&other).await;
    let old = stored(&master.url(), &namespace, 1).await;
    replica.replicate(&master).await;
    replica.promote().await;
    // The replica does not see that the old total is replaced by another one.
    write(&writer).await;
    caught_up(&other).await;
    assert_eq!(total(&writer).await, TOTAL + 10);
    until_replaced(&old, &master.url(), &namespace).await;
    master.kill().await;
    proxy.lead_to(&replica.url()).unwrap();
    proxy.cut();
    until_reached(&other).await;
    assert_eq!(total(&other).await, TOTAL + 10);
    assert_eq!(other.second_tier_statistics().unwrap().invalidated, 1);
}

#[tokio::test]
async fn fault_21_the_connection_reset_in_the_middle_of_an_answer() {
    let test = accounts().await;
    let namespace = namespace();
    let server = Server::start().await;
    let proxy = Proxy::start(&server.url()).unwrap();
    let url = proxy.url();
    let loader = sharing_through(&test, &server.url(), &namespace).await;
    assert_eq!(total(&loader).await, TOTAL);
    stored(&server.url(), &namespace, 1).await;
    for bytes in [0, 1, 5, 40, 100] {
        let db = sharing_through(&test, &url, &namespace).await;
        until("nothing is on its way", async || {
            let sent = db.redis_statistics().unwrap();
            let given = db.second_tier_statistics().unwrap().stored;
            sent.puts + sent.puts_dropped >= given
        })
        .await;
        drop(proxy.at(Moment::reply_bytes(bytes), Fault::Cut));
        assert_eq!(total(&db).await, TOTAL, "after {bytes} bytes");
        assert_eq!(db.cache_statistics().fetched, 0, "after {bytes} bytes");
        until_reached(&db).await;
        // Whatever came of the answer, the next one is not taken for it.
        for n in 0..5 {
            let query = db.sql("SELECT :n + 0 * count(*) FROM accounts");
            let read = query.bind("n", n).cached().ttl(LONG);
            assert_eq!(read.fetch_scalar::<i64>().await.unwrap(), n);
        }
    }
}

#[tokio::test]
async fn fault_23_cut_off_from_redis_but_not_from_postgresql() {
    let test = accounts().await;
    let namespace = namespace();
    let server = Server::start().await;
    let proxy = Proxy::start(&server.url()).unwrap();
    let url = proxy.url();
    let other = sharing_through(&test, &server.url(), &namespace).await;
    let cut_off = sharing_through(&test, &url, &namespace).await;
    keep(&other).await;
    keep(&cut_off).await;
    let old = stored(&server.url(), &namespace, 1).await;
    proxy.refuse();
    proxy.cut();
    let written = write(&other).await;
    assert_noticed(&cut_off, written, TOTAL + 10).await;
    let written = write(&cut_off).await;
    assert_noticed(&other, written, TOTAL + 20).await;
    proxy.resume();
    until_reached(&cut_off).await;
    old.put_back().await;
    for db in [&other, &cut_off] {
        assert_eq!(total(db).await, TOTAL + 20);
    }
    let late = sharing_through(&test, &url, &namespace).await;
    assert_eq!(total(&late).await, TOTAL + 20);
}

/// What becomes of the bytes of an entry.
type Change = fn(&[u8]) -> Vec<u8>;

#[tokio::test]
async fn fault_24_bytes_that_are_no_entry_are_a_miss() {
    let test = accounts().await;
    let (redis, namespace) = (shared_redis(), namespace());
    let loader = sharing(&test, &namespace).await;
    total(&loader).await;
    let entry = stored(&redis, &namespace, 1).await;
    let changes: [(&str, Change); 7] = [
        ("nothing", |_| Vec::new()),
        ("another program's", |_| b"{\"total\": 7}".to_vec()),
        ("noise", |_| (0..300).map(|_| fastrand::u8(..)).collect()),
        ("truncated", |bytes| bytes[..bytes.len() - 1].to_vec()),
        ("cut in its head", |bytes| bytes[..9].to_vec()),
        ("one bit", |bytes| {
            let mut bytes = bytes.to_vec();
            *bytes.last_mut().unwrap() ^= 1;
            bytes
        }),
        ("a later version", |bytes| {
            let mut bytes = bytes.to_vec();
            bytes[1] += 1;
            bytes
        }),
    ];
    for (name, change) in changes {
        let db = sharing(&test, &namespace).await;
        entry.replace(|_, bytes| change(bytes)).await;
        assert_eq!(try_total(&db).await.unwrap(), TOTAL, "{name}");
        let statistics = db.second_tier_statistics().unwrap();
        assert_eq!((statistics.undecodable, statistics.hits), (1, 0), "{name}");
        until("it is replaced by one that can be read", async || {
            let late = sharing(&test, &namespace).await;
            total(&late).await;
            late.second_tier_statistics().unwrap().hits == 1
        })
        .await;
    }
}

#[tokio::test]
async fn fault_24_an_entry_of_another_read_is_a_miss() {
    let test = accounts().await;
    let (redis, namespace) = (shared_redis(), namespace());
    let loader = sharing(&test, &namespace).await;
    total(&loader).await;
    let query = loader.sql("SELECT 10 * sum(balance)::bigint FROM accounts");
    query
        .cached()
        .ttl(LONG)
        .fetch_scalar::<i64>()
        .await
        .unwrap();
    let entries = stored(&redis, &namespace, 2).await;
    let swapped: Vec<Vec<u8>> = entries
        .iter()
        .map(|(_, value)| value.to_vec())
        .rev()
        .collect();
    let db = sharing(&test, &namespace).await;
    entries.replace(|n, _| swapped[n].clone()).await;
    assert_eq!(total(&db).await, TOTAL);
    assert_eq!(db.second_tier_statistics().unwrap().undecodable, 1);
}

#[tokio::test]
async fn fault_24_a_key_that_holds_another_kind_of_value_is_no_error() {
    let test = accounts().await;
    let (redis, namespace) = (shared_redis(), namespace());
    let loader = sharing(&test, &namespace).await;
    total(&loader).await;
    let entries = stored(&redis, &namespace, 1).await;
    let mut connection = connect(&redis).await;
    let db = sharing(&test, &namespace).await;
    for (key, _) in entries.iter() {
        let mut command = redis::pipe();
        command.del(key).rpush(key, "an element");
        command.exec_async(&mut connection).await.unwrap();
    }
    assert_eq!(try_total(&db).await.unwrap(), TOTAL);
    assert_eq!(db.cache_statistics().fetched, 0);
    // And Redis is not given up for that.
    until_reached(&db).await;
}
