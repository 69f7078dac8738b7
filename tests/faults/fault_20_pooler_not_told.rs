//! Fault 20: a pooler in transaction mode that nobody told of.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_database::{Database, DatabaseOptions, sql};
use larder_pool::PoolerMode;

use crate::poolers::pooler_url;
use crate::support::{accounts, balance, open};

const CURE: &str = "set database.pooler = transaction";

/// A pool that takes the pooler for the server itself.
async fn not_told(test: &larder_testing::TestDatabase) -> Database {
    open(test, |options| {
        options.connect = DatabaseOptions::from_url(&pooler_url(test))
            .unwrap()
            .connect;
        assert_eq!(options.connect.pooler, PoolerMode::None);
        options.pool.size = 3;
        options.cache.mode = larder_database::CacheMode::Local;
    })
    .await
}

#[tokio::test]
async fn fault_20_a_statement_that_another_server_does_not_know_names_the_cure() {
    use crate::support::accounts as table;

    let test = accounts().await;
    let db = not_told(&test).await;
    let mut session = db.session().await.unwrap();
    let mut others = Vec::new();
    // Kept once it is prepared.
    let read = || table::table.find(1).select(table::balance);
    let mut refused = None;
    // Prepared on one server; others keep that one busy while it runs again. In a transaction,
    // where it is not prepared anew.
    for _ in 0..4 {
        read().first::<i64>(&mut session).await.unwrap();
        let db = db.clone();
        let (begun, holding) = tokio::sync::oneshot::channel();
        let (release, released) = tokio::sync::oneshot::channel::<()>();
        others.push((
            release,
            tokio::spawn(async move {
                db.transaction(async |conn| {
                    sql("LOCK TABLE accounts IN ACCESS SHARE MODE")
                        .execute_on(conn)
                        .await?;
                    begun.send(()).unwrap();
                    let _ = released.await;
                    Ok::<_, larder_database::Error>(())
                })
                .await
            }),
        ));
        holding.await.unwrap();
        let result = session
            .transaction(async |conn| read().first::<i64>(conn).await)
            .await;
        let (release, other) = others.pop().unwrap();
        release.send(()).unwrap();
        let _ = other.await;
        if let Err(error) = result {
            refused = Some(error.to_string());
            break;
        }
    }
    let refused = refused.unwrap();
    assert!(refused.contains(CURE), "{refused}");
    let error = session.last_server_error().unwrap();
    assert_eq!(error.state().as_str(), "26000");
}

#[tokio::test]
async fn fault_20_options_that_the_pooler_refuses_name_the_cure() {
    let test = accounts().await;
    let url = format!("{}?options=-c%20statement_timeout%3D5s", pooler_url(&test));
    let options = DatabaseOptions::from_url(&url).unwrap();
    let error = Database::open(options).await.unwrap_err().to_string();
    assert!(error.contains("unsupported startup parameter"), "{error}");
    assert!(error.contains(CURE), "{error}");
}

#[tokio::test]
async fn fault_20_once_told_the_same_url_works() {
    let test = accounts().await;
    let db = open(&test, |options| {
        options.connect = DatabaseOptions::from_url(&pooler_url(&test))
            .unwrap()
            .connect;
        options.connect.pooler = PoolerMode::Transaction;
    })
    .await;
    assert_eq!(balance(&db, 1).await, 100);
}
