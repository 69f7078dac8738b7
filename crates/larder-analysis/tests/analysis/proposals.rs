//! Indexes that are proposed keep what was promised of them.

use larder_analysis::{AnalysisFinding, Confidence, Options, Seen};
use serde_json::{Value, json};

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
async fn a_partitioned_table_gets_one_index_for_all_its_partitions() {
    let shop = Shop::open().await;
    shop.execute(
        "CREATE TABLE \"Lines\" (id bigint, at int, item int) PARTITION BY RANGE (at);
         CREATE TABLE lines_1 PARTITION OF \"Lines\" FOR VALUES FROM (0) TO (10);
         CREATE TABLE lines_2 PARTITION OF \"Lines\" FOR VALUES FROM (10) TO (20);
         CREATE TABLE lines_3 PARTITION OF \"Lines\" FOR VALUES FROM (20) TO (30);
         INSERT INTO \"Lines\" SELECT i, i % 30, i / 30 FROM generate_series(1, 120000) i;
         ANALYZE \"Lines\"",
    )
    .await;
    let statement = "SELECT * FROM \"Lines\" WHERE item = $1";
    let mut options = at_once();
    options.statements = vec![statement.to_owned()];
    options.only = vec!["index-missing".to_owned()];
    options.explained = 0;
    let analysis = shop.analyze(&options).await;
    assert_eq!(found(&analysis), [("index-missing", "public.\"Lines\"")]);
    let finding = &analysis.findings[0];
    let cure = finding.cure_sql.as_deref().unwrap();
    assert_eq!(cure, "CREATE INDEX ON public.\"Lines\" (item);");
    assert!(finding.cost.contains("wait"), "{}", finding.cost);
    shop.execute(cure).await;
    shop.execute("ANALYZE \"Lines\"").await;
    let (cost, plan) = planned(&shop, statement).await;
    assert!(
        cost <= number(finding, "cost after, at most"),
        "{cost}: {plan}"
    );
    assert_eq!(found(&shop.analyze(&options).await), []);
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

#[tokio::test]
async fn one_index_is_proposed_where_it_serves_two_statements() {
    let shop = Shop::open().await;
    shop.execute(TABLES).await;
    let (short, long) = (
        "SELECT * FROM orders WHERE customer = $1",
        "SELECT * FROM orders WHERE customer = $1 AND at > $2",
    );
    let mut options = at_once();
    options.only = vec!["index-missing".to_owned()];
    options.explained = 0;
    let cures = async |statements: &[&str]| -> Vec<(String, bool)> {
        let mut options = options.clone();
        options.statements = statements.iter().map(|text| (*text).to_owned()).collect();
        let analysis = shop.analyze(&options).await;
        let findings = analysis.findings.into_iter();
        let cures = findings.map(|one| {
            let serves_both = one
                .evidence
                .contains(&("serves also".to_owned(), short.to_owned()));
            (one.cure_sql.unwrap(), serves_both)
        });
        cures.collect()
    };
    let on_one = "CREATE INDEX CONCURRENTLY ON public.orders (customer);".to_owned();
    let on_two = "CREATE INDEX CONCURRENTLY ON public.orders (customer, at);".to_owned();
    assert_eq!(cures(&[short]).await, [(on_one, false)]);
    assert_eq!(cures(&[long]).await, [(on_two.clone(), false)]);
    for both in [[short, long], [long, short]] {
        assert_eq!(cures(&both).await, [(on_two.clone(), true)], "{both:?}");
    }
    shop.execute(&on_two).await;
    shop.execute("ANALYZE orders").await;
    assert_eq!(cures(&[short, long]).await, []);
}

#[tokio::test]
async fn plans_that_an_instance_has_taken_are_judged_by_the_catalog() {
    let shop = Shop::open().await;
    shop.execute(TABLES).await;
    let plan = |schema: Value, filter: &str, rows: u32| {
        json!({ "fingerprint": filter, "text": format!("SELECT * FROM orders WHERE {filter}"),
            "calls": 10, "plan": { "json": [{ "Plan": { "Node Type": "Seq Scan",
                "Relation Name": "orders", "Schema": schema, "Alias": "orders",
                "Total Cost": 2500.0, "Plan Rows": rows, "Plan Width": 60, "Filter": filter } }] } })
    };
    let analyze = async |schema: Value, filter: &str, rows: u32| {
        let mut options = at_once();
        options.explained = 0;
        options.only = ["index-missing", "plan-sequential-scan"]
            .map(str::to_owned)
            .into();
        options.seen = Seen::from_json(&json!([plan(schema, filter, rows)])).unwrap();
        shop.analyze(&options).await
    };
    let public = || json!("public");
    let missing = analyze(public(), "(orders.customer = ?)", 200).await;
    let cure = "CREATE INDEX CONCURRENTLY ON public.orders (customer);";
    assert_eq!(found(&missing), [("index-missing", "public.orders")]);
    assert_eq!(missing.findings[0].cure_sql.as_deref(), Some(cure));
    assert_eq!(missing.findings[0].confidence, Confidence::Medium);
    // There is one by now, or most rows are wanted: nothing helps.
    shop.execute(cure).await;
    let there = analyze(public(), "(orders.customer = ?)", 200).await;
    assert_eq!(
        there.of_code("index-missing").count(),
        0,
        "{:#?}",
        there.findings
    );
    assert_eq!(
        found(&analyze(public(), "(orders.at > ?)", 90_000).await),
        []
    );
    // Of which table it speaks nobody knows, or which columns it has: no statement to be run.
    for schema in [json!(null), json!("elsewhere")] {
        let unknown = analyze(schema, "(orders.status = ?)", 20).await;
        assert_eq!(unknown.of_code("plan-sequential-scan").count(), 1);
        assert!(unknown.findings.iter().all(|one| one.cure_sql.is_none()));
    }
}
