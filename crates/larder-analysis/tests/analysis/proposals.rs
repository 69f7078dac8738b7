//! Indexes that are proposed keep what was promised of them.

use larder_analysis::{AnalysisFinding, Options};
use serde_json::Value;

use crate::shop::{Shop, at_once, found};

const TABLES: &str = "
    CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint NOT NULL, status varchar(20) NOT NULL,
      at timestamptz NOT NULL, shipped timestamptz, email text NOT NULL);
    INSERT INTO orders
      SELECT i, i % 500, (ARRAY['new', 'paid', 'sent', 'back'])[1 + (i / 500) % 4],
             now() - i * interval '1 min', CASE WHEN i % 40 <> 0 THEN now() END,
             'Person' || i || '@example.org'
      FROM generate_series(1, 100000) i;
    VACUUM ANALYZE orders";

/// The statement, the index that it needs, and one that it does not.
const CASES: [(&str, &str); 5] = [
    (
        "SELECT * FROM orders WHERE at > $3 AND status = $2 AND customer = $1",
        "CREATE INDEX CONCURRENTLY ON public.orders (customer, status, at);",
    ),
    (
        "SELECT * FROM orders WHERE customer = 17 ORDER BY at DESC LIMIT 5",
        "CREATE INDEX CONCURRENTLY ON public.orders (customer, at DESC);",
    ),
    (
        "SELECT * FROM orders WHERE shipped IS NULL AND customer = $1",
        "CREATE INDEX CONCURRENTLY ON public.orders (customer) WHERE shipped IS NULL;",
    ),
    (
        "SELECT * FROM orders WHERE lower(email) = $1",
        "CREATE INDEX CONCURRENTLY ON public.orders ((lower(email)));",
    ),
    (
        "SELECT o.* FROM orders o JOIN (VALUES (3::bigint), (4)) v(id) ON v.id = o.customer",
        "CREATE INDEX CONCURRENTLY ON public.orders (customer);",
    ),
];

fn number(finding: &AnalysisFinding, name: &str) -> f64 {
    let found = finding.evidence.iter().find(|(of, _)| of == name);
    found
        .unwrap_or_else(|| panic!("no {name} in {finding:#?}"))
        .1
        .parse()
        .unwrap()
}

async fn planned(shop: &Shop, statement: &str) -> (f64, String) {
    shop.execute("SET plan_cache_mode = force_generic_plan")
        .await;
    let values = match statement.contains("$3") {
        true => "(NULL, NULL, NULL)",
        false if statement.contains("$1") => "(NULL)",
        false => "",
    };
    shop.execute(&format!("PREPARE asked AS {statement}")).await;
    let question = format!("EXPLAIN (FORMAT JSON) EXECUTE asked{values}");
    let rows = shop.client.simple_query(&question).await.unwrap();
    let text = rows.iter().find_map(|row| match row {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    shop.execute("DEALLOCATE asked").await;
    let plan: Value = serde_json::from_str(&text.unwrap()).unwrap();
    (
        plan[0]["Plan"]["Total Cost"].as_f64().unwrap(),
        plan.to_string(),
    )
}

#[tokio::test]
async fn an_index_that_is_applied_makes_the_statement_as_cheap_as_promised() {
    let shop = Shop::open().await;
    shop.execute(TABLES).await;
    for (statement, cure) in CASES {
        let mut options = at_once();
        options.statements = vec![statement.to_owned()];
        options.only = vec!["index-missing".to_owned()];
        options.explained = 0;
        let before = planned(&shop, statement).await;
        assert!(before.1.contains("Seq Scan"), "{statement}: {}", before.1);
        let analysis = shop.analyze(&options).await;
        let [finding] = &analysis.findings[..] else {
            panic!("one finding for {statement}: {:#?}", analysis.findings);
        };
        assert_eq!(finding.cure_sql.as_deref(), Some(cure), "{statement}");
        let promised = number(finding, "cost after, at most");
        assert!((number(finding, "cost before") - before.0).abs() < 1.0);
        assert!(promised <= 0.7 * before.0, "{promised} of {}", before.0);
        // Nothing of the trial is left.
        assert_eq!(planned(&shop, statement).await.0, before.0);

        shop.execute(cure).await;
        shop.execute("ANALYZE orders").await;
        let (cost, plan) = planned(&shop, statement).await;
        assert!(
            cost <= promised,
            "{statement} costs {cost}, {promised} was promised: {plan}"
        );
        assert!(plan.contains("Index"), "{plan}");
        // It is not proposed again.
        assert_eq!(found(&shop.analyze(&options).await), []);
        let indexes = shop.client.query(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'orders'::regclass AND NOT indisprimary",
            &[],
        );
        for index in indexes.await.unwrap() {
            shop.execute(&format!("DROP INDEX {}", index.get::<_, &str>(0)))
                .await;
        }
    }
}

#[tokio::test]
async fn a_statement_that_is_run_shows_what_estimates_hide() {
    let shop = Shop::open().await;
    shop.execute(
        "CREATE TABLE people (id int PRIMARY KEY, city int NOT NULL, country int NOT NULL);
         INSERT INTO people SELECT i, i % 100, i % 100 FROM generate_series(1, 200000) i;
         VACUUM ANALYZE people",
    )
    .await;
    let mut options = Options::default();
    options.only = vec![
        "plan-row-estimate".to_owned(),
        "plan-sort-spills".to_owned(),
    ];
    options.explained = 0;
    options.statements = vec![
        "SELECT * FROM people WHERE city = 7 AND country = 7".to_owned(),
        "SELECT * FROM people ORDER BY city, id".to_owned(),
    ];
    // Without running it, nobody knows how many rows there are.
    let planned = shop.analyze(&options).await;
    assert_eq!(planned.of_code("plan-row-estimate").count(), 0);
    options.run_statements = true;
    let analysis = shop.analyze(&options).await;
    assert_eq!(
        found(&analysis),
        [
            ("plan-row-estimate", "public.people"),
            ("plan-sort-spills", "sort by people.city, people.id")
        ]
    );
    let estimate = analysis.of_code("plan-row-estimate").next().unwrap();
    shop.execute(estimate.cure_sql.as_deref().unwrap()).await;
    let cured = shop.analyze(&options).await;
    assert_eq!(
        cured.of_code("plan-row-estimate").count(),
        0,
        "{:#?}",
        cured.findings
    );
}

#[tokio::test]
async fn what_would_write_is_planned_and_never_run() {
    let shop = Shop::open().await;
    shop.execute(TABLES).await;
    let mut options = at_once();
    options.explained = 0;
    options.run_statements = true;
    options.statements = vec!["DELETE FROM orders WHERE customer = 17".to_owned()];
    let analysis = shop.analyze(&options).await;
    assert_eq!(
        analysis.of_code("index-missing").count(),
        1,
        "{:#?}",
        analysis.findings
    );
    let refused = analysis
        .not_checked
        .iter()
        .any(|one| one.why.contains("was not run"));
    assert!(refused, "{:#?}", analysis.not_checked);
    let rows = shop
        .client
        .query_one("SELECT count(*) FROM orders", &[])
        .await
        .unwrap();
    assert_eq!(rows.get::<_, i64>(0), 100_000);
    for (statement, reason) in [
        ("SELECT nothing", "does not exist"),
        ("SELECT 1; DROP TABLE orders", "not one statement"),
    ] {
        options.statements = vec![statement.to_owned()];
        let error = larder_analysis::analyze(&shop.database, &options)
            .await
            .unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}
