//! `larder doctor` as a user runs it, against real servers.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use larder_database::{CacheMode, DatabaseOptions};
use larder_pool::{ConnectOptions, LANE_SUFFIX, Pool, PoolOptions};
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;
use larder_testing::servers::PostgresServer;
use serde_json::Value;
use tempfile::TempDir;

/// Checks that a server which is set up as it should be passes, whatever it does for durability.
const OF_A_SERVER: [&str; 11] = [
    "settings",
    "provider",
    "host",
    "connect",
    "tls",
    "login",
    "server",
    "clock",
    "session",
    "pooler",
    "connections",
];

/// As long as a name may be, so that that of its lanes is cut off.
const LONG_NAME: &str = "a-service-with-a-name-that-is-as-long-as-any-name-can-be-there";

/// What a run of the program left.
#[derive(Debug)]
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

/// A directory of its own to run the program in, with these variables and no others.
struct Patient {
    directory: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Patient {
    fn of(url: &str) -> Self {
        Self {
            directory: TempDir::new().unwrap(),
            variables: vec![("DATABASE_URL", url.to_owned())],
        }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    fn run(&self, command: &[&str]) -> Ended {
        let output = Command::new(env!("CARGO_BIN_EXE_larder"))
            .args(command)
            .current_dir(&self.directory)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        let ended = Ended {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!ended.stdout.contains('\u{1b}'), "no colours into a pipe");
        self.assert_discreet(&ended.stdout);
        self.assert_discreet(&ended.stderr);
        ended
    }

    /// Runs `larder doctor --json` and gives what it says, with its exit code.
    fn examine(&self, arguments: &[&str]) -> (Value, i32) {
        let ended = self.run(&[&["doctor", "--json"], arguments].concat());
        let report = serde_json::from_str(&ended.stdout);
        (
            report.unwrap_or_else(|_| unreachable!("{ended:#?}")),
            ended.code,
        )
    }

    /// No password of any URL is shown.
    #[track_caller]
    fn assert_discreet(&self, text: &str) {
        for (name, value) in &self.variables {
            let Some((before, _)) = value.rsplit_once('@') else {
                continue;
            };
            let password = before.rsplit_once(':').map(|(_, password)| password);
            if let Some(password) = password.filter(|password| password.len() > 3) {
                assert!(
                    !text.contains(password),
                    "the password of {name} is in: {text}"
                );
            }
        }
    }
}

async fn shop() -> TestDatabase {
    let alone = |options: &mut DatabaseOptions| options.cache.mode = CacheMode::Local;
    TestDatabase::create_with(MIGRATIONS, alone).await.unwrap()
}

fn migrations() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations")
}

/// The checks of this name.
fn checks<'a>(report: &'a Value, name: &str) -> Vec<&'a Value> {
    let all = report["checks"].as_array().unwrap();
    all.iter().filter(|check| check["check"] == name).collect()
}

#[track_caller]
fn assert_state(report: &Value, name: &str, state: &str) {
    let checks = checks(report, name);
    assert!(!checks.is_empty(), "there is no check {name}");
    let has = checks.iter().any(|check| check["state"] == state);
    assert!(has, "{name} is not {state}: {checks:#?}");
}

/// Everything after a check that failed is skipped because of it.
#[track_caller]
fn assert_skipped_after(report: &Value, failed: &str) {
    assert_state(report, failed, "failure");
    let all = report["checks"].as_array().unwrap();
    let after = all.iter().skip_while(|check| check["check"] != failed);
    let after = after.skip_while(|check| check["check"] == failed);
    let of_server = after.filter(|check| check["check"] != "redis");
    for check in of_server {
        assert_eq!(check["state"], "skipped", "{check}");
        assert_eq!(check["seen"], format!("needs {failed}"), "{check}");
    }
}

#[tokio::test]
async fn a_good_server_passes_with_all_that_belongs_to_it() {
    let test = shop().await;
    let redis = std::env::var("LARDER_TEST_REDIS_URL").unwrap();
    let patient = Patient::of(test.url()).with("REDIS_URL", &redis);
    assert_eq!(patient.run(&["cache", "install"]).code, 0);
    let migrations = migrations();
    let (report, code) = patient.examine(&["--migrations", migrations.to_str().unwrap()]);
    let others = [
        "extensions",
        "migrations",
        "log",
        "rights",
        "tables",
        "redis",
    ];
    for name in OF_A_SERVER.into_iter().chain(others) {
        assert_state(&report, name, "ok");
    }
    let all = report["checks"].as_array().unwrap();
    assert!(
        all.iter().all(|check| check["state"] != "failure"),
        "{all:#?}"
    );
    // A server for tests may keep nothing safe, which is a warning.
    let is_fine = all.iter().all(|check| check["state"] != "warning");
    assert_eq!(code, i32::from(!is_fine));
    let cures = report["recommendations"].as_array().unwrap();
    assert_eq!(cures.is_empty(), is_fine);
    assert!(report["success_rate"].as_f64().unwrap() > 60.0);
}

