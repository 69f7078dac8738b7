//! What is kept for a tenant: found by them alone, and gone when anybody writes.

use std::sync::Arc;

use diesel::prelude::*;
use larder_database::{Database, Error, Scope, sql};

use tokio::time::timeout;

use super::{LONG, Shop, cached_count, documents, is_kept, tenant, why};
use crate::support::PATIENCE;

#[tokio::test]
async fn results_of_tenants_do_not_mix_and_are_found_again() {
    let shop = Shop::open().await;
    let db = shop.alone(|_| {}).await;
    let (a, b) = (tenant(&db, "a"), tenant(&db, "b"));
    for round in 0..3 {
        assert_eq!(cached_count(&a).await, 3);
        assert_eq!(cached_count(&b).await, 2);
        // A handle made anew finds what the one before has kept.
        assert_eq!(cached_count(&tenant(&db, "a")).await, 3);
        let statistics = db.cache_statistics();
        assert_eq!((statistics.hits, statistics.loads), (round * 3 + 1, 2));
    }
    // On nobody's behalf nothing is kept, and it says why.
    let reason = why(&db).await.unwrap();
    assert!(reason.contains("read it in a scope"), "{reason}");
    assert!(!is_kept(&db).await && !is_kept(&db).await);
    assert_eq!(cached_count(&db).await, 0);
    shop.remove().await;
}

/// Each kind of cached read, by each of two tenants.
async fn all_kinds(db: &Database) -> Vec<Vec<String>> {
    let all = || {
        documents::table
            .select(documents::body)
            .order(documents::id)
    };
    let typed: Arc<[String]> = db.cached(all()).ttl(LONG).load().await.unwrap();
    let first: Option<Arc<String>> = db.cached(all()).ttl(LONG).first().await.unwrap();
    let raw = db.sql("SELECT body FROM documents ORDER BY id").cached();
    let raw = raw.ttl(LONG).fetch_json().await.unwrap();
    let composite = db.cached_read("documents", "all", &()).ttl(LONG);
    let composite = composite.load(async |conn| {
        let rows = sql("SELECT body FROM documents ORDER BY id").fetch_json_on(conn);
        rows.await
    });
    let composite = composite.await.unwrap();
    let many = db.cached_many([1, 2, 3, 4, 5, 6]).ttl(LONG);
    let many = many.by(
        |missing| {
            let columns = (documents::id, documents::body);
            documents::table
                .select(columns)
                .filter(documents::id.eq_any(missing))
        },
        |row: &(i32, String)| row.0,
    );
    let mut many: Vec<_> = many.await.unwrap().into_values().collect();
    many.sort();
    let bodies = |rows: &[serde_json::Value]| {
        let body = |row: &serde_json::Value| row["body"].as_str().unwrap().to_owned();
        rows.iter().map(body).collect::<Vec<_>>()
    };
    assert_eq!(first.as_deref(), typed.first());
    vec![
        typed.to_vec(),
        bodies(&raw),
        bodies(&composite),
        many.iter().map(|row| row.1.clone()).collect(),
    ]
}

