//! Decorated functions: what they return is kept in the scope of their handle.

use larder_database::{Database, Error, Scope};

use super::{LONG, Shop, tenant};

/// A decorated function on a handle, whose body reads by another one.
async fn count(db: &Database, by: &Database) -> i64 {
    db.cached_call("count")
        .ttl(LONG)
        .run(async {
            let count = by.sql("SELECT count(*) FROM documents");
            count.fetch_scalar::<i64>().await
        })
        .await
        .unwrap()
}

async fn cached_inside(db: &Database, by: &Database) -> i64 {
    db.cached_call("cached_inside")
        .ttl(LONG)
        .run(async { Ok::<_, Error>(super::cached_count(by).await) })
        .await
        .unwrap()
}

#[tokio::test]
async fn calls_are_kept_by_tenant_and_go_with_what_they_read() {
    let shop = Shop::open().await;
    let db = shop.alone(|_| {}).await;
    let (a, b) = (tenant(&db, "a"), tenant(&db, "b"));
    for _ in 0..2 {
        assert_eq!((count(&a, &a).await, count(&b, &b).await), (3, 2));
        assert_eq!(
            (cached_inside(&a, &a).await, cached_inside(&b, &b).await),
            (3, 2)
        );
    }
    let (_, why) = db.explain_call(count(&a, &a)).await;
    assert_eq!(why.unwrap().not_cached, None);
    b.sql("DELETE FROM documents WHERE id = 4")
        .execute()
        .await
        .unwrap();
    assert_eq!((count(&a, &a).await, count(&b, &b).await), (3, 1));
    assert_eq!(
        (cached_inside(&a, &a).await, cached_inside(&b, &b).await),
        (3, 1)
    );
    shop.remove().await;
}

#[tokio::test]
async fn a_call_that_reads_on_behalf_of_another_is_not_kept() {
    let shop = Shop::open().await;
    let db = shop.alone(|_| {}).await;
    let (a, b) = (tenant(&db, "a"), tenant(&db, "b"));
    super::cached_count(&a).await;
    super::cached_count(&b).await;
    for (outer, inner) in [(&db, &a), (&b, &a), (&a, &b)] {
        let (_, why) = db.explain_call(count(outer, inner)).await;
        let reason = why.unwrap().not_cached.unwrap();
        assert!(reason.contains("in another scope"), "{reason}");
        // Also where the read inside is a hit.
        let (_, why) = db.explain_call(cached_inside(outer, inner)).await;
        let reason = why.unwrap().not_cached.unwrap();
        assert!(reason.contains("in another scope"), "{reason}");
    }
    // Whoever calls the same on nobody's behalf is given nobody's.
    assert_eq!(count(&db, &db).await, 0);
    shop.remove().await;
}

/// What is read on nobody's behalf is the same for everybody.
#[tokio::test]
async fn a_call_in_a_scope_may_read_on_nobodys_behalf() {
    let shop = Shop::open().await;
    let db = shop.alone(|_| {}).await;
    let a = db.scoped(Scope::new().tenant("a")).unwrap();
    let call = a.cached_call("accounts").ttl(LONG).run(async {
        let count = db.sql("SELECT count(*) FROM accounts");
        count.fetch_scalar::<i64>().await
    });
    let (count, why) = db.explain_call(call).await;
    assert_eq!(count.unwrap(), 2);
    assert_eq!(why.unwrap().not_cached, None);
    shop.remove().await;
}
