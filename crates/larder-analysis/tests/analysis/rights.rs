//! What a role may not see, and what the server does not have, is told and is no error.

use larder_analysis::{ErrorKind, Options, analyze};

use crate::shop::{Shop, at_once};

#[tokio::test]
async fn a_role_without_rights_hears_what_it_does_not_see() {
    let shop = Shop::open().await;
    shop.execute(
        "CREATE ROLE reader LOGIN PASSWORD 'reader';
         CREATE TABLE secret (id int);
         INSERT INTO secret SELECT i FROM generate_series(1, 5000) i;
         ALTER TABLE secret ADD CONSTRAINT positive CHECK (id > 0) NOT VALID",
    )
    .await;
    shop.count().await;
    let database = shop.open_as("reader", "reader").await;
    let analysis = analyze(&database, &at_once()).await.unwrap();
    let refused = analysis.not_checked.iter();
    let of_sessions = refused
        .clone()
        .find(|one| one.codes.contains(&"session-long-transaction"));
    assert!(
        of_sessions.unwrap().cure.contains("pg_monitor"),
        "{:#?}",
        analysis.not_checked
    );
    // The catalog is everybody's.
    assert_eq!(analysis.of_code("constraint-not-valid").count(), 1);
    // Whether what it may not read was analysed cannot be known to it.
    assert_eq!(analysis.of_code("table-never-analyzed").count(), 0);
}

#[tokio::test]
async fn what_is_not_installed_is_told_with_its_cure() {
    let shop = Shop::without_extensions().await;
    let analysis = shop.analyze(&at_once()).await;
    let told = |code: &str| {
        let mut refused = analysis.not_checked.iter();
        let refused = refused.find(|one| one.codes.contains(&code));
        refused
            .unwrap_or_else(|| panic!("{:#?}", analysis.not_checked))
            .cure
            .clone()
    };
    assert!(told("statement-slow").contains("CREATE EXTENSION pg_stat_statements"));
    // It was loaded: the server need not be restarted.
    assert!(!told("statement-slow").contains("restart"));
    assert!(told("index-missing").contains("--statement"));
    assert!(analysis.is_clean(), "{:#?}", analysis.findings);
    // Without hypopg an index is proposed, and is less sure.
    shop.execute(
        "CREATE TABLE orders (id int PRIMARY KEY, customer int);
         INSERT INTO orders SELECT i, i % 1000 FROM generate_series(1, 50000) i; ANALYZE orders",
    )
    .await;
    let mut options = at_once();
    options.statements = vec!["SELECT * FROM orders WHERE customer = $1".to_owned()];
    let analysis = shop.analyze(&options).await;
    let proposed = analysis.of_code("index-missing").next().unwrap();
    assert_eq!(proposed.confidence, larder_analysis::Confidence::Medium);
    let refused = analysis.not_checked.iter();
    assert!(
        refused.clone().any(|one| one.cure.contains("hypopg")),
        "{:#?}",
        analysis.not_checked
    );
}

#[tokio::test]
async fn a_code_that_is_not_there_is_an_error() {
    let shop = Shop::without_extensions().await;
    let mut options = Options::default();
    options.only = vec!["index-unsed".to_owned()];
    let error = analyze(&shop.database, &options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownCode);
    assert!(error.to_string().contains("index-unused"), "{error}");
}