#[tokio::test]
async fn a_log_that_is_missing_and_migrations_that_are_pending_are_told() {
    let test = shop().await;
    let patient = Patient::of(test.url());
    let pending = patient
        .directory
        .path()
        .join("migrations/2030-01-01-000000_later");
    std::fs::create_dir_all(&pending).unwrap();
    std::fs::write(pending.join("up.sql"), "CREATE EXTENSION hstore;").unwrap();
    let (report, code) = patient.examine(&[]);
    assert_eq!(code, 1);
    assert_state(&report, "log", "warning");
    assert_eq!(checks(&report, "log")[0]["cure"], "larder cache install");
    assert_state(&report, "rights", "skipped");
    assert_state(&report, "migrations", "warning");
    let seen = checks(&report, "migrations")[0]["seen"].as_str().unwrap();
    assert!(
        seen.contains("1 pending") && seen.contains("later"),
        "{seen}"
    );
    let extensions = checks(&report, "extensions");
    let hstore = extensions
        .iter()
        .find(|check| check["seen"].as_str().unwrap().starts_with("hstore"));
    assert_eq!(hstore.unwrap()["state"], "warning");
}

#[tokio::test]
async fn a_wrong_password_fails_the_login_and_skips_what_needs_it() {
    let test = shop().await;
    let (before, after) = test.url().rsplit_once('@').unwrap();
    let (before, _) = before.rsplit_once(':').unwrap();
    let patient = Patient::of(&format!("{before}:not-the-password@{after}"));
    let (report, code) = patient.examine(&[]);
    assert_eq!(code, 1);
    assert_state(&report, "connect", "ok");
    assert_skipped_after(&report, "login");
    let login = checks(&report, "login")[0];
    assert!(
        login["seen"]
            .as_str()
            .unwrap()
            .contains("authentication failed"),
        "{login}"
    );
    assert!(
        login["cure"].as_str().unwrap().contains("pg_hba.conf"),
        "{login}"
    );
}

#[tokio::test]
async fn a_database_that_does_not_exist_fails_the_login() {
    let test = shop().await;
    let (server, _) = test.url().rsplit_once('/').unwrap();
    let patient = Patient::of(&format!("{server}/there_is_no_such_database"));
    let (report, _) = patient.examine(&[]);
    assert_skipped_after(&report, "login");
    let login = checks(&report, "login")[0];
    assert!(
        login["seen"].as_str().unwrap().contains("does not exist"),
        "{login}"
    );
    assert!(
        login["cure"].as_str().unwrap().contains("CREATE DATABASE"),
        "{login}"
    );
}

#[test]
fn an_unknown_host_fails_first() {
    let patient = Patient::of("postgres://app:secret-of-app@no-such-host.invalid/shop");
    let (report, code) = patient.examine(&[]);
    assert_eq!(code, 1);
    assert_skipped_after(&report, "host");
    assert_state(&report, "redis", "skipped");
}

#[tokio::test]
async fn a_host_whose_address_is_given_is_not_looked_up() {
    let test = shop().await;
    let (account, place) = test.url().rsplit_once('@').unwrap();
    let (host, place) = place.split_once(':').unwrap();
    let url = format!("{account}@no-such-host.invalid:{place}?hostaddr={host}");
    let (report, _) = Patient::of(&url).examine(&[]);
    for name in ["host", "connect", "login"] {
        assert_state(&report, name, "ok");
    }
    let seen = checks(&report, "host")[0]["seen"].as_str().unwrap();
    assert_eq!(
        seen,
        format!("no-such-host.invalid is {host} by hostaddr, without looking it up")
    );
}

#[test]
fn a_provider_is_told_with_its_rule_and_what_of_it_is_overruled() {
    // A name of Neon's that leads nowhere: the rule is applied before anybody is asked.
    let host = "ep-a-pooler.no-such-region.aws.neon.tech";
    let patient = Patient::of(&format!("postgres://app:secret-of-app@{host}/shop"))
        .with("LARDER_DATABASE__POOLER", "none");
    let (report, _) = patient.examine(&["--deadline", "5"]);
    let provider = checks(&report, "provider");
    let seen = provider[0]["seen"].as_str().unwrap();
    assert!(seen.starts_with("Neon (by "), "{seen}");
    assert_state(&report, "provider", "warning");
    let overruled = provider.iter().find(|check| check["state"] == "warning");
    let cure = overruled.unwrap()["cure"].as_str().unwrap();
    assert!(cure.contains("database.pooler"), "{cure}");
}

#[test]
fn a_port_where_nobody_listens_fails_the_connect() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let patient = Patient::of(&format!(
        "postgres://app:secret-of-app@127.0.0.1:{port}/shop"
    ));
    let (report, _) = patient.examine(&[]);
    assert_state(&report, "host", "ok");
    assert_skipped_after(&report, "connect");
}

