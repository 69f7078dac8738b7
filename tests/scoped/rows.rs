//! Who sees and writes what, by each way to the database.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_database::{Error, Scope, sql};
use larder_pool::IsolationLevel;

use super::{Shop, bodies, documents, tenant};

#[tokio::test]
async fn each_tenant_sees_their_own_by_every_way() {
    let shop = Shop::open().await;
    let db = shop.alone(|_| {}).await;
    assert!(bodies(&db).await.is_empty());
    for (name, expected) in [("a", vec!["a1", "a2", "a3"]), ("b", vec!["b1", "b2"])] {
        let db = tenant(&db, name);
        assert_eq!(bodies(&db).await, expected);
        let all = || {
            documents::table
                .select(documents::body)
                .order(documents::id)
        };
        let read: Vec<String> = db.read(async |conn| all().load(conn).await).await.unwrap();
        assert_eq!(read, expected);
        let mut session = db.session().await.unwrap();
        for _ in 0..2 {
            let seen: Vec<String> = all().load(&mut session).await.unwrap();
            assert_eq!(seen, expected);
        }
        let inside = session
            .transaction(async |conn| all().load::<String>(conn).await)
            .await
            .unwrap();
        assert_eq!(inside, expected);
        drop(session);
        let inside = db
            .transaction(async |conn| {
                let outer: Vec<String> = all().load(conn).await?;
                let nested = conn
                    .transaction(async |conn| all().load::<String>(conn).await)
                    .await?;
                assert_eq!(outer, nested);
                Ok::<_, Error>(nested)
            })
            .await
            .unwrap();
        assert_eq!(inside, expected);
        let inside: Vec<String> = db
            .build_transaction()
            .isolation_level(IsolationLevel::Serializable)
            .read_only()
            .run(async |conn| {
                let level: String = sql("SHOW transaction_isolation")
                    .fetch_scalar_on(conn)
                    .await?;
                assert_eq!(level, "serializable");
                Ok::<_, Error>(all().load(conn).await?)
            })
            .await
            .unwrap();
        assert_eq!(inside, expected);
    }
    assert!(bodies(&db).await.is_empty());
    shop.remove().await;
}

#[tokio::test]
async fn writes_reach_no_row_of_another_tenant() {
    let shop = Shop::open().await;
    let db = shop.alone(|_| {}).await;
    let (a, b) = (tenant(&db, "a"), tenant(&db, "b"));
    let changed = a.sql("UPDATE documents SET body = 'x' || body").execute();
    assert_eq!(changed.await.unwrap(), 3);
    let deleted = a.sql("DELETE FROM documents WHERE id = 4").execute();
    assert_eq!(deleted.await.unwrap(), 0);
    let insert = "INSERT INTO documents VALUES (6, 'b', 'forged')";
    let refused = a.sql(insert).execute().await.unwrap_err();
    assert!(
        refused.to_string().contains("row-level security"),
        "{refused}"
    );
    let returned: i64 = b
        .sql("INSERT INTO documents VALUES (6, 'b', 'b3') RETURNING id::bigint")
        .fetch_scalar()
        .await
        .unwrap();
    assert_eq!(returned, 6);
    assert_eq!(bodies(&a).await, ["xa1", "xa2", "xa3"]);
    assert_eq!(bodies(&b).await, ["b1", "b2", "b3"]);
    let none = db.sql("DELETE FROM documents").execute().await.unwrap();
    assert_eq!(none, 0);
    shop.remove().await;
}

#[tokio::test]
async fn several_settings_hold_together_and_values_mean_themselves() {
    let shop = Shop::open().await;
    let db = shop.alone(|_| {}).await;
    let odd = r#"o'Hara\ "x"; DROP TABLE documents; -- $1 é"#;
    let scope = Scope::new()
        .tenant(odd)
        .setting("App.User", odd)
        .setting("request.jwt.claims", "{\"sub\": \"7\"}")
        .setting("timezone", "Asia/Tokyo")
        .setting("statement_timeout", "45s")
        .setting("DateStyle", "SQL, DMY");
    let db = db.scoped(scope).unwrap();
    let row = db
        .sql(
            "SELECT current_setting('app.tenant') AS tenant, current_setting('app.user') AS person,
                current_setting('request.jwt.claims')::json->>'sub' AS sub,
                current_setting('timezone') AS zone, current_setting('statement_timeout') AS timeout,
                current_setting('datestyle') AS style",
        )
        .fetch_json()
        .await
        .unwrap();
    let expected = serde_json::json!({
        "tenant": odd, "person": odd, "sub": "7", "zone": "Asia/Tokyo", "timeout": "45s",
        "style": "SQL, DMY",
    });
    assert_eq!(row, [expected]);
    shop.remove().await;
}

#[tokio::test]
async fn a_scope_in_a_scope_adds_and_replaces_and_the_outer_one_stays() {
    let shop = Shop::open().await;
    let db = shop
        .alone(|options| options.tenant_setting = "App.Customer".to_owned())
        .await;
    let show =
        "SELECT current_setting('app.customer', true) || ' ' || current_setting('app.user', true)";
    let outer = db
        .scoped(Scope::new().tenant(7).setting("app.user", "ada"))
        .unwrap();
    let inner = outer.scoped(Scope::new().tenant("8")).unwrap();
    for (db, expected) in [(&outer, "7 ada"), (&inner, "8 ada"), (&outer, "7 ada")] {
        let seen: String = db.sql(show).fetch_scalar().await.unwrap();
        assert_eq!(seen, expected);
    }
    let seen: Option<String> = inner.unscoped().sql(show).fetch_scalar().await.unwrap();
    assert!(matches!(seen.as_deref(), None | Some(" ")), "{seen:?}");
    shop.remove().await;
}
