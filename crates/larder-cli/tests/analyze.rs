//! `larder analyze` as a user runs it, on a database of the test's own.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::process::Command;

use larder_database::{CacheMode, DatabaseOptions};
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;
use serde_json::Value;
use tempfile::TempDir;
use tokio_postgres::NoTls;

/// What only the server as a whole has to do with, which is shared with other tests.
const OF_THE_SERVER: [&str; 4] = [
    "setting-off",
    "setting-max-wal-size",
    "server-cache-share",
    "wraparound-database",
];

struct Shop {
    test: TestDatabase,
    directory: TempDir,
}

#[derive(Debug)]
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Shop {
    async fn open() -> Self {
        let alone = |options: &mut DatabaseOptions| options.cache.mode = CacheMode::Local;
        let test = TestDatabase::create_with(MIGRATIONS, alone).await.unwrap();
        let directory = TempDir::new().unwrap();
        Self { test, directory }
    }

    async fn execute(&self, text: &str) {
        let (client, connection) = tokio_postgres::connect(self.test.url(), NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client.batch_execute(text).await.unwrap();
        client
            .batch_execute("SELECT pg_stat_force_next_flush()")
            .await
            .unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.run_on(Some(self.test.url()), arguments)
    }

    fn run_on(&self, url: Option<&str>, arguments: &[&str]) -> Ended {
        let output = Command::new(env!("CARGO_BIN_EXE_larder"))
            .arg("analyze")
            .args(arguments)
            .current_dir(&self.directory)
            .env_clear()
            .envs(url.map(|url| ("DATABASE_URL", url)))
            .output()
            .unwrap();
        let ended = Ended {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        let password = self.test.url().split(['@', ':']).nth(2).unwrap();
        for text in [&ended.stdout, &ended.stderr] {
            assert!(!text.contains(password), "a password is shown: {text}");
            assert!(!text.contains('\u{1b}'), "no colours into a pipe");
        }
        ended
    }
}

impl Ended {
    #[track_caller]
    fn with(self, code: i32, parts: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        for part in parts {
            let is_there = self.stdout.contains(part) || self.stderr.contains(part);
            assert!(is_there, "`{part}` is missing in {self:#?}");
        }
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| unreachable!("{self:#?}"))
    }

    /// The codes of what was found in the database itself.
    #[track_caller]
    fn codes(&self) -> Vec<String> {
        let json = self.json();
        let findings = json["findings"].as_array().unwrap().iter();
        let codes = findings.map(|one| one["code"].as_str().unwrap().to_owned());
        codes
            .filter(|code| !OF_THE_SERVER.contains(&code.as_str()))
            .collect()
    }
}

const PLANTED: &str = "
    CREATE TABLE \"Visits\" (id bigint PRIMARY KEY, page int NOT NULL);
    INSERT INTO \"Visits\" SELECT i, i % 1000 FROM generate_series(1, 50000) i;
    ANALYZE \"Visits\";
    ALTER TABLE \"Visits\" ADD CONSTRAINT paged CHECK (page >= 0) NOT VALID";

#[tokio::test]
async fn the_schema_of_the_services_is_clean() {
    let shop = Shop::open().await;
    let ended = shop.run(&["--json", "--statistics-age", "0s"]);
    let nothing: [String; 0] = [];
    assert_eq!(ended.codes(), nothing, "{ended:#?}");
    // Nothing at all is found where nothing of the server is looked at.
    shop.run(&[
        "--only",
        "index-duplicate",
        "--only",
        "foreign-key-without-index",
    ])
    .with(0, &["0 critical, 0 warnings, 0 notices"]);
}

#[tokio::test]
async fn what_is_found_is_told_with_its_cure_and_its_cost() {
    let shop = Shop::open().await;
    shop.execute(PLANTED).await;
    let only = ["--only", "constraint-not-valid"];
    shop.run(&only).with(
        1,
        &[
            "constraint-not-valid",
            "warning",
            "cure: ALTER TABLE public.\"Visits\" VALIDATE CONSTRAINT paged;",
            "cost: reads all of public.\"Visits\"",
            "0 critical, 1 warnings, 0 notices",
        ],
    );
    let json = shop.run(&[&only[..], &["--json"]].concat()).with(1, &[]);
    assert_eq!(json.codes(), ["constraint-not-valid"]);
    assert_eq!(json.json()["findings"][0]["severity"], "warning");
    shop.run(&[&only[..], &["--min-severity", "critical"]].concat())
        .with(0, &[]);
}

#[tokio::test]
async fn a_statement_may_be_given_as_text_or_as_a_file() {
    let shop = Shop::open().await;
    shop.execute(PLANTED).await;
    let only = ["--only", "index-missing"];
    let cure = "CREATE INDEX CONCURRENTLY ON public.\"Visits\" (page);";
    let text = "SELECT * FROM \"Visits\" WHERE page = $1";
    shop.run(&[&only[..], &["--statement", text]].concat())
        .with(1, &[cure]);
    let file = shop.directory.path().join("visits.sql");
    std::fs::write(file, "SELECT * FROM \"Visits\" WHERE page = 7;\n").unwrap();
    shop.run(&[&only[..], &["--statement", "visits.sql", "--run"]].concat())
        .with(1, &[cure, "rows read: 50,000"]);
    shop.run(&["--statement", "missing.sql"])
        .with(2, &["missing.sql"]);
    shop.run(&["--statement", "SELECT * FROM nowhere"])
        .with(2, &["failed to explain", "nowhere"]);
}

#[tokio::test]
async fn readings_are_kept_and_compared() {
    let shop = Shop::open().await;
    let only = ["--only", "hour-statement-slower"];
    let save = [&only[..], &["--save", "readings.jsonl"]].concat();
    shop.run(&save).with(0, &["about an hour ago"]);
    shop.run(&save).with(0, &[]);
    let path = shop.directory.path().join("readings.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    // A comparison adds none.
    shop.run(&[&only[..], &["--compare", "readings.jsonl"]].concat())
        .with(0, &[]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    std::fs::write(&path, "[larder]\n").unwrap();
    shop.run(&save).with(2, &["readings.jsonl", "line 1"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "[larder]\n");
}

#[tokio::test]
async fn what_cannot_be_done_ends_with_another_code_than_findings() {
    let shop = Shop::open().await;
    shop.run(&["--only", "nonsense"])
        .with(2, &["`nonsense`", "index-unused"]);
    shop.run(&["--min-severity", "nonsense"])
        .with(2, &["nonsense"]);
    shop.run_on(None, &[]).with(2, &["DATABASE_URL"]);
    let nobody = "postgres://someone:hidden@127.0.0.1:1/shop";
    let refused = shop
        .run_on(None, &["--json", "--database-url", nobody])
        .with(2, &[]);
    let error = refused.json()["error"].as_str().unwrap().to_owned();
    assert!(
        error.contains("127.0.0.1:1") && !error.contains("hidden"),
        "{error}"
    );
    let statistics = shop.directory.path().join("statistics.json");
    std::fs::write(
        statistics,
        r#"{"cache": {"advice": [{"class": "menus:by_city",
        "verdict": "do_not_cache", "why": "nobody reads it", "confidence": "high"}]}}"#,
    )
    .unwrap();
    shop.run(&["--only", "cache-keeping", "--statistics", "statistics.json"])
        .with(1, &["menus:by_city", "do not cache", "nobody reads it"]);
}

