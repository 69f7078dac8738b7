//! What is written to the log is read as it was meant, and stays within bounds.

use super::*;

fn row(oid: u32, key: u64) -> Dependency {
    Dependency::row(oid, &key.to_be_bytes())
}

fn rows(oid: u32, count: u64) -> impl Iterator<Item = Dependency> {
    let rows = (0..count).map(move |key| row(oid, key));
    rows.chain([Dependency::some_row(oid)])
}

fn all(touched: &Touched) -> Vec<Dependency> {
    touched.iter().collect()
}

#[test]
fn a_row_is_read_as_it_was_written() {
    let tables = Touched::dependencies([Dependency::table(16_384), Dependency::tag("menu:7")]);
    for touched in [
        Touched::default(),
        tables,
        Touched::everything(),
        Touched::definitions(),
        Touched::switches(),
        Touched::pattern("restaurants:*"),
        Touched::dependencies([Dependency::table(1)]).known_by(u64::MAX),
        Touched::dependencies([Dependency::some_row(1), row(1, 7)]).known_by(5),
        Touched::dependencies([Dependency::some_row(1), Dependency::new_rows(1)]),
        Touched::dependencies([Dependency::table(1), row(2, 7)]),
    ] {
        assert_eq!(Touched::of_row(&touched.to_row()), touched);
    }
}

#[test]
fn what_another_version_wrote_counts_as_everything() {
    let future = |format, touched: &[i64], detail: Option<&str>| LogRow {
        format,
        touched: touched.to_vec(),
        detail: detail.map(str::to_owned),
    };
    for row in [
        future(4, &[16_384], None),
        future(-1, &[], Some("*")),
        future(PATTERN, &[], None),
        future(NUMBERS, &[(RESERVED | 77).cast_signed()], None),
    ] {
        let touched = Touched::of_row(&row);
        assert!(touched.is_everything() && touched.changes_definitions());
    }
    // Both formats of this version, side by side.
    assert!(!Touched::of_row(&future(NUMBERS, &[5], None)).is_everything());
    let both = Touched::of_row(&future(PATTERN, &[5], Some("a:*")));
    assert_eq!(both.iter().collect::<Vec<_>>(), [Dependency::table(5)]);
    assert_eq!(both.names(), Some("a:*"));
}

#[test]
fn what_was_found_by_other_definitions_is_not_taken_as_it_stands() {
    let table = Touched::dependencies([Dependency::table(1)]);
    assert!(table.is_known_by(Some(7)) && table.is_known_by(None));
    let known = Touched::of_row(&table.known_by(7).to_row());
    assert!(known.is_known_by(Some(7)));
    assert!(!known.is_known_by(Some(8)) && !known.is_known_by(None));
    assert!(Touched::default().known_by(7).is_empty());
}

#[test]
fn a_row_is_bounded() {
    let many = (0..=Touched::MOST as u32).map(Dependency::table);
    let row = Touched::dependencies(many).to_row();
    assert_eq!(row.touched.len(), 1);
    assert!(Touched::of_row(&row).is_everything());
    let most = (0..Touched::MOST as u32).map(Dependency::table);
    assert_eq!(Touched::dependencies(most).to_row().touched.len(), 256);
}

#[test]
fn numbers_become_an_array_of_sql() {
    let row = Touched::dependencies([Dependency::table(7), Dependency::table(5)]).to_row();
    assert_eq!(row.array(), "{5,7}");
    assert_eq!(
        Touched::everything().to_row().array(),
        "{-4611686018427387904}"
    );
}

#[test]
fn rows_have_a_format_of_their_own() {
    let of_rows = [Dependency::some_row(1), Dependency::new_rows(1), row(1, 7)];
    for one in of_rows {
        let touched = Touched::dependencies([Dependency::table(2), Dependency::tag("a"), one]);
        assert_eq!(touched.to_row().format, ROWS, "{one:?}");
    }
    let whole = Touched::dependencies([Dependency::table(2), Dependency::tag("a")]);
    assert_eq!(whole.to_row().format, NUMBERS);
    // A number that no dependency of this version has, in any format.
    for format in [NUMBERS, PATTERN, ROWS] {
        let touched = Touched::of_row(&LogRow {
            format,
            touched: vec![1 << 40 | 7],
            detail: Some("a:*".to_owned()),
        });
        assert!(touched.is_everything(), "{format}");
    }
}

#[test]
fn a_table_as_a_whole_stands_for_its_rows() {
    let given = rows(1, 3).chain([Dependency::table(1), Dependency::new_rows(1)]);
    let touched = Touched::dependencies(given.chain([row(2, 7)]));
    assert_eq!(all(&touched), [Dependency::table(1), row(2, 7)]);
    let whole = Touched::dependencies([Dependency::table(2)]);
    let both = touched.and(&whole);
    assert_eq!(all(&both), [Dependency::table(1), Dependency::table(2)]);
}

#[test]
fn too_many_rows_become_their_tables_the_largest_first() {
    let many = || rows(1, 100).chain(rows(2, 120)).chain(rows(3, 30));
    let fits = Touched::dependencies(many().chain([Dependency::tag("a")]));
    assert_eq!(all(&fits).len(), 254);
    let over = fits.and(&Touched::dependencies(rows(4, 4)));
    assert!(!over.is_everything());
    let expected: Vec<Dependency> = Touched::dependencies(
        rows(1, 100)
            .chain(rows(3, 30))
            .chain(rows(4, 4))
            .chain([Dependency::table(2), Dependency::tag("a")]),
    )
    .iter()
    .collect();
    assert_eq!(all(&over), expected);
    assert_eq!(Touched::of_row(&over.to_row()), over);

    let everywhere = (0..300).flat_map(|oid| rows(oid, 2));
    let everything = Touched::dependencies(everywhere);
    assert!(everything.is_everything() && all(&everything).is_empty());
    let most = (0..Touched::MOST as u32).flat_map(|oid| rows(oid, 2));
    let tables: Vec<_> = (0..Touched::MOST as u32).map(Dependency::table).collect();
    assert_eq!(all(&Touched::dependencies(most)), tables);
}

#[test]
fn who_has_applied_what_was_collapsed_has_applied_all_of_it() {
    let applied = Touched::dependencies(rows(1, 300)).known_by(7);
    assert_eq!(all(&applied), [Dependency::table(1)]);
    assert!(applied.covers(&Touched::of_row(&applied.to_row())));
    assert!(applied.covers(&Touched::dependencies(rows(1, 3)).known_by(7)));
    assert!(!applied.covers(&Touched::dependencies(rows(1, 3)).known_by(8)));
    assert!(!applied.covers(&Touched::dependencies(rows(2, 3)).known_by(7)));
    let precise = Touched::dependencies(rows(1, 3));
    assert!(precise.covers(&Touched::dependencies([row(1, 2)])));
    assert!(!precise.covers(&Touched::dependencies([row(1, 3)])));
    assert!(!precise.covers(&Touched::dependencies([Dependency::table(1)])));
    assert!(!precise.covers(&Touched::everything()));
    assert!(!precise.covers(&Touched::switches()));
    assert!(!precise.covers(&Touched::pattern("a:*")));
}

#[test]
fn a_pattern_goes_with_whole_tables() {
    let touched = Touched::pattern("a:*").and(&Touched::dependencies(rows(1, 3)));
    assert_eq!(all(&touched), [Dependency::table(1)]);
    assert_eq!(touched.to_row().format, PATTERN);
    assert_eq!(Touched::of_row(&touched.to_row()), touched);
}
