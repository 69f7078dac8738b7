//! Behind a pooler in transaction mode, where each transaction may be on another connection to the
//! server.

use futures::future::join_all;
use larder_database::{Database, DatabaseOptions, Error, Scope, sql};
use larder_pool::PoolerMode;

use super::{Shop, bodies, cached_count};
use crate::poolers::pooler_url;

/// More clients than the pooler has servers.
const CLIENTS: usize = 8;

/// What is left of a scope on a connection of the server.
const LEFT: &str = "SELECT count(*) FROM (SELECT pg_sleep(0.01)) AS t
    WHERE coalesce(current_setting('app.tenant', true), '') <> '' OR current_user <> session_user";

async fn behind(shop: &Shop) -> Database {
    let mut options = DatabaseOptions::from_url(&pooler_url(&shop.test)).unwrap();
    options.connect.pooler = PoolerMode::Transaction;
    options.pool.size = CLIENTS;
    options.cache.hot_writes = 0;
    Database::open(options).await.unwrap()
}

#[tokio::test]
async fn tenants_take_the_servers_in_turns_and_see_only_their_own() {
    let shop = Shop::open().await;
    // The login of the pooler is a superuser, and sees all; the role does not.
    let db = behind(&shop).await;
    let work = (0..CLIENTS).map(|client| {
        let name = if client % 2 == 0 { "a" } else { "b" };
        let scope = Scope::new().tenant(name).role(&shop.reader);
        let (db, unscoped) = (db.scoped(scope).unwrap(), db.clone());
        tokio::spawn(async move {
            let expected = if name == "a" { 3 } else { 2 };
            for _ in 0..10 {
                assert_eq!(bodies(&db).await.len(), expected);
                let update = "UPDATE documents SET body = body";
                assert_eq!(db.sql(update).execute().await.unwrap(), expected);
                assert_eq!(cached_count(&db).await, i64::try_from(expected).unwrap());
                let inside = db.transaction(async |conn| {
                    let update = sql(update).execute_on(conn).await?;
                    let count = sql("SELECT count(*) FROM documents");
                    Ok::<_, Error>((update, count.fetch_scalar_on::<i64>(conn).await?))
                });
                let inside = inside.await.unwrap();
                assert_eq!(inside, (expected, i64::try_from(expected).unwrap()));
                assert_eq!(bodies(&unscoped).await.len(), 5);
            }
        })
    });
    for client in join_all(work).await {
        client.unwrap();
    }
    let left = join_all((0..CLIENTS).map(|_| db.sql(LEFT).fetch_scalar::<i64>())).await;
    assert!(left.into_iter().all(|left| left.unwrap() == 0));
    db.shutdown(crate::support::PATIENCE).await.unwrap();
    shop.remove().await;
}
