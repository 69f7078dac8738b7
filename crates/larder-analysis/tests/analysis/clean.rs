//! A database with nothing wrong: nothing is found.

use larder_analysis::Options;

use crate::shop::{Shop, at_once, found};

const TABLES: &str = "
    CREATE TABLE customers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      email text NOT NULL UNIQUE, city text NOT NULL);
    INSERT INTO customers (email, city)
      SELECT i || '@example.org', 'city ' || i % 50 FROM generate_series(1, 20000) i;
    CREATE INDEX customers_city ON customers (city);
    CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      customer bigint NOT NULL REFERENCES customers, at timestamptz NOT NULL, done bool NOT NULL);
    INSERT INTO orders (customer, at, done)
      SELECT 1 + i % 20000, now() - i * interval '1 min', i % 50 <> 0 FROM generate_series(1, 50000) i;
    CREATE INDEX orders_customer_at ON orders (customer, at);
    CREATE INDEX orders_open ON orders (at) WHERE NOT done;
    CREATE TABLE addresses (id bigint PRIMARY KEY, customer bigint NOT NULL REFERENCES customers);
    INSERT INTO addresses SELECT i, i FROM generate_series(1, 20000) i;
    CREATE INDEX addresses_customer ON addresses (customer);
    CREATE TABLE visits (id bigint PRIMARY KEY, customer bigint REFERENCES customers, \"Id\" bigint,
      email text, FOREIGN KEY (email) REFERENCES customers (email));
    INSERT INTO visits SELECT i, nullif(i, 7), i, i || '@example.org' FROM generate_series(1, 20000) i;
    CREATE INDEX visits_customer ON visits (customer) WHERE customer IS NOT NULL;
    CREATE INDEX visits_email ON visits (email, \"Id\") WHERE (email IS NOT NULL);
    CREATE TABLE small (id int PRIMARY KEY, customer bigint REFERENCES customers);
    INSERT INTO small SELECT i, i FROM generate_series(1, 50) i;
    CREATE TABLE parts (id bigint, kind int, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
    INSERT INTO parts SELECT i, 1 FROM generate_series(1, 5000) i;
    VACUUM ANALYZE";

const WORK: &str = "
    SELECT * FROM customers WHERE id = 7;
    SELECT * FROM customers WHERE city = 'city 7';
    SELECT * FROM orders WHERE customer = 7 ORDER BY at DESC LIMIT 10;
    SELECT count(*) FROM orders WHERE NOT done AND at > now() - interval '1 day';
    SELECT * FROM small WHERE customer = 7;
    SELECT * FROM visits WHERE customer = 7;
    SELECT * FROM visits WHERE email = '7@example.org';
    SELECT * FROM visits WHERE id = 7;
    SELECT * FROM addresses WHERE id = 7;
    SELECT count(*) FROM orders;
    UPDATE customers SET city = 'city 8' WHERE id = 9;
    SELECT o.id, c.email FROM orders o JOIN customers c ON c.id = o.customer WHERE o.id = 12";

#[tokio::test]
async fn nothing_is_found_where_nothing_is_wrong() {
    let shop = Shop::open().await;
    shop.execute(TABLES).await;
    for _ in 0..20 {
        shop.execute(WORK).await;
    }
    shop.count().await;
    let analysis = shop.analyze(&at_once()).await;
    assert_eq!(found(&analysis), [], "{:#?}", analysis.findings);
    assert_eq!(analysis.not_checked, []);
    assert!(analysis.is_clean());
    assert!(
        analysis.statements_explained >= 6,
        "{}",
        analysis.statements_explained
    );
}

#[tokio::test]
async fn young_statistics_accuse_no_index() {
    let shop = Shop::open().await;
    shop.execute(TABLES).await;
    shop.execute("CREATE INDEX customers_email_length ON customers (length(email))")
        .await;
    for _ in 0..20 {
        shop.execute("SELECT * FROM customers WHERE id = 7").await;
    }
    shop.count().await;
    let unused = |analysis: &larder_analysis::Analysis| -> usize {
        analysis.of_code("index-unused").count()
    };
    let analysis = shop.analyze(&Options::default()).await;
    assert_eq!(unused(&analysis), 0, "{:#?}", analysis.findings);
    let refused = &analysis.not_checked[0];
    assert_eq!(refused.codes, ["index-unused"]);
    assert!(refused.why.contains("7.0 days"), "{}", refused.why);
    assert!(unused(&shop.analyze(&at_once()).await) > 0);
}

#[tokio::test]
async fn an_index_over_other_rows_than_a_foreign_key_needs_does_not_help_it() {
    let shop = Shop::open().await;
    shop.execute(TABLES).await;
    shop.execute(
        "DROP INDEX visits_customer;
         CREATE INDEX visits_customer ON visits (customer) WHERE customer IS NOT NULL AND id > 7;
         DROP INDEX visits_email;
         CREATE INDEX visits_email ON visits (email) WHERE customer IS NOT NULL",
    )
    .await;
    let mut options = at_once();
    options.only = vec!["foreign-key-without-index".to_owned()];
    let analysis = shop.analyze(&options).await;
    assert_eq!(
        found(&analysis),
        [
            (
                "foreign-key-without-index",
                "public.visits.visits_customer_fkey"
            ),
            (
                "foreign-key-without-index",
                "public.visits.visits_email_fkey"
            ),
        ]
    );
}
