//! Stopping: what is under way comes to its end, and nobody else is let in.

use std::time::Duration;

use larder::prelude::*;
use tokio::io::AsyncWriteExt;

use crate::support::{APPLICATION, Answer, Api, PATIENCE};

const REQUEST: &[u8] = b"GET /restaurants/1 HTTP/1.1\r\nHost: api\r\n\r\n";

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_server_ends() {
    let mut api = Api::start().await;
    let database = api.test.database().clone();
    let mut stream = api.connect().await.unwrap();
    let locking = database.transaction(async |conn| {
        // The request has to wait for this lock.
        sql("LOCK TABLE restaurants").execute_on(conn).await?;
        stream.write_all(REQUEST).await.unwrap();
        patiently(until_a_request_waits(&database)).await;
        api.stop();
        patiently(until_nobody_is_let_in(&api)).await;
        // A server that does not wait would end now.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(api.is_serving());
        Ok::<_, larder::database::Error>(())
    });
    locking.await.unwrap();
    api.stopped().await;
    let answer = Answer::receive(stream).await;
    assert_eq!(answer.status, 404, "{answer:?}");
    assert_eq!(answer.header("connection"), Some("close"));
    api.larder.shutdown().await.unwrap();
}

async fn until_a_request_waits(database: &Database) {
    loop {
        let waiting = database.sql(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
                AND application_name = :application AND wait_event_type = 'Lock')",
        );
        let waiting = waiting.bind("application", APPLICATION);
        if waiting.fetch_scalar().await.unwrap() {
            return;
        }
    }
}

async fn until_nobody_is_let_in(api: &Api) {
    while api.connect().await.is_ok() {
        tokio::task::yield_now().await;
    }
}

async fn patiently(waiting: impl Future<Output = ()>) {
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}
