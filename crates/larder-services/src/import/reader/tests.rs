//! Tests of reading CSV: what a header may be, what a record may be, and where it stands.

use std::io;

use super::*;
use crate::error::Error;
use crate::import::{CsvError, CsvProblem, RejectedRow};
use crate::restaurants::{KosherCategory, NewRestaurant, RestaurantStatus};

/// Hands out one byte at a time, so that every state falls on a border of the buffer.
struct Bytewise<'a>(&'a [u8]);

impl Read for Bytewise<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.len().min(buffer.len()).min(1);
        self.0.read(&mut buffer[..count])
    }
}

/// All rows, read at once and byte by byte, which must be the same.
fn rows(text: impl AsRef<[u8]>) -> Vec<Row> {
    let bytes = text.as_ref();
    let at_once: Vec<Row> = RestaurantReader::new(bytes, "t.csv")
        .unwrap()
        .collect::<Result<_>>()
        .unwrap();
    let bytewise: Vec<Row> = RestaurantReader::new(Bytewise(bytes), "t.csv")
        .unwrap()
        .collect::<Result<_>>()
        .unwrap();
    assert_eq!(at_once, bytewise);
    at_once
}

fn accepted(row: &Row) -> (u64, &NewRestaurant) {
    match row {
        Row::Accepted(row) => (row.line, &row.restaurant),
        Row::Rejected(row) => panic!("rejected: {row:?}"),
    }
}

fn rejected(row: &Row) -> &RejectedRow {
    match row {
        Row::Rejected(row) => row,
        Row::Accepted(row) => panic!("accepted: {row:?}"),
    }
}

