//! The same statement again and again, in a session or a request.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel_async::RunQueryDsl;
use larder_database::{Database, Error, carry, deadline, request};
use tracing_subscriber::EnvFilter;

use crate::support::{database, summary};

async fn read(db: &Database, number: i64) {
    let row = db
        .sql("SELECT :number::bigint AS one_row")
        .bind("number", number);
    assert_eq!(row.fetch_scalar::<i64>().await.unwrap(), number);
}

fn repeated(db: &Database) -> u64 {
    summary(db, "as one_row").repeated_in_request
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_repeats_a_statement_is_noticed_at_the_tenth_time() {
    let test = database(|_| {}).await;
    let db = test.database();
    let read = async |times| {
        let mut session = db.session().await.unwrap();
        for _ in 0..times {
            let query = diesel::sql_query("SELECT 1 AS one_row");
            query.execute(&mut session).await.unwrap();
        }
        repeated(db)
    };
    assert_eq!(read(9).await, 0);
    // The next session begins anew, though it has the same connection perhaps.
    assert_eq!(read(9).await, 0);
    assert_eq!(read(25).await, 1, "once for each session");
    assert_eq!(read(10).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_repeats_a_statement_is_noticed_on_whatever_connections() {
    let test = database(|_| {}).await;
    let db = test.database();
    for number in 0..30 {
        read(db, number).await;
    }
    assert_eq!(repeated(db), 0, "by itself each has a session of its own");
    request(async {
        for number in 0..9 {
            read(db, number).await;
        }
        assert_eq!(repeated(db), 0);
        // What it spawns and carries along is a part of it, and so is a request within it.
        let other = db.clone();
        let spawned = tokio::spawn(carry(async move { request(read(&other, 9)).await }));
        spawned.await.unwrap();
        assert_eq!(repeated(db), 1);
        read(db, 10).await;
    })
    .await;
    assert_eq!(repeated(db), 1);
    let within = deadline::within(Duration::from_secs(60), async {
        for number in 0..10 {
            read(db, number).await;
        }
        Ok::<_, Error>(())
    });
    within.await.unwrap();
    assert_eq!(repeated(db), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn repetitions_are_noticed_from_the_number_that_is_set() {
    for (limit, expected) in [(3, 1), (0, 0)] {
        let test = database(|queries| queries.repetitions = limit).await;
        let db = test.database();
        request(async {
            for number in 0..20 {
                read(db, number).await;
            }
        })
        .await;
        assert_eq!(repeated(db), expected, "{limit}");
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_repetition_is_an_event_once_for_each_text() {
    let log = Log::default();
    let copy = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("larder::repeated"))
        .with_writer(move || copy.clone())
        .with_ansi(false)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let test = database(|_| {}).await;
    let db = test.database();
    for _ in 0..3 {
        request(async {
            for number in 0..12 {
                read(db, number).await;
            }
        })
        .await;
    }
    assert_eq!(repeated(db), 3);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(
        text.contains("WARN larder::repeated: one request runs"),
        "{text}"
    );
    assert!(text.contains("select ?::bigint as one_row"), "{text}");
}
