//! `larder cache` as a user runs it, on a database of the test's own.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::PathBuf;
use std::process::{Command, Output};

use larder_database::{CacheMode, Database, DatabaseOptions};
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;
use serde_json::Value;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// A database, and an empty directory to run the program in.
struct Shop {
    test: TestDatabase,
    directory: TempDir,
    client: Client,
}

impl Shop {
    async fn open() -> Self {
        // Nobody who keeps in step with others has made the log yet.
        let alone = |options: &mut DatabaseOptions| options.cache.mode = CacheMode::Local;
        let test = TestDatabase::create_with(MIGRATIONS, alone).await.unwrap();
        let (client, connection) = tokio_postgres::connect(test.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        Self {
            test,
            directory: TempDir::new().unwrap(),
            client,
        }
    }

    /// Runs `larder cache` with the database in its environment, and nothing else.
    fn run(&self, arguments: &[&str]) -> Ended {
        self.run_on(self.test.url(), arguments)
    }

    fn run_on(&self, url: &str, arguments: &[&str]) -> Ended {
        let output = Command::new(env!("CARGO_BIN_EXE_larder"))
            .arg("cache")
            .args(arguments)
            .current_dir(&self.directory)
            .env_clear()
            .env("DATABASE_URL", url)
            .output()
            .unwrap();
        Ended::of(&output)
    }

    async fn execute(&self, text: &str) {
        self.client.batch_execute(text).await.unwrap();
    }

    /// The migrations that were written, by name.
    fn migrations(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.directory.path().join("migrations"));
        let mut paths: Vec<PathBuf> = entries
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        paths
    }

    /// Runs one direction of the only migration.
    async fn apply(&self, direction: &str) {
        let [migration] = &self.migrations()[..] else {
            unreachable!("one migration: {:?}", self.migrations());
        };
        let text = std::fs::read_to_string(migration.join(direction)).unwrap();
        self.execute(&text).await;
    }

    async fn logged(&self) -> i64 {
        let question = "SELECT count(*) FROM larder.invalidation";
        self.client.query_one(question, &[]).await.unwrap().get(0)
    }
}

