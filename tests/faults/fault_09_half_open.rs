//! The other end of a connection is gone without a word while a query runs: the caller hears of it
//! within its deadline, and its place in the pool is free again.

use std::time::Duration;

use diesel_async::RunQueryDsl;
use futures::TryStreamExt;
use larder_database::{CacheMode, Database, DatabaseOptions, deadline};
use larder_pool::ErrorClass;
use larder_testing::TestDatabase;
use larder_testing::proxy::{Direction, Fault, Moment, Proxy};
use tokio::time::timeout;

use crate::support::{PATIENCE, accounts, backend, until};

/// Long enough for a statement on a busy machine, where one is answered.
const DEADLINE: Duration = Duration::from_millis(1500);

async fn pool_of_one(
    test: &TestDatabase,
    change: impl FnOnce(&mut DatabaseOptions),
) -> (Database, Proxy, i32) {
    let proxy = Proxy::start(test.url()).unwrap();
    let mut options = DatabaseOptions::from_url(&proxy.url()).unwrap();
    (options.pool.size, options.pool.overflow) = (1, 0);
    options.pool.rollback_timeout = Duration::from_millis(300);
    options.cache.mode = CacheMode::Local;
    change(&mut options);
    let db = Database::open(options).await.unwrap();
    let process = backend(&mut db.session().await.unwrap()).await;
    (db, proxy, process)
}

/// That its place is free while the other end is still gone, and another connection serves later.
async fn assert_replaced(db: &Database, proxy: &Proxy, before: i32) {
    until("nobody uses the pool", || db.pool_status().in_use == 0).await;
    proxy.resume();
    let mut session = timeout(PATIENCE, db.session()).await.unwrap().unwrap();
    assert_ne!(backend(&mut session).await, before);
}

#[tokio::test]
async fn fault_09_a_query_ends_at_the_deadline_of_its_request() {
    let test = accounts().await;
    for direction in [Direction::ToServer, Direction::ToClient] {
        let (db, proxy, before) = pool_of_one(&test, |_| {}).await;
        proxy.hold_half(direction);
        let query = db.within(DEADLINE, async {
            db.sql("SELECT count(*) FROM accounts")
                .fetch_scalar::<i64>()
                .await
        });
        let error = timeout(PATIENCE, query).await.unwrap().unwrap_err();
        assert_eq!(error.class(), ErrorClass::Timeout, "{error}");
        assert_replaced(&db, &proxy, before).await;
    }
}

#[tokio::test]
async fn fault_09_a_query_ends_when_no_answer_comes_in_time() {
    let test = accounts().await;
    let limit = |options: &mut DatabaseOptions| options.connect.answer_timeout = Some(DEADLINE);
    let (db, proxy, before) = pool_of_one(&test, limit).await;
    proxy.hold();
    let query = db.sql("SELECT count(*) FROM accounts");
    let error = timeout(PATIENCE, query.fetch_scalar::<i64>()).await;
    let error = error.unwrap().unwrap_err();
    assert!(error.to_string().contains("has not answered"), "{error}");
    assert_replaced(&db, &proxy, before).await;
}

#[tokio::test]
async fn fault_09_it_goes_in_the_middle_of_rows() {
    #[derive(diesel::QueryableByName)]
    struct Number {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        n: i32,
    }

    let test = accounts().await;
    let (db, proxy, before) = pool_of_one(&test, |_| {}).await;
    let held = proxy.at(Moment::reply_bytes(100_000), Fault::Hold);
    let reading = deadline::within(DEADLINE, async {
        let mut session = db.session().await?;
        let query = "SELECT n, repeat('x', 100) FROM generate_series(1, 10000) n";
        let mut rows = diesel::sql_query(query)
            .load_stream::<Number>(&mut session)
            .await?;
        let mut last = 0;
        while let Some(row) = rows.try_next().await? {
            last = row.n;
        }
        Ok::<_, larder_database::Error>(last)
    });
    let error = timeout(PATIENCE, reading).await.unwrap().unwrap_err();
    timeout(PATIENCE, held).await.unwrap();
    assert_eq!(error.class(), ErrorClass::Timeout, "{error}");
    assert_replaced(&db, &proxy, before).await;
}

#[tokio::test]
async fn fault_09_a_transaction_ends_too_and_nothing_is_written() {
    let test = accounts().await;
    let (db, proxy, before) = pool_of_one(&test, |_| {}).await;
    let held = proxy.at(Moment::reply("UPDATE"), Fault::Hold);
    let work = db.within(DEADLINE, async {
        db.transaction(async |conn| crate::support::withdraw(conn, 1, 30).await)
            .await
    });
    let error = timeout(PATIENCE, work).await.unwrap().unwrap_err();
    timeout(PATIENCE, held).await.unwrap();
    assert_eq!(error.class(), ErrorClass::Timeout, "{error}");
    assert_replaced(&db, &proxy, before).await;
    assert_eq!(crate::support::balance(&db, 1).await, 100);
}

/// What ends a connection whose other end is gone where no deadline does: the system asks for signs
/// of life. Its packets cannot be dropped here, but it says that it will ask.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn fault_09_the_system_asks_for_signs_of_life() {
    let test = accounts().await;
    let proxy = Proxy::start(test.url()).unwrap();
    for (idle, expected) in [(7200, 2), (30, 2)] {
        let options = DatabaseOptions::from_url(&proxy.url()).unwrap();
        let idle = Duration::from_secs(idle);
        let connect = options.connect.keepalive(idle, Duration::from_secs(10), 3);
        let pool = larder_pool::PoolOptions::named("main");
        let pool = larder_pool::Pool::open(connect, pool).await.unwrap();
        let (timer, due) = timer_of_connection_to(proxy.port());
        assert_eq!(timer, expected, "2 is the timer of keepalive");
        assert!(due <= idle, "{due:?}");
        assert!(due > idle / 2, "{due:?}");
        pool.shutdown(PATIENCE).await.unwrap();
        proxy.cut();
    }
}

/// Which timer runs for the connection of this machine to a port, and when it is due.
#[cfg(target_os = "linux")]
fn timer_of_connection_to(port: u16) -> (u8, Duration) {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let to = format!(":{port:04X}");
    // number, local, remote, state, queues, timer:due in hundredths of a second
    let lines = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut established = lines.filter(|words| words[2].ends_with(&to) && words[3] == "01");
    let words = established.next().unwrap();
    let (timer, due) = words[5].split_once(':').unwrap();
    let due = u64::from_str_radix(due, 16).unwrap();
    (
        u8::from_str_radix(timer, 16).unwrap(),
        Duration::from_millis(due * 10),
    )
}
