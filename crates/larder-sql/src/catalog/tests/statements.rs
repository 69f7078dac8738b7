//! The statements that read the catalog, and what becomes of their answer.

use std::time::{Duration, Instant};

use super::*;

#[test]
fn each_query_is_one_statement() {
    for query in [CATALOG_QUERY, DIGEST_QUERY] {
        assert_eq!(crate::statements(query).count(), 1);
    }
}

#[test]
fn a_document_that_lacks_a_part_is_refused() {
    let whole: serde_json::Value = serde_json::from_str(EXAMPLE_DOCUMENT).unwrap();
    assert!(serde_json::from_value::<CatalogSnapshot>(whole.clone()).is_ok());
    for part in whole.as_object().unwrap().keys() {
        let mut lacking = whole.clone();
        lacking.as_object_mut().unwrap().remove(part);
        assert!(
            serde_json::from_value::<CatalogSnapshot>(lacking).is_err(),
            "{part}"
        );
    }
}

#[test]
fn a_large_catalog_is_made_in_little_time() {
    let mut large = database();
    for number in 0..1_000 {
        let name = format!("table_{number}");
        large = large.tables(&[&name]);
        if number > 0 {
            let before = format!("table_{}", number - 1);
            large = large.foreign_key(&name, &before, ['c', 'c']);
        }
    }
    let snapshot = large.snapshot.clone();
    let started = Instant::now();
    let catalog = Catalog::new(snapshot, &Declarations::new());
    let made = started.elapsed();
    // Without optimisation and on a busy machine: a quadratic one would take far longer.
    assert!(made < Duration::from_millis(500), "{made:?}");
    let all = match catalog.writes(&classify("delete from table_0")) {
        WriteSet::Tables(tables) => tables.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(all, 1_000);
}
