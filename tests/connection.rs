//! Connecting and the pool: what fails says why, what is borrowed comes back.

use std::time::Duration;

use larder_database::{CacheMode, Database, DatabaseOptions, Error};
use larder_pool::{ConnectErrorCause, Error as PoolError};
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;
use tokio::net::TcpListener;

use crate::support::{PATIENCE, accounts, backend, eventually, open, open_alone};

async fn refusal(url: &str) -> Error {
    let mut options = DatabaseOptions::from_url(url).unwrap();
    options.connect.connect_timeout = Duration::from_secs(5);
    Database::open(options).await.unwrap_err()
}

/// A role that belongs to the test, as its database does.
fn role_of(test: &TestDatabase) -> String {
    let (_, database) = test.url().rsplit_once('/').unwrap();
    format!("role_of_{database}")
}

fn cause(error: &Error) -> ConnectErrorCause {
    match error {
        Error::Pool(PoolError::Connect(error)) => error.cause(),
        other => panic!("not an error of connecting: {other}"),
    }
}

#[tokio::test]
async fn a_refused_connection_names_the_place() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = refusal(&format!("postgres://app:s3cret@127.0.0.1:{port}/shop")).await;
    assert_eq!(cause(&error), ConnectErrorCause::Refused);
    let text = error.to_string();
    assert!(text.starts_with("connect to "), "{text}");
    assert!(
        text.contains(&format!("database `shop` on 127.0.0.1:{port} as `app`")),
        "{text}"
    );
}