#[derive(Debug)]
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let ended = Self {
            code: output.status.code().unwrap(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        };
        assert!(!ended.stdout.contains('\u{1b}'), "no colours into a pipe");
        ended
    }

    #[track_caller]
    fn with(self, code: i32, parts: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        for part in parts {
            let is_there = self.stdout.contains(part) || self.stderr.contains(part);
            assert!(is_there, "`{part}` is missing in {self:#?}");
        }
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

#[tokio::test]
async fn the_log_is_missed_installed_and_found() {
    let shop = Shop::open().await;
    shop.run(&["status"])
        .with(0, &["present  no", "`larder cache install`"]);
    let doctor = shop.run(&["doctor", "--json"]).with(1, &[]);
    assert_eq!(doctor.json()["healthy"], false);
    assert_eq!(doctor.json()["findings"][0]["check"], "log");
    assert_eq!(doctor.json()["findings"][0]["cure"], "larder cache install");
    shop.run(&["install", "--grant", "postgres"]).with(
        0,
        &["the log of invalidations was made", "postgres may use it"],
    );
    shop.run(&["install"]).with(0, &["nothing was changed"]);
    let status = shop.run(&["status", "--json"]).with(0, &[]).json();
    assert_eq!(
        (&status["present"], &status["version"], &status["rows"]),
        (&true.into(), &1.into(), &0.into())
    );
    shop.run(&["status"]).with(
        0,
        &[
            "missing rights  none",
            "rows            0",
            status["epoch"].as_str().unwrap(),
        ],
    );
    shop.run(&["doctor"]).with(0, &["tables  fine"]);
}

#[tokio::test]
async fn a_role_that_is_not_there_is_named() {
    let shop = Shop::open().await;
    let ended = shop.run(&["install", "--grant", "nobody_at_all"]);
    ended.with(1, &["error: failed to", "nobody_at_all"]);
}

#[tokio::test]
async fn a_renewed_epoch_is_another_one() {
    let shop = Shop::open().await;
    shop.run(&["renew-epoch"])
        .with(1, &["error: failed to find the log of invalidations"]);
    shop.run(&["install"]).with(0, &[]);
    let epoch = || shop.run(&["status", "--json"]).json()["epoch"].clone();
    let before = epoch();
    shop.run(&["renew-epoch"]).with(0, &["the epoch is now "]);
    assert_ne!(epoch(), before);
}

#[tokio::test]
async fn a_tracked_table_logs_what_others_write_until_it_is_tracked_no_more() {
    let shop = Shop::open().await;
    shop.run(&["install"]).with(0, &[]);
    shop.execute(
        "CREATE TABLE events (at int) PARTITION BY LIST (at); \
         CREATE TABLE \"First day\" PARTITION OF events FOR VALUES IN (1); \
         CREATE MATERIALIZED VIEW days AS SELECT at FROM events",
    )
    .await;
    shop.run(&["track", "events"]).with(
        0,
        &[
            "wrote migrations/",
            "_track_events for",
            "public.events",
            "public.\"First day\"",
            "what stays unseen",
            "materialized view public.days",
            "logical replication",
            "DISABLE TRIGGER ALL",
        ],
    );
    // The name begins as Diesel's do.
    let name = shop.migrations()[0].file_name().unwrap().to_owned();
    let name = name.to_str().unwrap();
    let (time, rest) = name.split_once('_').unwrap();
    assert_eq!((time.len(), rest), (17, "track_events"), "{name}");
    assert_eq!(shop.logged().await, 0);
    shop.apply("up.sql").await;
    shop.execute("SET session_replication_role = replica").await;
    shop.execute("INSERT INTO events VALUES (1)").await;
    shop.execute("DELETE FROM \"First day\"").await;
    shop.execute("RESET session_replication_role").await;
    assert_eq!(shop.logged().await, 2);
    shop.run(&["track", "events"])
        .with(0, &["all of them are tracked already"]);
    shop.run(&["doctor"]).with(0, &["tables  fine"]);
    shop.apply("down.sql").await;
    shop.execute("INSERT INTO events VALUES (1)").await;
    assert_eq!(shop.logged().await, 2);
}

#[tokio::test]
async fn the_doctor_finds_partitions_without_the_trigger_and_triggers_that_are_off() {
    let shop = Shop::open().await;
    shop.run(&["install"]).with(0, &[]);
    shop.execute(
        "CREATE TABLE events (at int) PARTITION BY LIST (at); \
         CREATE TABLE day_1 PARTITION OF events FOR VALUES IN (1)",
    )
    .await;
    // Printed, so that it can be piped.
    let printed = shop.run(&["track", "events", "--print"]).with(0, &[]);
    assert!(!shop.directory.path().join("migrations").exists());
    shop.execute(&printed.stdout).await;
    shop.execute(
        "CREATE TABLE day_2 PARTITION OF events FOR VALUES IN (2); \
         ALTER TABLE day_1 DISABLE TRIGGER ALL",
    )
    .await;
    let report = shop.run(&["doctor", "--json"]).with(1, &[]).json();
    let cures: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["cure"].as_str().unwrap())
        .collect();
    let [on, track] = cures[..] else {
        unreachable!("two findings: {report:#}");
    };
    // What it says cures it.
    assert_eq!(track, "larder cache track public.day_2");
    shop.execute(on).await;
    let printed = shop.run(&["track", "public.day_2", "--print"]);
    shop.execute(&printed.with(0, &[]).stdout).await;
    shop.run(&["doctor"]).with(0, &["tables  fine"]);
    let printed = shop.run(&["untrack", "events", "--print"]);
    let printed = printed.with(0, &["public.day_1", "public.day_2"]);
    shop.execute(&printed.stdout).await;
    shop.run(&["untrack", "events"])
        .with(0, &["none of them is tracked"]);
}

