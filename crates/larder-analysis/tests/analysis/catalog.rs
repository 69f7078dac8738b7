//! Rules, options and columns that look alike in the catalog, and are not.

use crate::shop::{Shop, at_once, found};

#[tokio::test]
async fn an_index_goes_only_on_account_of_one_that_keeps_the_same_rule() {
    let shop = Shop::without_extensions().await;
    shop.execute(
        "CREATE TABLE rules (x int, y int, z int, at int, words tsvector);
         INSERT INTO rules SELECT i, i, i, i, to_tsvector('word' || i) FROM generate_series(1, 2000) i;
         CREATE UNIQUE INDEX x_once ON rules (x);
         CREATE UNIQUE INDEX x_and_null_once ON rules (x) NULLS NOT DISTINCT;
         ALTER TABLE rules ADD CONSTRAINT y_at_the_end UNIQUE (y) DEFERRABLE INITIALLY DEFERRED;
         CREATE UNIQUE INDEX y_at_once ON rules (y);
         CREATE INDEX at_coarse ON rules USING brin (at) WITH (pages_per_range = 128);
         CREATE INDEX at_fine ON rules USING brin (at) WITH (pages_per_range = 1);
         CREATE INDEX words_short ON rules USING gist (words tsvector_ops (siglen = 8));
         CREATE INDEX words_long ON rules USING gist (words tsvector_ops (siglen = 200));
         CREATE INDEX z_full ON rules (z);
         CREATE INDEX z_looser ON rules (z) WITH (fillfactor = 70);
         CREATE UNIQUE INDEX x_once_again ON rules (x)",
    )
    .await;
    let mut options = at_once();
    options.only = vec!["index-duplicate".to_owned()];
    options.thresholds.index_bytes = 0;
    let analysis = shop.analyze(&options).await;
    assert_eq!(
        found(&analysis),
        [
            ("index-duplicate", "public.x_once_again"),
            ("index-duplicate", "public.z_looser"),
        ],
        "{:#?}",
        analysis.findings
    );
    for finding in &analysis.findings {
        shop.execute(finding.cure_sql.as_deref().unwrap()).await;
    }
    assert_eq!(found(&shop.analyze(&options).await), []);
}

#[tokio::test]
async fn a_foreign_key_is_helped_by_the_key_of_an_index_that_finds_rows() {
    let shop = Shop::without_extensions().await;
    shop.execute(
        "CREATE TABLE parents (a int, b int, PRIMARY KEY (a, b));
         CREATE TABLE singles (id int PRIMARY KEY);
         CREATE TABLE included (a int, b int, CONSTRAINT of_included FOREIGN KEY (a, b) REFERENCES parents);
         CREATE INDEX ON included (a) INCLUDE (b);
         CREATE TABLE keyed (a int, b int, c int, CONSTRAINT of_keyed FOREIGN KEY (a, b) REFERENCES parents);
         CREATE INDEX ON keyed (b, a) INCLUDE (c);
         CREATE TABLE ranged (single int CONSTRAINT of_ranged REFERENCES singles);
         CREATE INDEX ON ranged USING brin (single);
         CREATE TABLE hashed (single int CONSTRAINT of_hashed REFERENCES singles);
         CREATE INDEX ON hashed USING hash (single)",
    )
    .await;
    let mut options = at_once();
    options.only = vec!["foreign-key-without-index".to_owned()];
    options.thresholds.large_rows = 0.0;
    let analysis = shop.analyze(&options).await;
    assert_eq!(
        found(&analysis),
        [
            ("foreign-key-without-index", "public.included.of_included"),
            ("foreign-key-without-index", "public.ranged.of_ranged"),
        ]
    );
    for finding in &analysis.findings {
        shop.execute(finding.cure_sql.as_deref().unwrap()).await;
    }
    assert_eq!(found(&shop.analyze(&options).await), []);
}
