//! What policies read: settings, tables and functions, and what follows for what is kept.

use larder_database::{Database, Scope};

use super::{Shop, bodies, cached_count, is_kept, tenant, why};

/// Replaces the policy on the documents. A table may name columns of others only inside it.
async fn policy(shop: &Shop, condition: &str) {
    shop.admin(&format!(
        "DROP POLICY own ON documents; CREATE POLICY own ON documents USING ({condition})"
    ))
    .await;
}

#[tokio::test]
async fn tables_in_policies_are_tables_that_the_result_depends_on() {
    let shop = Shop::open().await;
    shop.admin(&format!(
        "CREATE TABLE members (tenant text, document int);
         CREATE TABLE groups (name text);
         ALTER TABLE members ENABLE ROW LEVEL SECURITY;
         -- A policy of a table that a policy reads.
         CREATE POLICY grouped ON members USING (EXISTS (SELECT FROM groups WHERE name = members.tenant));
         GRANT ALL ON members, groups TO {0}; INSERT INTO groups VALUES ('a'), ('b')",
        shop.app
    ))
    .await;
    policy(
        &shop,
        "tenant = current_setting('app.tenant', true) OR EXISTS (
            SELECT FROM members m
            WHERE m.document = documents.id AND m.tenant = current_setting('app.tenant', true))",
    )
    .await;
    let db = shop.alone(|_| {}).await;
    let (a, b) = (tenant(&db, "a"), tenant(&db, "b"));
    let explained = a
        .sql("SELECT count(*) FROM documents")
        .cached()
        .explain()
        .await
        .unwrap();
    assert_eq!(explained.not_cached, None);
    assert_eq!(
        explained.tables,
        ["public.documents", "public.members", "public.groups"]
    );
    assert_eq!((cached_count(&a).await, cached_count(&b).await), (3, 2));
    assert!(is_kept(&a).await && is_kept(&b).await);
    // Sharing a document is a write to another table than the one that is read.
    let share = "INSERT INTO members VALUES ('a', 4)";
    b.sql(share).execute().await.unwrap();
    assert_eq!((cached_count(&a).await, cached_count(&b).await), (4, 2));
    assert!(is_kept(&a).await);
    db.sql("DELETE FROM groups WHERE name = 'a'")
        .execute()
        .await
        .unwrap();
    assert_eq!(cached_count(&a).await, 3);
    shop.remove().await;
}

#[tokio::test]
async fn a_policy_that_changes_is_noticed() {
    let shop = Shop::open().await;
    let db = shop.alone(|_| {}).await;
    let a = tenant(&db, "a");
    assert_eq!(cached_count(&a).await, 3);
    policy(
        &shop,
        "tenant = current_setting('app.tenant', true) AND id > 1",
    )
    .await;
    // By the next look at the catalog.
    db.sql("CREATE TEMPORARY TABLE t (n int)")
        .execute()
        .await
        .unwrap();
    assert_eq!(cached_count(&a).await, 2);
    shop.remove().await;
}

/// Why a result is not kept, by the condition of the policy.
const REFUSED: [(&str, &str); 10] = [
    (
        "tenant = current_setting('app.user', true)",
        "reads the setting app.user",
    ),
    (
        "tenant = current_setting('app.' || 'tenant')",
        "as a plain text",
    ),
    ("tenant = current_setting(body)", "as a plain text"),
    (
        "tenant = (SELECT setting FROM pg_settings WHERE name = 'app.tenant')",
        "pg_settings",
    ),
    (
        "tenant = current_setting('app.tenant', true) AND now() > '2020-01-01'",
        "now",
    ),
    (
        "tenant = current_setting('app.tenant', true) AND random() >= 0",
        "random",
    ),
    ("tenant = mine()", "mine"),
    (
        "pg_has_role(current_user, 'pg_monitor', 'member')",
        "pg_has_role",
    ),
    (
        "EXISTS (SELECT FROM pg_roles WHERE rolname = tenant)",
        "pg_roles",
    ),
    ("tenant = session_user", "session_user"),
];

/// And by which conditions it is.
const KEPT: [&str; 7] = [
    "true",
    "tenant = current_setting('App.Tenant')",
    "tenant = ANY (string_to_array(current_setting('app.tenant'::text, true), ','))",
    "lower(tenant) = lower(current_setting('app.tenant'))",
    "tenant = current_setting('app.tenant') AND current_user <> 'x'",
    "tenant = coalesce(nullif(current_setting('app.tenant', true), ''), 'none')",
    "body <> 'current_setting(''app.other'')'",
];