fn failure(text: &[u8]) -> CsvError {
    match RestaurantReader::new(text, "t.csv").err() {
        Some(Error::Csv(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// The one row of a file with these columns beside `source_id` and `name`.
fn one(columns: &str, values: impl AsRef<[u8]>) -> Row {
    let mut text = format!("source_id,name,{columns}\n1,A,").into_bytes();
    text.extend(values.as_ref());
    let rows = rows(text);
    assert_eq!(rows.len(), 1);
    rows.into_iter().next().unwrap()
}

#[test]
fn every_column_is_read_in_any_order() {
    let names: Vec<&str> = Column::ALL
        .iter()
        .rev()
        .map(|column| column.name())
        .collect();
    let values = "closed,9-5,Good,$$,deli,KA,glatt,MEAT,Thai,a@b,http://x,123,-80.5,25.5,33130,FL,\
                  Miami,1 Main, The Name ,77";
    let found = rows(format!("{}\n{values}\n", names.join(",").to_uppercase()));
    let text = |value: &str| Some(value.to_owned());
    let expected = NewRestaurant {
        source_id: text("77"),
        name: "The Name".into(),
        address: text("1 Main"),
        city: text("Miami"),
        state: text("FL"),
        zip_code: text("33130"),
        latitude: Some(25.5),
        longitude: Some(-80.5),
        phone: text("123"),
        website: text("http://x"),
        email: text("a@b"),
        cuisine: text("Thai"),
        kosher_category: Some(KosherCategory::Meat),
        kosher_supervision: text("glatt"),
        certifying_agency: text("KA"),
        listing_type: text("deli"),
        price_range: text("$$"),
        description: text("Good"),
        hours: text("9-5"),
        status: RestaurantStatus::Closed,
    };
    assert_eq!(accepted(&found[0]), (2, &expected));
}

#[test]
fn empty_fields_are_none_and_the_status_is_active() {
    let row = one("city,latitude,longitude,kosher_category,status", " ,,,,");
    let named = NewRestaurant {
        source_id: Some("1".into()),
        ..NewRestaurant::named("A")
    };
    assert_eq!(accepted(&row).1, &named);
}

#[test]
fn unknown_columns_are_ignored_and_named() {
    let text = "borough,name,source_id,grade\n";
    let reader = RestaurantReader::new(text.as_bytes(), "t.csv").unwrap();
    assert_eq!(reader.ignored_columns(), ["borough", "grade"]);
    assert_eq!(
        reader.columns().collect::<Vec<_>>(),
        [Column::Name, Column::SourceId]
    );
    accepted(&rows(b"name,source_id,grade\nA,1,\xFF\n")[0]);
}

#[test]
fn a_header_without_what_is_required_names_file_and_columns() {
    let error = failure(b"title,city\nA,B\n");
    assert_eq!((error.file(), error.line()), ("t.csv", Some(1)));
    assert_eq!(
        error.to_string(),
        "read t.csv at line 1: the required columns source_id, name are missing; \
         the header has city, title"
    );
    assert_eq!(Error::from(error).kind(), crate::ErrorKind::Csv);
    assert!(failure(b"").to_string().contains("the header has nothing"));
    assert!(matches!(
        failure(b"name,source_id,Name\n").problem(),
        CsvProblem::RepeatedColumn(name) if name == "name"
    ));
    assert!(matches!(
        failure(b"\xFF\xFEn\0a\0").problem(),
        CsvProblem::HeaderNotUtf8
    ));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = RestaurantReader::open("no/such/file.csv").unwrap_err();
    assert!(
        error.to_string().starts_with("read no/such/file.csv: "),
        "{error}"
    );
}

#[test]
fn a_byte_order_mark_and_a_header_alone_are_fine() {
    assert_eq!(rows("\u{feff}source_id,name\n"), []);
    assert_eq!(rows("\u{feff}source_id,name"), []);
    assert_eq!(accepted(&rows("\u{feff}source_id,name\n1,A")[0]).0, 2);
}

#[test]
fn lines_are_those_where_records_begin() {
    for newline in ["\n", "\r\n"] {
        let text =
            "\u{feff}\nsource_id,name,hours\n1,A,\"9\n\n10\"\n\n\n2,B,\n3,C,\"\n\"\n4,D,x\n\n"
                .replace('\n', newline);
        let lines: Vec<u64> = rows(text).iter().map(|row| accepted(row).0).collect();
        assert_eq!(lines, [3, 8, 9, 11], "{newline:?}");
    }
}

#[test]
fn a_quoted_field_keeps_commas_quotes_and_breaks() {
    let row = one("description", "\"a, \"\"b\"\"\r\nc\"");
    assert_eq!(
        accepted(&row).1.description.as_deref(),
        Some("a, \"b\"\r\nc")
    );
}

#[test]
fn a_record_with_too_few_or_too_many_fields_is_rejected_and_the_next_is_read() {
    let found = rows("source_id,name\n1\n2,B,x\n3,C\n");
    assert_eq!(rejected(&found[0]).reason, "has 1 fields, the header has 2");
    assert_eq!(rejected(&found[1]).reason, "has 3 fields, the header has 2");
    assert_eq!(
        (rejected(&found[1]).line, rejected(&found[1]).value.as_str()),
        (3, "2,B,x")
    );
    assert_eq!(rejected(&found[1]).field, "record");
    assert_eq!(accepted(&found[2]).0, 4);
}

#[test]
fn rows_swallowed_by_an_open_quote_are_not_lost_silently() {
    let found = rows("source_id,name\n1,A\n2,\"B\n3,C\n4,D\n");
    assert_eq!(found.len(), 2);
    assert_eq!(rejected(&found[1]).line, 3);
    assert_eq!(
        rejected(&found[1]).reason,
        "has a quote that is not closed, and goes on to line 5"
    );

    let found = rows("source_id,name\n1,\"A\n2,B\n3,\"C\",x\n");
    assert_eq!(
        rejected(&found[0]).reason,
        "has 3 fields, the header has 2; it goes on to line 4: is a quote not closed?"
    );
}

#[test]
fn a_quote_inside_a_field_is_a_letter() {
    let row = one("description", "12\" pizza");
    assert_eq!(accepted(&row).1.description.as_deref(), Some("12\" pizza"));
}

#[test]
fn each_broken_rule_names_field_value_and_reason() {
    let long = "x".repeat(201);
    let cases: [(&str, &[u8], &str, &str, &str); 14] = [
        (
            "latitude,longitude",
            b"north,1",
            "latitude",
            "north",
            "number",
        ),
        (
            "latitude,longitude",
            b"1,\"1,5\"",
            "longitude",
            "1,5",
            "number",
        ),
        (
            "latitude,longitude",
            b"90.5,1",
            "latitude",
            "90.5",
            "-90 to 90",
        ),
        (
            "latitude,longitude",
            b"1,-181",
            "longitude",
            "-181",
            "-180 to 180",
        ),
        (
            "latitude,longitude",
            b"NaN,1",
            "latitude",
            "NaN",
            "-90 to 90",
        ),
        (
            "latitude,longitude",
            b"1,inf",
            "longitude",
            "inf",
            "-180 to 180",
        ),
        (
            "latitude,longitude",
            b"1,",
            "longitude",
            "",
            "where a latitude is",
        ),
        (
            "latitude,longitude",
            b",1",
            "latitude",
            "",
            "where a longitude is",
        ),
        ("latitude", b"1", "longitude", "", "where a latitude is"),
        (
            "status",
            b"open",
            "status",
            "open",
            "active inactive pending closed",
        ),
        (
            "kosher_category",
            b"treif",
            "kosher_category",
            "treif",
            "meat dairy pareve fish unknown",
        ),
        ("city", b"a\0b", "city", "a\0b", "NUL"),
        ("city", b"Z\xFCrich", "city", "Z\u{fffd}rich", "UTF-8"),
        (
            "cuisine",
            long.as_bytes(),
            "cuisine",
            "x",
            "at most 200 characters",
        ),
    ];
    for (columns, values, field, value, reason) in cases {
        let row = one(columns, values);
        let row = rejected(&row);
        assert_eq!((row.line, row.field.as_str()), (2, field), "{row:?}");
        assert!(
            row.value.starts_with(value) && row.reason.contains(reason),
            "{row:?}"
        );
    }
}

#[test]
fn a_row_without_name_or_source_id_is_rejected() {
    let found = rows("source_id,name\n ,A\n1,\n,\n");
    let fields: Vec<&str> = found
        .iter()
        .map(|row| rejected(row).field.as_str())
        .collect();
    assert_eq!(fields, ["source_id", "name", "source_id"]);
}

#[test]
fn a_record_without_end_is_an_error_and_the_last_item() {
    let text = io::Cursor::new("source_id,name\n1,A\n2,\"").chain(io::repeat(b'x'));
    let mut reader = RestaurantReader::new(text, "t.csv").unwrap();
    accepted(&reader.next().unwrap().unwrap());
    match reader.next() {
        Some(Err(Error::Csv(error))) => {
            assert_eq!(error.line(), Some(3));
            assert!(
                matches!(error.problem(), CsvProblem::RecordTooLong(_)),
                "{error}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(reader.next().is_none());
}

#[test]
fn a_failing_input_is_an_error_with_its_cause() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let text = io::Cursor::new("source_id,name\n1,A\n").chain(Failing);
    let mut reader = RestaurantReader::new(text, "t.csv").unwrap();
    accepted(&reader.next().unwrap().unwrap());
    let error = reader.next().unwrap().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("t.csv at line 3: the disk is gone"),
        "{error}"
    );
    assert!(reader.next().is_none());
}