#[tokio::test]
async fn tables_that_cannot_be_tracked_are_told_with_what_would_be_right() {
    let shop = Shop::open().await;
    shop.execute("CREATE VIEW open_ones AS SELECT * FROM restaurants")
        .await;
    shop.run(&["track", "restaurant"]).with(
        2,
        &["find the table restaurant", "did you mean `restaurants`?"],
    );
    shop.run(&["track", "restaurants", "qqq"])
        .with(2, &["find the table qqq", "with its schema"]);
    shop.run(&["track", "open_ones"]).with(
        2,
        &["track public.open_ones", "track the tables that it reads"],
    );
    shop.run(&["track", "pg_catalog.pg_class"])
        .with(2, &["a table of the system"]);
    shop.run(&["track"]).with(2, &["TABLE"]);
    assert!(!shop.directory.path().join("migrations").exists());
}

#[tokio::test]
async fn without_a_database_the_cure_is_told_and_no_password() {
    let shop = Shop::open().await;
    shop.run_on("", &["status"])
        .with(2, &["error: failed to find a database", "set DATABASE_URL"]);
    let unreachable = "postgres://app:hunter2@127.0.0.1:1/shop";
    let ended = shop.run_on(unreachable, &["status", "--json"]).with(1, &[]);
    let text = ended.json()["error"].to_string();
    assert!(text.contains("127.0.0.1:1"), "{text}");
    assert!(!text.contains("hunter2") && !ended.stderr.contains("hunter2"));
}

#[tokio::test]
async fn every_command_helps_with_examples() {
    let shop = Shop::open().await;
    for command in [
        "install",
        "status",
        "track",
        "untrack",
        "renew-epoch",
        "doctor",
    ] {
        let example = format!("Examples:\n  larder cache {command}");
        shop.run(&[command, "--help"]).with(0, &[&example]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_run_are_asked_to_warm_their_caches() {
    let shop = Shop::open().await;
    shop.run(&["install"]).with(0, &[]);
    let alone = shop.run(&["warm", "--answer-within", "1"]);
    alone.with(1, &["no process has answered"]);

    let mut options = DatabaseOptions::from_url(shop.test.url()).unwrap();
    options
        .cache
        .register_warming("restaurants", |db| async move {
            let count = db.sql("SELECT count(*) FROM restaurants").cached();
            count.fetch_scalar::<i64>().await?;
            Ok(())
        });
    let db = Database::open(options.clone()).await.unwrap();
    let ended = shop.run(&["warm", "--answer-within", "2"]);
    ended.with(0, &["PROCESS", "pid ", "warm"]);
    let ended = shop.run(&["warm", "--json", "--answer-within", "2"]);
    let outcome: Value = serde_json::from_str(&ended.with(0, &[]).stdout).unwrap();
    assert_eq!(outcome["finished"], true);
    assert_eq!(outcome["processes"].as_array().unwrap().len(), 1);
    assert_eq!(outcome["processes"][0]["done"], 1);

    let fails = |_| async { Err("out of flour".into()) };
    db.register_warming("fails", fails);
    let ended = shop.run(&["warm", "--answer-within", "2"]);
    ended.with(1, &["fails: out of flour"]);

    shop.run(&["warm", "--no-wait"]).with(0, &["were asked"]);
    shop.execute("DROP TABLE larder.warming").await;
    shop.run(&["warm"]).with(1, &["larder.warming"]);
    shop.run(&["doctor"]).with(1, &["larder cache install"]);
    shop.run(&["status"]).with(0, &["cannot be asked for"]);
    shop.run(&["install"]).with(0, &["was made"]);
    shop.run(&["warm", "--no-wait", "--json"])
        .with(0, &["request"]);
}