#[tokio::test]
async fn each_kind_of_read_is_kept_by_tenant_and_goes_with_any_write() {
    let shop = Shop::open().await;
    let db = shop.alone(|_| {}).await;
    let (a, b) = (tenant(&db, "a"), tenant(&db, "b"));
    let expect = |bodies: &[&str]| {
        vec![
            bodies
                .iter()
                .map(|&body| body.to_owned())
                .collect::<Vec<_>>();
            4
        ]
    };
    for _ in 0..2 {
        assert_eq!(all_kinds(&a).await, expect(&["a1", "a2", "a3"]));
        assert_eq!(all_kinds(&b).await, expect(&["b1", "b2"]));
    }
    let loads = db.cache_statistics().loads;
    all_kinds(&a).await;
    all_kinds(&b).await;
    assert_eq!(db.cache_statistics().loads, loads, "all are kept");
    // A write of one tenant makes the results of both go: rows are not told apart here.
    b.sql("UPDATE documents SET body = 'b0' WHERE id = 4")
        .execute()
        .await
        .unwrap();
    assert!(!is_kept(&a).await);
    assert_eq!(all_kinds(&a).await, expect(&["a1", "a2", "a3"]));
    assert_eq!(all_kinds(&b).await, expect(&["b0", "b2"]));
    a.transaction(async |conn| {
        sql("DELETE FROM documents WHERE id = 2")
            .execute_on(conn)
            .await?;
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
    assert_eq!(all_kinds(&a).await, expect(&["a1", "a3"]));
    shop.remove().await;
}

#[tokio::test]
async fn reads_of_tenants_at_the_same_time_do_not_share_a_load() {
    let shop = Shop::open().await;
    let db = shop.alone(|options| options.pool.size = 4).await;
    let (a, b) = (tenant(&db, "a"), tenant(&db, "b"));
    // Takes the picture of the catalog: who waits too long for that reads past the cache.
    assert_eq!(why(&a).await, None);
    let read = |db: &Database| {
        let db = db.clone();
        async move { cached_count(&db).await }
    };
    let counts = futures::join!(read(&a), read(&b), read(&a), read(&b));
    assert_eq!(counts, (3, 2, 3, 2));
    assert_eq!(db.cache_statistics().loads, 2);
    shop.remove().await;
}

#[tokio::test]
async fn each_setting_of_a_scope_tells_results_apart() {
    let shop = Shop::open().await;
    let db = shop.alone(|_| {}).await;
    let base = || Scope::new().tenant("a");
    let scopes = [
        base(),
        base().setting("TimeZone", "UTC"),
        base().setting("TimeZone", "Asia/Tokyo"),
        base().setting("app.user", "ada"),
        base().role(&shop.app),
    ];
    for scope in &scopes {
        assert!(
            !is_kept(&db.scoped(scope.clone()).unwrap()).await,
            "{scope:?}"
        );
    }
    for scope in &scopes {
        assert!(
            is_kept(&db.scoped(scope.clone()).unwrap()).await,
            "{scope:?}"
        );
    }
    let shown = "SELECT min(at)::text FROM (SELECT timestamptz '2026-01-01 12:00:00+00' AS at, count(*) FROM accounts) AS t";
    let mut seen = Vec::new();
    for scope in &scopes[1..3] {
        let read = db.scoped(scope.clone()).unwrap();
        let read = read.sql(shown).cached().ttl(LONG).fetch_scalar::<String>();
        seen.push(read.await.unwrap());
    }
    assert_eq!(seen, ["2026-01-01 12:00:00+00", "2026-01-01 21:00:00+09"]);
    shop.remove().await;
}

#[tokio::test]
async fn a_cached_read_inside_a_transaction_is_refused_as_ever() {
    let shop = Shop::open().await;
    let db = shop.alone(|_| {}).await;
    let a = tenant(&db, "a");
    let refused = a
        .transaction(async |_| {
            let count = a.sql("SELECT count(*) FROM documents").cached();
            Ok::<_, Error>(count.fetch_scalar::<i64>().await)
        })
        .await
        .unwrap();
    assert!(matches!(refused, Err(Error::CachedReadInTransaction)));
    shop.remove().await;
}

#[tokio::test]
async fn hits_that_are_verified_are_read_in_their_scope() {
    let shop = Shop::open().await;
    let db = shop
        .alone(|options| {
            options.cache.shadow = 1.0;
            options.pool.size = 4;
        })
        .await;
    let a = tenant(&db, "a");
    cached_count(&a).await;
    let comparing = async {
        while db.shadow_statistics().verified == 0 {
            cached_count(&a).await;
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, comparing).await.unwrap();
    let statistics = db.shadow_statistics();
    assert_eq!(
        (statistics.violations, statistics.changed_meanwhile),
        (0, 0)
    );
    assert!(statistics.equal > 0);
    shop.remove().await;
}
