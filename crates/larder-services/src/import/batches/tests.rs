//! Tests of batches and of the report, on small files and on the real one.

use std::path::Path;

use proptest::prelude::*;

use super::*;

/// Imports as a database would that has none of the restaurants yet.
fn import_all<I: Iterator<Item = Result<Row>>>(mut import: Import<I>) -> ImportReport {
    while let Some(batch) = import.next_batch().unwrap() {
        assert!(batch.len() > 0);
        let new = batch.len() as u64 - batch.repeated();
        import.written(&batch, new);
    }
    let report = import.finish();
    assert_eq!(
        report.read,
        report.imported + report.duplicates + report.rejected_count
    );
    assert_eq!(report.imported, report.inserted + report.updated);
    report
}

fn from_text(text: &str) -> Import<RestaurantReader<&[u8]>> {
    Import::from_csv(RestaurantReader::new(text.as_bytes(), "t.csv").unwrap())
}

#[test]
fn the_later_of_two_rows_counts_within_a_batch() {
    let mut import = from_text("source_id,name\n1,A\n2,B\n1,C\n1,D\n");
    let batch = import.next_batch().unwrap().unwrap();
    let names: Vec<&str> = batch.restaurants().map(|new| new.name.as_str()).collect();
    assert_eq!(names, ["D", "B"]);
    assert_eq!(batch.rows()[0].line, 5);
    assert_eq!(batch.repeated(), 0);
    import.written(&batch, 1);
    assert!(import.next_batch().unwrap().is_none());
    let report = import.finish();
    assert_eq!((report.read, report.duplicates, report.imported), (4, 2, 2));
    assert_eq!((report.inserted, report.updated), (1, 1));
}

#[test]
fn the_later_of_two_rows_counts_across_batches() {
    let text = "source_id,name\n1,A\n2,B\n1,C\n1,D\n3,E\n2,F\n";
    for size in 1..=7 {
        let report = import_all(from_text(text).batch_size(size));
        assert_eq!(
            (report.read, report.duplicates),
            (6, 3),
            "batches of {size}"
        );
        assert_eq!(
            (report.imported, report.inserted),
            (3, 3),
            "batches of {size}"
        );
    }
}

#[test]
fn restaurants_without_a_source_id_are_never_duplicates() {
    let report = import_all(Import::from_restaurants(vec![NewRestaurant::named("A"); 3]));
    assert_eq!((report.imported, report.duplicates), (3, 0));
}

#[test]
fn a_restaurant_that_breaks_a_rule_is_rejected_by_its_number() {
    let rows = [NewRestaurant::named("A"), NewRestaurant::named(" ")];
    let report = import_all(Import::from_restaurants(rows));
    assert_eq!((report.imported, report.rejected_count), (1, 1));
    assert_eq!(
        (report.rejected[0].line, report.rejected[0].field.as_str()),
        (2, "name")
    );
}

#[test]
fn rejected_rows_are_kept_up_to_a_bound_and_counted_beyond() {
    let rows = vec![NewRestaurant::default(); ImportReport::MAX_REJECTED + 5];
    let report = import_all(Import::from_restaurants(rows));
    assert_eq!(report.rejected.len(), ImportReport::MAX_REJECTED);
    assert_eq!(report.rejected_count, ImportReport::MAX_REJECTED as u64 + 5);
}

#[test]
fn the_report_is_json() {
    let text = "source_id,name,grade,latitude,longitude\n1,A,x,,\n2,B,x,0,0\n3,,x,1,1\n";
    let report = import_all(from_text(text));
    let expected = serde_json::json!({
        "read": 3, "imported": 2, "inserted": 2, "updated": 0, "duplicates": 0,
        "rejected_count": 1,
        "rejected": [{"line": 4, "field": "name", "value": "", "reason": "must not be empty"}],
        "without_coordinates": 1, "implausible_coordinates": 1,
        "ignored_columns": ["grade"],
    });
    assert_eq!(serde_json::to_value(&report).unwrap(), expected);
}

#[test]
fn the_real_file_is_read_whole() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/restaurants.csv");
    if !path.exists() {
        return;
    }
    let size = std::fs::metadata(&path).unwrap().len();
    let mut import = Import::from_csv(RestaurantReader::open(&path).unwrap());
    while let Some(batch) = import.next_batch().unwrap() {
        import.written(&batch, batch.len() as u64);
    }
    assert_eq!(import.source().bytes_read(), size);
    let report = import.finish();
    assert_eq!(
        (report.read, report.imported, report.inserted),
        (5_169, 5_169, 5_169)
    );
    assert_eq!(
        (report.rejected_count, report.duplicates),
        (0, 0),
        "{:?}",
        report.rejected
    );
    assert_eq!(report.without_coordinates, 1);
    assert_eq!(report.implausible_coordinates, 63);
    assert!(report.ignored_columns.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the text is: no panic, and every record that was read is accounted for.
    #[test]
    fn no_row_is_lost(
        text in "([0-9a-c,\"\r\n ]|-?[0-9]{1,3}\\.5,){0,200}",
        size in 1_usize..5,
    ) {
        let text = format!("source_id,name,latitude,longitude\n{text}");
        let records = csv::ReaderBuilder::new()
            .flexible(true)
            .from_reader(text.as_bytes())
            .byte_records()
            .count();
        let report = import_all(from_text(&text).batch_size(size));
        prop_assert_eq!(report.read, records as u64);
        prop_assert_eq!(report.rejected_count, report.rejected.len() as u64);
    }

    /// Lines only grow, and well-formed rows come back as they went in.
    #[test]
    fn what_a_csv_writer_writes_is_read_back(
        names in prop::collection::vec("[a-zé\"\n,' ]{0,12}x", 1..20),
    ) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["name", "source_id"]).unwrap();
        for (number, name) in names.iter().enumerate() {
            writer.write_record([name, &number.to_string()]).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let mut import = from_text(&text).batch_size(100);
        let batch = import.next_batch().unwrap().unwrap();
        let read: Vec<&str> = batch.restaurants().map(|new| new.name.as_str()).collect();
        prop_assert_eq!(read, names.iter().map(|name| name.trim()).collect::<Vec<_>>());
        let mut line = 2;
        for (row, name) in batch.rows().iter().zip(&names) {
            prop_assert_eq!(row.line, line);
            line += 1 + name.matches('\n').count() as u64;
        }
    }
}
