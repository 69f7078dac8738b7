//! What `larder-sql` says of statements, judged by the server that ran them.
//!
//! `statements/corpus/*.txt` hold the statements, `statements/schema.sql` what they read and
//! write. Each is run on a real PostgreSQL, and what it did there is compared with what the
//! classification and the catalog had said:
//!
//! - What it changed must have been foreseen, and what it read must be among the tables on
//!   which a cached result depends ([`verdict`]).
//! - A write that really changes the result of a cacheable read must meet the tables of that
//!   read, for each write with each read ([`pairs`]).
//! - The same holds where both are about single rows, which parameters name ([`rows`]).
//! - A cacheable result is the same on another session, at another time, under other settings
//!   ([`sessions`]).
//! - The opinion is the one that the corpus expects, so that saying too much is deliberate.
//!
//! The server has to be PostgreSQL 15 or later with its contributed extensions, and the user a
//! superuser.

mod corpus;
mod deeds;
mod opinion;
mod pairs;
mod readers;
mod rows;
mod server;
mod sessions;
mod verdict;

use std::fmt::Write as _;

use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;

use corpus::Entry;
use deeds::Before;
use server::Server;

/// What stands in a message that a test fails with: every fault of every statement.
#[derive(Default)]
struct Faults {
    text: String,
    count: usize,
}

impl Faults {
    fn add(&mut self, entry: &Entry, fault: &str) {
        self.count += 1;
        writeln!(self.text, "{entry}\n    {fault}").unwrap();
    }

    fn check(&self) {
        assert!(self.count == 0, "{} faults\n\n{}", self.count, self.text);
    }
}

async fn shop() -> (TestDatabase, Server) {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let server = Server::connect(test.url()).await;
    server.prepare_database().await;
    (test, server)
}

async fn judge(file: &str, at_least: usize) {
    let (_test, server) = shop().await;
    let mut faults = Faults::default();
    let entries = corpus::read_file(file);
    server.begin("").await;
    let base = Before::of(&server).await;
    server.end().await;
    for entry in &entries {
        verdict::judge(&server, &base, entry, &mut faults).await;
    }
    assert!(
        entries.len() >= at_least,
        "only {} statements",
        entries.len()
    );
    faults.check();
}

/// A test for each file of the corpus, with the number of statements that it holds at least.
macro_rules! files {
    ($($file:ident: $at_least:literal,)*) => {
        const FILES: &[&str] = &[$(stringify!($file)),*];

        mod statements_do_what_was_said_of_them {
            $(
                #[tokio::test]
                async fn $file() {
                    super::judge(stringify!($file), $at_least).await;
                }
            )*
        }
    };
}

files! {
    commands: 120,
    foreign_keys: 70,
    functions: 115,
    hidden_calls: 75,
    names: 55,
    partitions: 75,
    queries: 90,
    triggers_and_rules: 45,
    views: 60,
}

#[test]
fn every_file_of_the_corpus_is_judged() {
    assert_eq!(corpus::files(), FILES);
}

#[tokio::test]
async fn writes_that_change_a_result_meet_its_tables() {
    let (_test, server) = shop().await;
    let mut faults = Faults::default();
    let tally = pairs::judge(&server, &corpus::read_all(), &mut faults).await;
    println!("{tally:?}");
    // A judge who sees nothing change finds no fault.
    assert!(tally.reads >= 80 && tally.writes >= 100, "{tally:?}");
    assert!(tally.judged >= 10_000 && tally.changed >= 500, "{tally:?}");
    faults.check();
}

#[tokio::test]
async fn cacheable_results_are_the_same_on_another_session() {
    let (test, server) = shop().await;
    let mut faults = Faults::default();
    let other = Server::connect(test.url()).await;
    sessions::compare(&server, &other, &corpus::read_all(), &mut faults).await;
    faults.check();
}
