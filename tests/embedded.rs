//! The same code on the embedded database, with its single connection.

use std::time::Duration;

use larder::prelude::*;
use larder::services::restaurants::NewRestaurant;
use tokio::sync::oneshot;

use crate::support::PATIENCE;

fn builder(variables: &[(&str, &str)]) -> LarderBuilder {
    let variables: Vec<(String, String)> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Larder::builder()
        .profile(Profile::Test)
        .load_with(|loader| loader.no_file().environment(variables))
}

#[tokio::test]
async fn services_transactions_and_raw_sql_work_as_on_a_server() {
    let larder = builder(&[]).start().await.unwrap();
    assert_eq!(larder.migrate().await.unwrap().applied.len(), 4);
    assert_eq!(larder.migrate().await.unwrap().applied.len(), 0);

    let new = NewRestaurant {
        latitude: Some(40.5795),
        longitude: Some(-73.9825),
        cuisine: Some("American".to_owned()),
        ..NewRestaurant::named("Riviera Caterer")
    };
    let created = larder.restaurants().create(new).await.unwrap();
    let near = larder
        .restaurants()
        .nearby(Point::new(40.58, -73.98), kilometers(2.0))
        .load()
        .await
        .unwrap();
    assert_eq!(near.len(), 1);
    assert_eq!(near[0].restaurant.id, created.id);
    assert!(near[0].distance_km < 1.0);
    assert_eq!(
        larder
            .restaurants()
            .search("riviera")
            .load()
            .await
            .unwrap()
            .len(),
        1
    );
    assert!(
        larder
            .restaurants()
            .by_id(created.id)
            .await
            .unwrap()
            .is_some()
    );

    let refused = larder
        .db()
        .transaction(async |conn| {
            sql("DELETE FROM restaurants").execute_on(conn).await?;
            sql("SELECT 1 / 0").execute_on(conn).await?;
            Ok::<_, larder::Error>(())
        })
        .await;
    assert_eq!(refused.unwrap_err().sql_state().unwrap().as_str(), "22012");
    assert!(
        larder
            .restaurants()
            .by_id(created.id)
            .await
            .unwrap()
            .is_some()
    );
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_dropped_transaction_gives_the_only_connection_back_clean() {
    let larder = builder(&[]).start().await.unwrap();
    larder
        .db()
        .sql("CREATE TABLE t (n int)")
        .execute()
        .await
        .unwrap();
    let (written, has_written) = oneshot::channel();
    let task = tokio::spawn({
        let db = larder.db().clone();
        async move {
            db.transaction(async move |conn| {
                sql("INSERT INTO t VALUES (1)").execute_on(conn).await?;
                written.send(()).unwrap();
                std::future::pending::<Result<(), larder::database::Error>>().await
            })
            .await
        }
    });
    has_written.await.unwrap();
    task.abort();
    let rows: i64 = tokio::time::timeout(
        PATIENCE,
        larder.db().sql("SELECT count(*) FROM t").fetch_scalar(),
    )
    .await
    .unwrap()
    .unwrap();
    assert_eq!(rows, 0);
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_second_session_waits_for_its_deadline_and_says_why() {
    let larder = builder(&[("LARDER_POOL__ACQUIRE_TIMEOUT", "1s")])
        .start()
        .await
        .unwrap();
    let held = larder.db().session().await.unwrap();
    let error = larder.db().session().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("1 of 1 in use (size 1, overflow 0)"),
        "{error}"
    );
    drop(held);
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_statement_without_an_end_is_given_up() {
    let larder = builder(&[("DB_STATEMENT_TIMEOUT", "1000")])
        .start()
        .await
        .unwrap();
    // The embedded database itself knows no deadline.
    let error = larder
        .db()
        .sql("SELECT count(*) FROM generate_series(1, 10000000) n WHERE n % 7 = 0")
        .execute()
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("has not answered within 1s"),
        "{error}"
    );
    // The only connection is busy until the statement ends, and then as good as before.
    let one: i32 = larder.db().sql("SELECT 1").fetch_scalar().await.unwrap();
    assert_eq!(one, 1);
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_directory_keeps_the_data_and_serves_one_instance() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let variables = [("LARDER_EMBEDDED__DIRECTORY", path)];
    let larder = builder(&variables).start().await.unwrap();
    larder
        .db()
        .sql("CREATE TABLE kept AS SELECT 7 AS n")
        .execute()
        .await
        .unwrap();
    let error = builder(&variables).start().await.unwrap_err();
    assert!(
        error.to_string().contains("another process is using it"),
        "{error}"
    );
    larder.shutdown().await.unwrap();

    let larder = builder(&variables).start().await.unwrap();
    let kept: i32 = larder
        .db()
        .sql("SELECT n FROM kept")
        .fetch_scalar()
        .await
        .unwrap();
    assert_eq!(kept, 7);
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_shutdown_with_a_session_in_use_ends_all_the_same() {
    let larder = builder(&[("LARDER_POOL__SHUTDOWN_TIMEOUT", "1s")])
        .start()
        .await
        .unwrap();
    let session = larder.db().session().await.unwrap();
    let error = tokio::time::timeout(Duration::from_secs(20), larder.shutdown())
        .await
        .unwrap()
        .unwrap_err();
    assert!(
        error.to_string().contains("sessions were still in use (1)"),
        "{error}"
    );
    drop(session);
}
