//! What is refused in a scope, and how it is told.

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use larder_database::{Error, ErrorKind, Scope, sql};
use larder_pool::ErrorKind as PoolErrorKind;

use super::{Shop, bodies, tenant};

#[tokio::test]
async fn what_cannot_be_part_of_a_scope_is_told_with_its_cure() {
    let shop = Shop::open().await;
    let db = shop.alone(|_| {}).await;
    for (scope, told) in [
        (Scope::new().tenant(""), "the tenant is empty"),
        (
            Scope::new().setting("search_path", "x"),
            "with their schema",
        ),
        (Scope::new().setting("work_men", "1MB"), "work_mem"),
        (Scope::new().setting("app.x", "a\0b"), "zero byte"),
        (Scope::new().role("none"), "\"none\""),
    ] {
        let error = db.scoped(scope).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Scope);
        assert!(error.to_string().contains(told), "{error}");
        assert!(!error.to_string().contains("a\0b"));
    }
    let odd = shop
        .alone(|options| options.tenant_setting = "tenant".to_owned())
        .await;
    let error = odd.scoped(Scope::new().tenant(1)).unwrap_err();
    assert!(error.to_string().contains("\"tenant\""), "{error}");
    shop.remove().await;
}

#[tokio::test]
async fn what_cannot_run_inside_a_transaction_is_refused_and_changes_nothing() {
    let shop = Shop::open().await;
    for db in [shop.alone(|_| {}).await, shop.process().await] {
        let scoped = tenant(&db, "a");
        let error = scoped.sql("VACUUM").execute().await.unwrap_err();
        assert!(error.to_string().contains("without a scope"), "{error}");
        assert_eq!(bodies(&scoped).await.len(), 3);
        db.sql("VACUUM").execute().await.unwrap();
    }
    shop.remove().await;
}

#[tokio::test]
async fn a_scope_inside_a_transaction_of_another_is_refused() {
    let shop = Shop::open().await;
    let db = shop.alone(|options| options.pool.size = 4).await;
    let (a, b) = (tenant(&db, "a"), tenant(&db, "b"));
    let refused = a
        .transaction(async |_| {
            let refused = [
                b.sql("SELECT 1").execute().await.err(),
                b.session().await.err(),
                b.transaction(async |_| Ok::<_, Error>(())).await.err(),
                b.read(async |_| Ok::<_, Error>(())).await.err(),
            ];
            // Their own scope, and none, are as they were.
            a.sql("SELECT 1").execute().await?;
            db.sql("SELECT 1").execute().await?;
            Ok::<_, Error>(refused)
        })
        .await
        .unwrap();
    for error in refused {
        assert_eq!(error.unwrap().kind(), ErrorKind::OtherScope);
    }
    // A reader, by which Diesel's queries run.
    let refused = a.transaction(async |_| {
        let one = diesel::dsl::sql::<diesel::sql_types::Integer>("1");
        let mut reader = b.reader();
        let refused = diesel::select(one).get_result::<i32>(&mut reader).await;
        let refused = reader.explain(refused.unwrap_err());
        assert_eq!(refused.kind(), PoolErrorKind::OtherSettings, "{refused}");
        let refused = reader.batch_execute("SELECT 1").await;
        let refused = reader.explain(refused.unwrap_err());
        assert_eq!(refused.kind(), PoolErrorKind::OtherSettings, "{refused}");
        a.reader().batch_execute("SELECT 1").await?;
        Ok::<_, Error>(())
    });
    refused.await.unwrap();
    // A transaction on nobody's behalf is nobody else's.
    let inside = db.transaction(async |_| b.sql("SELECT 1").execute().await);
    inside.await.unwrap();
    b.sql("SELECT 1").execute().await.unwrap();
    shop.remove().await;
}

#[tokio::test]
async fn a_setting_or_role_that_the_server_refuses_fails_the_work_and_nothing_else() {
    let shop = Shop::open().await;
    let db = shop.alone(|options| options.pool.size = 1).await;
    for scope in [
        Scope::new().tenant("a").role("nobody_of_this_name"),
        Scope::new().tenant("a").role("postgres"),
        Scope::new()
            .tenant("a")
            .setting("statement_timeout", "soon"),
    ] {
        let scoped = db.scoped(scope.clone()).unwrap();
        for _ in 0..2 {
            // Neither by its login's rights nor at all.
            let update = "UPDATE accounts SET balance = 0";
            scoped.sql(update).execute().await.unwrap_err();
            scoped.sql("SELECT 1").execute().await.unwrap_err();
            let inside = scoped.transaction(async |conn| sql(update).execute_on(conn).await);
            inside.await.unwrap_err();
            let mut session = scoped.session().await.unwrap();
            sql("SELECT 1").execute_on(&mut session).await.unwrap_err();
            sql("SELECT 1").execute_on(&mut session).await.unwrap_err();
        }
        let left: i64 = db
            .sql("SELECT sum(balance)::bigint FROM accounts")
            .fetch_scalar()
            .await
            .unwrap();
        assert_eq!(left, 200, "{scope:?}");
    }
    shop.remove().await;
}