#[tokio::test]
async fn what_depends_on_more_than_the_scope_is_not_kept_and_says_why() {
    let shop = Shop::open().await;
    shop.admin(
        "CREATE FUNCTION mine() RETURNS text STABLE LANGUAGE sql
            AS $$ SELECT current_setting('app.tenant', true) $$",
    )
    .await;
    for (condition, told) in REFUSED {
        policy(&shop, condition).await;
        let db = shop.alone(|_| {}).await;
        let a = tenant(&db, "a");
        let reason = why(&a).await;
        let reason = reason.unwrap_or_else(|| panic!("kept in spite of: {condition}"));
        assert!(reason.contains(told), "{condition}: {reason}");
        if !condition.contains("body)") {
            let expected = bodies(&a).await.len();
            assert_eq!(cached_count(&a).await, i64::try_from(expected).unwrap());
        }
        assert_eq!(db.cache_statistics().sets, 0, "{condition}");
    }
    for condition in KEPT {
        policy(&shop, condition).await;
        let db = shop.alone(|_| {}).await;
        let a = tenant(&db, "a");
        assert_eq!(why(&a).await, None, "{condition}");
        let expected = i64::try_from(bodies(&a).await.len()).unwrap();
        assert_eq!(cached_count(&a).await, expected, "{condition}");
        assert!(is_kept(&a).await, "{condition}");
    }
    shop.remove().await;
}

#[tokio::test]
async fn a_function_that_is_declared_is_taken_at_its_word() {
    let shop = Shop::open().await;
    shop.admin(
        "CREATE FUNCTION mine() RETURNS text STABLE LANGUAGE sql
            AS $$ SELECT current_setting('app.tenant', true) $$",
    )
    .await;
    policy(&shop, "tenant = mine()").await;
    let db = shop
        .alone(|options| {
            let declarations = larder_database::Declarations::new();
            options.cache.declarations = declarations.function_reads("mine", ["accounts"]);
        })
        .await;
    let (a, b) = (tenant(&db, "a"), tenant(&db, "b"));
    assert_eq!((cached_count(&a).await, cached_count(&b).await), (3, 2));
    assert!(is_kept(&a).await && is_kept(&b).await);
    let update = "UPDATE accounts SET balance = 1 WHERE id = 1";
    db.sql(update).execute().await.unwrap();
    assert!(!is_kept(&a).await);
    shop.remove().await;
}

/// Through views, whoever they are read as.
#[tokio::test]
async fn views_of_secured_tables_are_kept_by_scope_too() {
    let shop = Shop::open().await;
    shop.admin(&format!(
        "CREATE VIEW seen WITH (security_invoker) AS SELECT * FROM documents;
         CREATE VIEW owned WITH (security_barrier) AS SELECT * FROM documents;
         ALTER VIEW owned OWNER TO {0}; GRANT ALL ON seen, owned TO {0}, {1}",
        shop.app, shop.reader
    ))
    .await;
    let db = shop.alone(|_| {}).await;
    for view in ["seen", "owned"] {
        let count = async |db: &Database| {
            let count = db.sql(format!("SELECT count(*) FROM {view}")).cached();
            count.ttl(super::LONG).fetch_scalar::<i64>().await.unwrap()
        };
        let (a, b) = (tenant(&db, "a"), tenant(&db, "b"));
        let before = db.cache_statistics().hits;
        for _ in 0..2 {
            assert_eq!((count(&a).await, count(&b).await), (3, 2), "{view}");
        }
        assert_eq!(db.cache_statistics().hits - before, 2, "{view}");
        a.sql("UPDATE documents SET body = body")
            .execute()
            .await
            .unwrap();
        count(&a).await;
        assert_eq!(db.cache_statistics().hits - before, 2, "{view}");
    }
    shop.remove().await;
}

#[tokio::test]
async fn rows_of_secured_tables_are_not_told_apart() {
    let shop = Shop::open().await;
    let db = shop.alone(|_| {}).await;
    let a = db.scoped(Scope::new().tenant("a")).unwrap();
    let one = || {
        a.sql("SELECT body FROM documents WHERE id = :id")
            .bind("id", 1)
    };
    let explained = one().cached().explain().await.unwrap();
    assert_eq!(explained.by_row, [] as [&str; 0]);
    one().cached().ttl(super::LONG).fetch_json().await.unwrap();
    a.sql("UPDATE documents SET body = 'x' WHERE id = 2")
        .execute()
        .await
        .unwrap();
    let before = db.cache_statistics().hits;
    one().cached().ttl(super::LONG).fetch_json().await.unwrap();
    assert_eq!(db.cache_statistics().hits, before);
    shop.remove().await;
}
