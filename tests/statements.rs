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

#[tokio::test]
async fn statements_do_what_was_said_of_them() {
    let (_test, server) = shop().await;
    let mut faults = Faults::default();
    let entries = corpus::entries();
    server.begin("").await;
    let base = Before::of(&server).await;
    server.end().await;
    for entry in &entries {
        verdict::judge(&server, &base, entry, &mut faults).await;
    }
    assert!(entries.len() >= 700, "only {} statements", entries.len());
    faults.check();
}

#[tokio::test]
async fn writes_that_change_a_result_meet_its_tables() {
    let (_test, server) = shop().await;
    let mut faults = Faults::default();
    let tally = pairs::judge(&server, &corpus::entries(), &mut faults).await;
    println!("{tally:?}");
    // A judge who sees nothing change finds no fault.
    assert!(tally.reads >= 80 && tally.writes >= 200, "{tally:?}");
    assert!(tally.judged >= 20_000 && tally.changed >= 800, "{tally:?}");
    faults.check();
}

#[tokio::test]
async fn cacheable_results_are_the_same_on_another_session() {
    let (test, server) = shop().await;
    let mut faults = Faults::default();
    let other = Server::connect(test.url()).await;
    sessions::compare(&server, &other, &corpus::entries(), &mut faults).await;
    faults.check();
}
