//! Reads and writes of single rows: who of them concerns whom.

use std::collections::BTreeSet;

use larder_cache::{Cause, Dependency, Source, Touched, Versions};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use crate::support::{Read, cache, key};

const TABLES: u32 = 3;
const ROWS: u64 = 4;

/// What is read of a table.
#[derive(Debug, Clone)]
enum Reading {
    Whole,
    Row(u64),
    /// A row that was not there.
    Missing(u64),
}

/// What is written to a table.
#[derive(Debug, Clone)]
enum Writing {
    Anything,
    Rows(BTreeSet<u64>),
    /// Rows whose keys the server makes.
    New,
}

fn row(table: u32, row: u64) -> Dependency {
    Dependency::row(table, &row.to_be_bytes())
}

impl Reading {
    fn dependencies(&self, table: u32) -> Vec<Dependency> {
        let whole = Dependency::table(table);
        match self {
            Self::Whole => vec![whole, Dependency::some_row(table)],
            Self::Row(read) => vec![whole, row(table, *read)],
            Self::Missing(read) => vec![whole, row(table, *read), Dependency::new_rows(table)],
        }
    }
}

impl Writing {
    fn dependencies(&self, table: u32) -> Vec<Dependency> {
        let some = Dependency::some_row(table);
        match self {
            Self::Anything => vec![Dependency::table(table)],
            Self::Rows(rows) => rows
                .iter()
                .map(|one| row(table, *one))
                .chain([some])
                .collect(),
            Self::New => vec![some, Dependency::new_rows(table)],
        }
    }

    /// Whether it may change what was read of the same table.
    fn concerns(&self, reading: &Reading) -> bool {
        match (self, reading) {
            (Self::Anything, _) | (_, Reading::Whole) => true,
            (Self::Rows(rows), Reading::Row(read) | Reading::Missing(read)) => rows.contains(read),
            (Self::New, Reading::Missing(_)) => true,
            (Self::New, Reading::Row(_)) => false,
        }
    }
}

fn reading() -> impl Strategy<Value = (u32, Reading)> {
    let what = prop_oneof![
        Just(Reading::Whole),
        (0..ROWS).prop_map(Reading::Row),
        (0..ROWS).prop_map(Reading::Missing),
    ];
    (1..=TABLES, what)
}

fn writing() -> impl Strategy<Value = (u32, Writing)> {
    let what = prop_oneof![
        1 => Just(Writing::Anything),
        4 => btree_set(0..ROWS, 1..3).prop_map(Writing::Rows),
        2 => Just(Writing::New),
    ];
    (1..=TABLES, what)
}

fn slots(versions: &Versions, reads: &[(u32, Reading)]) -> larder_cache::Slots {
    let all = reads
        .iter()
        .flat_map(|(table, read)| read.dependencies(*table));
    versions.slots(&all.collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Exactly what a write may have changed is wrong after it, also where the write was told by a
    /// row of the log.
    #[test]
    fn a_write_makes_wrong_what_it_concerns_and_nothing_else(
        reads in vec(reading(), 1..4),
        writes in vec(writing(), 1..4),
        logged in any::<bool>(),
    ) {
        let cache = cache();
        let versions = cache.versions();
        let slots = slots(versions, &reads);
        let as_of = versions.now();
        let touched = Touched::dependencies(
            writes.iter().flat_map(|(table, write)| write.dependencies(*table)),
        );
        let told = if logged { Touched::of_row(&touched.to_row()) } else { touched };
        prop_assert!(!told.is_everything());
        versions.invalidate(told.iter());
        let concerned = reads.iter().any(|(table, read)| {
            writes.iter().any(|(written, write)| table == written && write.concerns(read))
        });
        prop_assert_eq!(!versions.are_current(&slots, as_of), concerned);
        prop_assert!(versions.are_current(&slots, versions.now()));
    }
}

#[tokio::test]
async fn a_read_of_a_row_survives_writes_of_others() {
    let cache = cache();
    let read = |number: u64| Read {
        known: Reading::Row(number).dependencies(7),
        found: vec![],
        ..Read::of(key(number))
    };
    for number in 0..ROWS {
        read(number).value(&cache, number).await;
    }
    let written = Writing::Rows([2].into()).dependencies(7);
    assert_eq!(cache.invalidate(&written, Cause::Write), 1);
    for number in 0..ROWS {
        let source = read(number).value(&cache, number).await.source;
        let expected = if number == 2 {
            Source::Loaded
        } else {
            Source::Hit
        };
        assert_eq!(source, expected, "{number}");
    }
}

#[tokio::test]
async fn the_write_of_a_row_is_found_by_a_load_that_learns_of_the_row_only_later() {
    let cache = cache();
    let read = Read::finding(&Reading::Row(1).dependencies(7));
    let (reader, gate) = read.begin(&cache).await;
    // Nobody has had anything to do with rows so far.
    cache.invalidate(&Writing::Rows([1].into()).dependencies(7), Cause::Write);
    gate.open(Ok(read.loaded(7)));
    reader.await.unwrap().unwrap();
    assert_eq!(cache.get::<u64>(read.key), None, "it began before");
}

#[test]
fn a_doubt_about_a_row_leaves_others_alone() {
    let cache = cache();
    let versions = cache.versions();
    let of = |number| slots(versions, &[(7, Reading::Row(number))]);
    let (one, other) = (of(1), of(2));
    let doubt = versions.doubt(Writing::Rows([1].into()).dependencies(7));
    assert!(!versions.are_current(&one, versions.now()));
    assert!(versions.are_current(&other, versions.now()));
    drop(doubt);
    assert!(versions.are_current(&one, versions.now()));
    let _suspended = versions.suspend([Dependency::table(7)]);
    assert!(
        !versions.are_current(&other, versions.now()),
        "a whole table is all of it"
    );
}