#[tokio::test]
async fn an_unknown_host_is_told_from_a_refusal() {
    let error = refusal("postgres://app:s3cret@nobody.invalid/shop").await;
    assert_eq!(cause(&error), ConnectErrorCause::UnknownHost);
    assert!(error.to_string().contains("nobody.invalid:5432"), "{error}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut options = DatabaseOptions::from_url(&format!("postgres://app@{address}/shop")).unwrap();
    options.connect.connect_timeout = Duration::from_millis(50);
    let error = Database::open(options).await.unwrap_err();
    assert_eq!(cause(&error), ConnectErrorCause::TimedOut);
    assert!(error.to_string().contains("gave up after 50ms"), "{error}");
    drop(listener);
}

#[tokio::test]
async fn an_unknown_database_and_a_wrong_password_are_told_apart() {
    let test = accounts().await;
    let other = test.url().rsplit_once('/').unwrap().0.to_owned() + "/no_such_database";
    assert_eq!(
        cause(&refusal(&other).await),
        ConnectErrorCause::UnknownDatabase
    );

    let role = role_of(&test);
    let db = test.database();
    db.sql(format!("CREATE ROLE {role} LOGIN PASSWORD 'right'"))
        .execute()
        .await
        .unwrap();
    let place = test.url().rsplit_once('@').unwrap().1;
    let error = refusal(&format!("postgres://{role}:wr0ng-one@{place}")).await;
    db.sql(format!("DROP ROLE {role}")).execute().await.unwrap();
    assert_eq!(
        cause(&error),
        ConnectErrorCause::Authentication,
        "the server of the tests has to ask for passwords"
    );
    assert!(
        !format!("{error} {error:?}").contains("wr0ng-one"),
        "{error:?}"
    );
}

#[tokio::test]
async fn tls_that_the_server_does_not_offer_is_an_error_of_tls() {
    let test = accounts().await;
    let separator = if test.url().contains('?') { '&' } else { '?' };
    let offered: String = test
        .database()
        .sql("SHOW ssl")
        .fetch_scalar()
        .await
        .unwrap();
    let url = format!("{}{separator}sslmode=require", test.url());
    let opened = Database::open(DatabaseOptions::from_url(&url).unwrap()).await;
    match (offered.as_str(), opened) {
        ("off", Err(error)) => assert_eq!(cause(&error), ConnectErrorCause::Tls),
        ("on", Ok(_)) => {}
        (offered, opened) => panic!("ssl is {offered}, and connecting gave {opened:?}"),
    }
}

#[tokio::test]
async fn no_password_gets_out() {
    let secret = "hunter2hunter2";
    let mut texts: Vec<String> = [
        format!("postgres://app:{secret}@localhost/shop"),
        format!("mysql://app:{secret}@localhost/shop"),
        format!("postgres://app:{secret}@local host:99999/shop"),
        format!("postgres://localhost/shop?password={secret}&nonsense=1"),
        // Not encoded as they should be: what is left of the password looks like something else.
        format!("postgres://app:pa@{secret}@localhost/shop"),
        format!("postgres://app:12?{secret}@localhost/shop"),
        format!("postgres://app:12/{secret}@localhost/shop"),
        format!("postgres://app:12#{secret}@localhost/shop"),
    ]
    .iter()
    .map(|url| format!("{:?}", DatabaseOptions::from_url(url)))
    .collect();
    let refused = refusal(&format!("postgres://app:{secret}@127.0.0.1:1/shop")).await;
    texts.push(format!("{refused:?} {refused}"));
    for text in texts {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn waiting_too_long_says_for_what() {
    let test = accounts().await;
    let db = open(&test, |options| {
        options.pool.name = "orders".to_owned();
        options.pool.size = 1;
        options.pool.acquire_timeout = Duration::from_millis(50);
    })
    .await;
    let held = db.session().await.unwrap();
    let error = db.session().await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("get a connection from pool `orders` within "),
        "{text}"
    );
    assert!(
        text.contains("1 of 1 in use (size 1, overflow 0), 0 more waiting"),
        "{text}"
    );
    drop(held);
    db.session().await.unwrap();
}

#[tokio::test]
async fn an_error_of_waiting_carries_the_last_error_of_connecting() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let db = open(&test, |options| {
        options.pool.size = 1;
        options.pool.acquire_timeout = Duration::from_secs(2);
    })
    .await;
    let mut session = db.session().await.unwrap();
    let name: String = larder_database::sql("SELECT current_database()::text")
        .fetch_scalar_on(&mut session)
        .await
        .unwrap();
    session.discard();
    // From now on nobody gets in.
    let elsewhere = test.url().rsplit_once('/').unwrap().0.to_owned() + "/postgres";
    let admin = Database::open(DatabaseOptions::from_url(&elsewhere).unwrap())
        .await
        .unwrap();
    admin
        .sql(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        .execute()
        .await
        .unwrap();
    let error = db.session().await.unwrap_err();
    admin
        .sql(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
        .execute()
        .await
        .unwrap();
    let text = error.to_string();
    assert!(
        text.contains("not currently accepting connections"),
        "{text}"
    );
    // And it recovers by itself.
    tokio::time::timeout(PATIENCE, db.session())
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_refusal_for_good_ends_the_waiting_at_once() {
    let test = accounts().await;
    let role = role_of(&test);
    let db = test.database();
    db.sql(format!("CREATE ROLE {role} LOGIN PASSWORD 'old-one'"))
        .execute()
        .await
        .unwrap();
    let place = test.url().rsplit_once('@').unwrap().1;
    let mut options =
        DatabaseOptions::from_url(&format!("postgres://{role}:old-one@{place}")).unwrap();
    options.pool.size = 1;
    options.cache.mode = CacheMode::Local;
    let theirs = Database::open(options).await.unwrap();
    theirs.session().await.unwrap().discard();
    db.sql(format!("ALTER ROLE {role} PASSWORD 'new-one'"))
        .execute()
        .await
        .unwrap();
    // Not the end of the waiting, which would be 30 s away: the refusal itself.
    let error = theirs.session().await.unwrap_err();
    db.sql(format!("DROP ROLE {role}")).execute().await.unwrap();
    assert_eq!(cause(&error), ConnectErrorCause::Authentication);
}

#[tokio::test]
async fn callers_that_leave_the_queue_take_nothing_with_them() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let held = db.session().await.unwrap();
    for _ in 0..10 {
        let waiting = Box::pin(db.session());
        let left = futures::future::select(waiting, Box::pin(tokio::task::yield_now())).await;
        assert!(matches!(left, futures::future::Either::Right(_)));
    }
    assert_eq!(db.pool_status().waiting, 0);
    drop(held);
    db.session().await.unwrap();
    assert_eq!(db.pool_status().in_use, 0);
}

#[tokio::test]
async fn overflow_is_opened_under_load_and_closed_after() {
    let test = accounts().await;
    let db = open_alone(&test, |options| {
        options.pool.size = 1;
        options.pool.overflow = 2;
        options.pool.adaptive = false;
        options.connect = options.connect.clone().application_name("overflowing");
    })
    .await;
    let sessions = futures::future::join_all((0..3).map(|_| db.session())).await;
    let open_now = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'overflowing'";
    eventually(test.database(), &format!("SELECT count(*) = 3 {open_now}")).await;
    assert_eq!(db.pool_status().in_use, 3);
    drop(sessions);
    eventually(test.database(), &format!("SELECT count(*) = 1 {open_now}")).await;
    assert_eq!(db.pool_status().idle, 1);
}

#[tokio::test]
async fn a_connection_that_is_old_enough_is_replaced() {
    let test = accounts().await;
    let db = open(&test, |options| {
        options.pool.size = 1;
        options.pool.max_lifetime = Some(Duration::from_nanos(1));
    })
    .await;
    let first = backend(&mut db.session().await.unwrap()).await;
    assert_ne!(backend(&mut db.session().await.unwrap()).await, first);
}

#[tokio::test]
async fn an_idle_connection_that_died_is_replaced_unseen() {
    let test = accounts().await;
    let db = open(&test, |options| {
        options.pool.size = 1;
        options.pool.verify_after = Some(Duration::ZERO);
    })
    .await;
    let pid = backend(&mut db.session().await.unwrap()).await;
    test.database()
        .sql("SELECT pg_terminate_backend(:pid, 5000)")
        .bind("pid", pid)
        .execute()
        .await
        .unwrap();
    assert_ne!(backend(&mut db.session().await.unwrap()).await, pid);
}

#[tokio::test]
async fn a_connection_cut_in_use_fails_its_user_and_nobody_else() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let mut session = db.session().await.unwrap();
    let pid = backend(&mut session).await;
    test.database()
        .sql("SELECT pg_terminate_backend(:pid, 5000)")
        .bind("pid", pid)
        .execute()
        .await
        .unwrap();
    let statement = larder_database::sql("SELECT 1");
    assert!(statement.execute_on(&mut session).await.is_err());
    drop(session);
    assert_ne!(backend(&mut db.session().await.unwrap()).await, pid);
}

#[tokio::test]
async fn the_settings_of_a_connection_reach_the_server() {
    let test = accounts().await;
    let db = open(&test, |options| {
        options.connect = options
            .connect
            .clone()
            .application_name("it's the shop")
            .setting("statement_timeout", "1234ms")
            .setting("default_transaction_isolation", "repeatable read");
    })
    .await;
    let settings: String = db
        .sql("SELECT concat_ws('|', current_setting('TimeZone'), current_setting('application_name'),
                  current_setting('statement_timeout'), current_setting('transaction_isolation'))")
        .fetch_scalar()
        .await
        .unwrap();
    assert_eq!(settings, "UTC|it's the shop|1234ms|repeatable read");
}