const CURES: [&str; 5] = [
    "--apply",
    "--yes",
    "--only",
    "constraint-not-valid",
    "--json",
];

#[tokio::test]
async fn nothing_is_changed_where_nobody_said_what_and_nobody_can_be_asked() {
    let shop = Shop::open().await;
    shop.execute(PLANTED).await;
    shop.run(&["--apply"])
        .with(2, &["there is no terminal", "--yes", "--only"]);
    shop.run(&["--apply", "--yes"]).with(2, &["--only"]);
    shop.run(&["--yes", "--only", "constraint-not-valid"])
        .with(2, &["--apply"]);
    shop.run(&["--only", "constraint-not-valid"])
        .with(1, &["VALIDATE CONSTRAINT"]);
}

#[tokio::test]
async fn what_was_asked_for_is_cured_and_found_no_more() {
    let shop = Shop::open().await;
    shop.execute(PLANTED).await;
    shop.execute(
        "CREATE INDEX visits_page ON \"Visits\" (page);
         CREATE INDEX visits_page_again ON \"Visits\" (page)",
    )
    .await;
    let ended = shop.run(&CURES).with(0, &[]);
    let json = ended.json();
    assert_eq!(json["cures"][0]["outcome"], "done", "{json:#}");
    assert_eq!(json["cures"].as_array().unwrap().len(), 1);
    shop.run(&["--only", "constraint-not-valid"]).with(0, &[]);
    // What cannot run in a transaction runs, too; and what was not named is as it was.
    let duplicate = ["--only", "index-duplicate"];
    shop.run(&duplicate).with(1, &["visits_page"]);
    let ended = shop.run(&["--apply", "--yes", "--only", "index-duplicate"]);
    ended.with(
        0,
        &["done after", "DROP INDEX CONCURRENTLY", "1 of 1 cures done"],
    );
    shop.run(&duplicate).with(0, &[]);
}

#[tokio::test]
async fn what_holds_for_the_whole_server_is_left_alone() {
    let shop = Shop::open().await;
    shop.execute(PLANTED).await;
    // The server of the tests keeps nothing safe.
    let only = ["--apply", "--yes", "--json", "--only", "setting-off"];
    let json = shop.run(&only).with(1, &[]).json();
    let cures = json["cures"].as_array().unwrap();
    assert!(!cures.is_empty(), "{json:#}");
    for cure in cures {
        assert_eq!(cure["outcome"], "reaches_others", "{cure:#}");
    }
    shop.run(&["--only", "setting-off"])
        .with(1, &["fsync is off"]);
}

#[tokio::test]
async fn a_cure_that_fails_is_named_with_the_servers_words() {
    let shop = Shop::open().await;
    shop.execute(PLANTED).await;
    // What is there already is not looked at until somebody does.
    shop.execute(
        "ALTER TABLE \"Visits\" DROP CONSTRAINT paged;
         UPDATE \"Visits\" SET page = -1 WHERE id = 7;
         ALTER TABLE \"Visits\" ADD CONSTRAINT paged CHECK (page >= 0) NOT VALID",
    )
    .await;
    let json = shop.run(&CURES).with(1, &[]).json();
    assert_eq!(json["cures"][0]["outcome"], "failed", "{json:#}");
    let error = json["cures"][0]["error"].as_str().unwrap();
    for part in [
        "failed to cure it by `ALTER TABLE",
        "VALIDATE CONSTRAINT",
        "violated by some row",
    ] {
        assert!(error.contains(part), "{error}");
    }
    shop.run(&["--only", "constraint-not-valid"]).with(1, &[]);
}
