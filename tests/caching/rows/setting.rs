//! `cache.row_precision`: off, every write counts for its whole table.

use diesel::prelude::*;

use super::super::accounts;
use super::{add, assert_right, is_kept, keep, open, with};
use crate::support::{self, until};

#[tokio::test]
async fn without_it_a_write_of_a_row_makes_reads_of_others_go() {
    let test = support::accounts().await;
    let db = open(&test, |options| options.cache.row_precision = false).await;
    keep(&db, &[1, 2]).await;
    add(&db, 2, 1).await;
    assert!(!is_kept(&db, 1).await && !is_kept(&db, 2).await);
    assert_right(&db, 1..3, "a write").await;
    let why = db.cached(accounts::table.find(1));
    let why = why.explain::<(i32, i64)>().await.unwrap();
    assert!(why.by_row.is_empty());
}

#[tokio::test]
async fn processes_with_it_and_without_it_understand_each_other() {
    let (test, with) = with("").await;
    let without = open(&test, |options| options.cache.row_precision = false).await;
    let applied = |db: &larder_database::Database| db.follower_statistics().unwrap().rows;
    keep(&with, &[1, 2]).await;
    keep(&without, &[1, 2]).await;

    let before = applied(&without);
    add(&with, 2, 1).await;
    assert!(is_kept(&with, 1).await);
    until("the other one hears of it", || applied(&without) > before).await;
    assert!(!is_kept(&without, 1).await && !is_kept(&without, 2).await);
    assert_right(&without, 1..3, "a write of the other process").await;

    keep(&with, &[1, 2]).await;
    let before = applied(&with);
    add(&without, 2, 1).await;
    until("the other one hears of it", || applied(&with) > before).await;
    assert!(!is_kept(&with, 1).await && !is_kept(&with, 2).await);
    assert_right(&with, 1..3, "a write of the other process").await;
}
