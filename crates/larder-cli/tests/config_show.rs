//! `larder config show` as a user runs it, with an environment of its own.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const SECRET: &str = "hunter2";

/// Runs the program in an empty directory with these variables only.
fn larder(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let directory = TempDir::new().unwrap();
    larder_in(&directory, arguments, variables)
}

fn larder_in(directory: &TempDir, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_larder"))
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn prod() -> [(&'static str, &'static str); 4] {
    [
        ("LARDER_PROFILE", "prod"),
        (
            "DATABASE_URL",
            "postgresql://app:hunter2@db/shop?sslmode=require",
        ),
        ("REDIS_PASSWORD", "hunter2"),
        ("DB_POOL_SIZE", "3"),
    ]
}

#[test]
fn the_table_shows_every_value_with_its_source_and_the_notices() {
    let output = larder(&["config", "show"], &prod());
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0));
    for definition in larder_config::definitions() {
        assert!(text.contains(definition.key), "{}", definition.key);
    }
    let line = |key: &str| {
        text.lines()
            .find(|line| line.trim().starts_with(key))
            .unwrap()
    };
    assert!(line("database.url").contains("postgres://app:***@db/shop"));
    assert!(line("database.url").contains("environment variable DATABASE_URL"));
    assert!(line("pool.overflow").contains("built-in profile prod"));
    assert!(line("pool.size").contains("enforced by profile prod"));
    assert!(text.contains("notices"));
    assert!(text.contains("pool.size: raised from 3"));
    assert!(!text.contains(SECRET), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours into a pipe");
}

#[test]
fn json_holds_profile_file_settings_and_notices() {
    let directory = TempDir::new().unwrap();
    std::fs::write(
        directory.path().join("larder.toml"),
        "[default.pool]\nsize = 7\n",
    )
    .unwrap();
    let output = larder_in(
        &directory,
        &["config", "show", "--json"],
        &[("REDIS_URL", "redis://:hunter2@r")],
    );
    let text = stdout(&output);
    let page: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(page["profile"], "dev");
    assert_eq!(page["file"], "larder.toml");
    let size = &page["settings"]["pool.size"];
    assert_eq!(size["value"], 7);
    assert_eq!(size["source"], "larder.toml, section [default], line 2");
    assert_eq!(page["settings"]["database.url"]["value"], Value::Null);
    assert_eq!(page["notices"][0]["key"], "database.url");
    assert!(!text.contains(SECRET), "{text}");
}

#[test]
fn arguments_choose_profile_and_file() {
    let directory = TempDir::new().unwrap();
    std::fs::write(
        directory.path().join("other.toml"),
        "[test.pool]\nsize = 9\n",
    )
    .unwrap();
    let arguments = [
        "config",
        "show",
        "--profile",
        "testing",
        "--file",
        "other.toml",
        "--json",
    ];
    let output = larder_in(&directory, &arguments, &[("LARDER_PROFILE", "prod")]);
    let page: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(page["profile"], "test");
    assert_eq!(page["file"], "other.toml");
    assert_eq!(page["settings"]["pool.size"]["value"], 9);
}

#[test]
fn faults_go_to_standard_error_with_exit_code_2() {
    let variables = [
        ("LARDER_PROFILE", "prod"),
        ("DB_POOL_SIZE", "many"),
        ("LARDER_REDIS__ULR", "redis://:hunter2@r"),
        ("REDIS_URL", "amqp://:hunter2@r"),
    ];
    let output = larder(&["config", "show"], &variables);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    let text = stderr(&output);
    for part in [
        "error: failed to load the configuration of profile prod: 4 faults",
        "pool.size = \"many\"",
        "database.url",
        "redis.url = (hidden)",
        "did you mean `LARDER_REDIS__URL`?",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    assert!(!text.contains(SECRET), "{text}");

    let output = larder(&["config", "show", "--json"], &variables);
    assert_eq!(output.status.code(), Some(2));
    let text = stdout(&output);
    let page: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        page["error"],
        "failed to load the configuration of profile prod: 4 faults"
    );
    let faults = page["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 4);
    assert!(
        faults
            .iter()
            .any(|fault| fault["kind"] == "missing" && fault["key"] == "database.url")
    );
    assert!(!text.contains(SECRET), "{text}");
}

#[test]
fn help_has_examples_and_a_wrong_profile_is_refused() {
    let text = stdout(&larder(&["config", "show", "--help"], &[]));
    assert!(text.contains("Examples:") && text.contains("--profile prod"));
    let output = larder(&["config", "show", "--profile", "live"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("accepted are dev"));
}
