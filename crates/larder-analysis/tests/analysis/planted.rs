//! A database with problems that were planted: each is found, and nothing else is.

use std::time::Duration;

use larder_analysis::{Analysis, Confidence, Severity};

use crate::shop::{Shop, at_once, found};

const TABLES: &str = "
    CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL);
    INSERT INTO customers SELECT i, 'customer ' || i FROM generate_series(1, 2000) i;

    -- 1: nobody finds the orders of a customer
    CREATE TABLE \"Orders\" (id bigint PRIMARY KEY, customer_id bigint NOT NULL, status varchar(20),
      note text);
    INSERT INTO \"Orders\" SELECT i, i % 2000, 'open', repeat('x', 40) FROM generate_series(1, 60000) i;

    -- 2: nobody uses it
    CREATE INDEX orders_note ON \"Orders\" (note);

    -- 3 and 4: there twice, and the beginning of another one
    CREATE TABLE visits (id bigint PRIMARY KEY, at timestamptz NOT NULL, page int NOT NULL);
    INSERT INTO visits SELECT i, now() - i * interval '1 s', i % 100 FROM generate_series(1, 30000) i;
    CREATE INDEX visits_at ON visits (at);
    CREATE INDEX visits_at_again ON visits (at);
    CREATE INDEX visits_page ON visits (page);
    CREATE INDEX visits_page_at ON visits (page, at);

    -- 6: never checked
    ALTER TABLE visits ADD CONSTRAINT page_is_there CHECK (page >= 0) NOT VALID;

    -- 7: each delete of a customer reads all of it
    CREATE TABLE baskets (id bigint PRIMARY KEY,
      customer bigint NOT NULL REFERENCES customers ON DELETE CASCADE);
    INSERT INTO baskets SELECT i, 1 + i % 2000 FROM generate_series(1, 20000) i;

    -- 9: its key ends before its sequence
    CREATE TABLE tickets (\"Id\" serial PRIMARY KEY);
    ALTER SEQUENCE \"tickets_Id_seq\" AS bigint MAXVALUE 9223372036854775807;
    SELECT setval('\"tickets_Id_seq\"', 2000000000);

    -- 10: rows that are dead
    CREATE TABLE stock (id bigint PRIMARY KEY, pieces int NOT NULL);
    INSERT INTO stock SELECT i, 0 FROM generate_series(1, 25000) i;

    -- 11: space that holds nothing
    CREATE TABLE events (id bigint PRIMARY KEY, text text NOT NULL);
    INSERT INTO events SELECT i, repeat('y', 400) FROM generate_series(1, 60000) i;
    VACUUM ANALYZE;
    UPDATE stock SET pieces = 1;
    DELETE FROM events WHERE id % 10 <> 0;
    SELECT pg_stat_force_next_flush();
    VACUUM ANALYZE events;

    -- 8: the planner knows nothing of it
    CREATE TABLE imports (id bigint PRIMARY KEY, line text NOT NULL);
    INSERT INTO imports SELECT i, 'line ' || i FROM generate_series(1, 5000) i;

    -- 5: it could not be built
    CREATE TABLE coupons (code text NOT NULL);
    INSERT INTO coupons SELECT 'same' FROM generate_series(1, 100);
    ANALYZE coupons";

async fn plant(shop: &Shop) {
    shop.execute(TABLES).await;
    let failing = "CREATE UNIQUE INDEX CONCURRENTLY coupons_code ON coupons (code)";
    shop.client.batch_execute(failing).await.unwrap_err();
    shop.execute("SELECT pg_stat_statements_reset()").await;
    work(shop).await;
    // 13: a sort that does not fit.
    shop.execute("SET work_mem = '64kB'").await;
    for _ in 0..3 {
        let sorted = "SELECT id FROM (SELECT id, at FROM visits ORDER BY md5(id::text), at OFFSET 0) v OFFSET 29999";
        shop.execute(sorted).await;
    }
    shop.execute("RESET work_mem").await;
    shop.count().await;
}

/// What users of the shop do.
async fn work(shop: &Shop) {
    for customer in 1..=20 {
        let orders = format!("SELECT * FROM \"Orders\" WHERE customer_id = {customer}");
        shop.execute(&orders).await;
        let order = format!("SELECT note FROM \"Orders\" WHERE id = {customer}");
        shop.execute(&order).await;
        let visits = format!("SELECT id FROM visits WHERE page = {customer} AND at > now()");
        shop.execute(&visits).await;
        let page = format!("SELECT id FROM visits WHERE page = {customer}");
        shop.execute(&page).await;
        let lately = "SELECT id FROM visits WHERE at > now() - interval '5 s'";
        shop.execute(lately).await;
    }
}

#[tokio::test]
async fn every_problem_is_found_and_nothing_else() {
    let shop = Shop::open().await;
    plant(&shop).await;
    // 12: a session that does nothing, in a transaction.
    let idle = shop.connect().await;
    idle.batch_execute("SET application_name = 'sleepy'; BEGIN; SELECT id FROM customers LIMIT 1")
        .await
        .unwrap();
    let pid: i32 = idle
        .query_one("SELECT pg_backend_pid()", &[])
        .await
        .unwrap()
        .get(0);
    let mut options = at_once();
    options.thresholds.idle_in_transaction = Duration::ZERO;

    let analysis = shop.analyze(&options).await;
    let session = format!("session {pid}");
    let spilling = analysis
        .of_code("statement-spills")
        .map(|one| one.object.clone());
    let spilling = spilling.collect::<Vec<_>>().join(" ");
    let mut planted = vec![
        ("index-missing", "public.\"Orders\""),
        ("index-unused", "public.orders_note"),
        ("index-duplicate", "public.visits_at_again"),
        ("index-redundant", "public.visits_page"),
        ("index-invalid", "public.coupons_code"),
        ("constraint-not-valid", "public.visits.page_is_there"),
        (
            "foreign-key-without-index",
            "public.baskets.baskets_customer_fkey",
        ),
        ("table-never-analyzed", "public.imports"),
        ("sequence-near-end", "public.\"tickets_Id_seq\""),
        ("table-dead-rows", "public.stock"),
        ("table-bloat", "public.events"),
        ("session-idle-in-transaction", session.as_str()),
        ("statement-spills", spilling.as_str()),
    ];
    planted.sort_unstable();
    assert_eq!(found(&analysis), planted, "{:#?}", analysis.findings);
    assert_eq!(analysis.worst(), Some(Severity::Critical));
    every_finding_is_whole(&analysis);
    cures_are_quoted(&analysis);
    assert_eq!(analysis.not_checked, [], "everything was there");

    idle.batch_execute("COMMIT").await.unwrap();
    cures_cure(&shop, &analysis).await;
}

fn every_finding_is_whole(analysis: &Analysis) {
    for finding in &analysis.findings {
        assert!(!finding.evidence.is_empty(), "{finding:#?}");
        assert!(
            !finding.advice.is_empty() && !finding.cost.is_empty(),
            "{finding:#?}"
        );
    }
    let one = |code: &'static str| analysis.of_code(code).next().unwrap();
    assert_eq!(one("index-missing").confidence, Confidence::High);
    assert_eq!(one("table-bloat").confidence, Confidence::Low);
    assert!(one("table-bloat").title.contains("estimate"));
    // It stops everybody: whoever wants that reads the advice.
    assert_eq!(one("table-bloat").cure_sql, None);
    assert!(
        one("table-bloat").advice.contains(EMPTY_SPACE_CURE),
        "{}",
        one("table-bloat").advice
    );
}

#[track_caller]
fn cures_are_quoted(analysis: &Analysis) {
    let cure = |code: &'static str| analysis.of_code(code).next().unwrap().cure_sql.clone();
    for (code, expected) in [
        (
            "index-missing",
            "CREATE INDEX CONCURRENTLY ON public.\"Orders\" (customer_id);",
        ),
        (
            "index-unused",
            "DROP INDEX CONCURRENTLY public.orders_note;",
        ),
        (
            "index-invalid",
            "REINDEX INDEX CONCURRENTLY public.coupons_code;",
        ),
        (
            "foreign-key-without-index",
            "CREATE INDEX CONCURRENTLY ON public.baskets (customer);",
        ),
        (
            "constraint-not-valid",
            "ALTER TABLE public.visits VALIDATE CONSTRAINT page_is_there;",
        ),
    ] {
        assert_eq!(cure(code).as_deref(), Some(expected));
    }
    // What stops everybody, or holds for everybody, is advised, and is nothing to be run from a list.
    for (code, advice) in [
        ("sequence-near-end", SEQUENCE_CURE),
        ("statement-spills", "SET LOCAL work_mem = "),
    ] {
        assert_eq!(cure(code), None, "{code}");
        let finding = analysis.of_code(code).next().unwrap();
        assert!(finding.advice.contains(advice), "{}", finding.advice);
        assert!(
            !finding.advice.contains("ALTER DATABASE"),
            "{}",
            finding.advice
        );
    }
}

/// What the advice on the sequence that fills a narrow column says.
const SEQUENCE_CURE: &str = "ALTER TABLE public.tickets ALTER COLUMN \"Id\" TYPE bigint";

/// What the advice on the table that is nearly empty says.
const EMPTY_SPACE_CURE: &str = "VACUUM (FULL, ANALYZE) public.events";

/// Applies every cure as it is written. What it cured is not found again.
async fn cures_cure(shop: &Shop, analysis: &Analysis) {
    shop.execute("DELETE FROM coupons WHERE ctid <> (SELECT min(ctid) FROM coupons)")
        .await;
    for finding in &analysis.findings {
        // The statements that spilled have spilled, and the session is gone.
        if !matches!(
            finding.code,
            "statement-spills"
                | "session-idle-in-transaction"
                | "table-bloat"
                | "sequence-near-end"
        ) {
            shop.execute(finding.cure_sql.as_deref().unwrap()).await;
        }
    }
    shop.execute(EMPTY_SPACE_CURE).await;
    shop.execute(SEQUENCE_CURE).await;
    shop.execute("SELECT pg_stat_statements_reset()").await;
    work(shop).await;
    shop.count().await;
    let after = shop.analyze(&at_once()).await;
    assert_eq!(found(&after), [], "{:#?}", after.findings);
}