#[test]
fn a_server_that_never_answers_is_given_up_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let patient = Patient::of(&format!(
        "postgres://app:secret-of-app@127.0.0.1:{port}/shop"
    ));
    let (report, _) = patient.examine(&["--deadline", "1"]);
    assert_skipped_after(&report, "tls");
    let seen = checks(&report, "tls")[0]["seen"].as_str().unwrap();
    assert_eq!(seen, "no answer within 1s");
    drop(listener);
}

#[tokio::test]
async fn more_processes_than_the_server_has_connections_for_are_a_failure() {
    let test = shop().await;
    let patient = Patient::of(test.url());
    let (report, code) = patient.examine(&["--replicas", "10000"]);
    assert_eq!(code, 1);
    assert_state(&report, "connections", "failure");
    let connections = checks(&report, "connections")[0];
    assert!(
        connections["seen"]
            .as_str()
            .unwrap()
            .starts_with("10000 x (5 + 10 overflow")
    );
    let cures = report["recommendations"].as_array().unwrap();
    let first = cures[0].as_str().unwrap();
    assert!(
        first.starts_with("connections: "),
        "failures are cured first: {first}"
    );
}

#[tokio::test]
async fn connections_and_lanes_of_the_service_itself_are_nobody_elses() {
    let server = PostgresServer::start().await.unwrap();
    // The server cuts off what is longer than 63 bytes.
    for name in ["shop", LONG_NAME] {
        let connect = |listed: &str| {
            let url = server.url();
            let options = ConnectOptions::parse(&url).unwrap();
            let options = options.application_name(listed);
            async move { Pool::open(options, PoolOptions::named("other")).await }
        };
        let lane = format!("{name}{LANE_SUFFIX}");
        let own = [connect(name).await.unwrap(), connect(&lane).await.unwrap()];
        let other = connect("somebody else").await.unwrap();
        let patient = Patient::of(&server.url()).with("LARDER_DATABASE__APPLICATION_NAME", name);
        let (report, _) = patient.examine(&[]);
        let seen = checks(&report, "connections")[0]["seen"].as_str().unwrap();
        assert!(seen.contains("and 1 of others"), "{name}: {seen}");
        for pool in own.into_iter().chain([other]) {
            pool.shutdown(Duration::from_secs(20)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_redis_that_is_away_is_a_warning() {
    let test = shop().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("redis://:secret-of-redis@127.0.0.1:{port}");
    let patient = Patient::of(test.url()).with("REDIS_URL", &url);
    let (report, _) = patient.examine(&[]);
    assert_state(&report, "redis", "warning");
    let seen = checks(&report, "redis")[0]["seen"].as_str().unwrap();
    assert!(seen.contains(&port.to_string()), "{seen}");
}

#[test]
fn settings_that_are_not_valid_fail_alone() {
    let patient =
        Patient::of("postgres://app:secret-of-app@db.example/shop").with("DB_POOL_SIZE", "none");
    let (report, code) = patient.examine(&[]);
    assert_eq!(code, 2);
    assert_state(&report, "settings", "failure");
    let settings = checks(&report, "settings")[0];
    assert!(
        settings["seen"].as_str().unwrap().contains("DB_POOL_SIZE"),
        "{settings}"
    );
    let all = report["checks"].as_array().unwrap();
    let others = all.iter().filter(|check| check["check"] != "settings");
    assert!(others.clone().all(|check| check["state"] == "skipped"));
    assert!(others.count() > 10);
}

#[tokio::test]
async fn the_report_is_saved_as_text_and_as_json() {
    let test = shop().await;
    let patient = Patient::of(test.url());
    let ended = patient.run(&["doctor", "--report", "doctor.txt"]);
    assert!(ended.stdout.contains("success rate"), "{ended:#?}");
    assert!(ended.stdout.contains("CHECK"), "{ended:#?}");
    let text = std::fs::read_to_string(patient.directory.path().join("doctor.txt")).unwrap();
    patient.assert_discreet(&text);
    for part in [
        "profile   dev",
        "success rate",
        "ok       login: ",
        "recommendations",
    ] {
        assert!(text.contains(part), "`{part}` is missing in {text}");
    }
    patient.run(&["doctor", "--report", "doctor.json"]);
    let json = std::fs::read_to_string(patient.directory.path().join("doctor.json")).unwrap();
    patient.assert_discreet(&json);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["profile"], "dev");
    assert_state(&json, "login", "ok");
    let nowhere = patient.run(&["doctor", "--report", "no/such/directory/doctor.txt"]);
    assert_eq!(nowhere.code, 1);
    assert!(
        nowhere.stderr.contains("failed to save the report"),
        "{nowhere:#?}"
    );
}
