//! Lanes: reads of many callers on a few connections give what they would give on their own.

mod cancellation;
mod equality;
mod errors;
mod faults;
mod held_up;
mod loads;
mod routes;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_database::{Database, DatabaseOptions};
use larder_pool::LaneStatus;
use larder_testing::TestDatabase;

use crate::support::{self, PATIENCE, open_alone};

diesel::table! {
    /// Each row tells by its text which one it is.
    notes (id) {
        id -> Integer,
        words -> Text,
    }
}

diesel::table! {
    /// Half a megabyte of text.
    pages (id) {
        id -> Integer,
        body -> Text,
    }
}

/// How many pages there are.
const PAGES: usize = 250;

/// How many notes there are.
const NOTES: i32 = 1_000;

/// What a note says.
fn words(id: i32) -> String {
    format!("note {id}")
}

/// A database with accounts and notes, and functions that say more than they should: where they
/// run.
async fn notes() -> TestDatabase {
    let test = support::accounts().await;
    for statement in [
        "CREATE TABLE notes (id int PRIMARY KEY, words text NOT NULL)",
        "INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, 1000) n",
        "CREATE TABLE pages (id int PRIMARY KEY, body text NOT NULL)",
        "INSERT INTO pages SELECT n, repeat('page ' || n, 250) FROM generate_series(1, 250) n",
        "CREATE FUNCTION setting_here(name text) RETURNS text IMMUTABLE LANGUAGE plpgsql
         AS 'BEGIN RETURN current_setting(name); END'",
    ] {
        test.database().sql(statement).execute().await.unwrap();
    }
    test
}

/// A second pool on the database of a test, with its lanes open.
async fn laned(test: &TestDatabase, change: impl FnOnce(&mut DatabaseOptions)) -> Database {
    let db = open_alone(test, |options| {
        options.pool.size = 4;
        // A busy machine must not look like a slow statement.
        options.pool.lanes.slow_after = PATIENCE;
        options.pool.lanes.statement_timeout = PATIENCE;
        change(options);
    })
    .await;
    assert!(db.open_lanes().await.unwrap() > 0);
    db
}

/// The same with one lane, so that all reads meet on it.
async fn one_laned(test: &TestDatabase, change: impl FnOnce(&mut DatabaseOptions)) -> Database {
    laned(test, |options| {
        options.pool.lanes.count = 1;
        options.pool.lanes.most = 1;
        change(options);
    })
    .await
}

/// What a note says, by a reader.
async fn read(db: &Database, id: i32) -> QueryResult<String> {
    let note = notes::table.find(id).select(notes::words);
    note.first(&mut db.reader()).await
}

/// What all pages say, by a reader.
async fn all_pages(db: &Database) -> QueryResult<Vec<String>> {
    let pages = pages::table.select(pages::body);
    pages.load(&mut db.reader()).await
}

fn lanes(db: &Database) -> LaneStatus {
    db.pool_status().lanes
}

/// A setting of the session in which a reader's statement runs.
async fn setting(db: &Database, name: &str) -> String {
    let here = diesel::select(setting_here(name));
    here.get_result(&mut db.reader()).await.unwrap()
}

#[diesel::declare_sql_function]
extern "SQL" {
    fn setting_here(name: diesel::sql_types::Text) -> diesel::sql_types::Text;
}
