//! The demo as a process of its own, on a database of the test's.

use std::process::Stdio;

use larder::services::MIGRATIONS;
use larder_testing::TestDatabase;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::PATIENCE;

/// A running demo. Dropped, it is killed.
pub(crate) struct Demo {
    address: String,
    /// Who may write reviews, as the invitation says.
    pub(crate) guest: i64,
    pub(crate) client: reqwest::Client,
    _process: Child,
    _directory: tempfile::TempDir,
    _database: TestDatabase,
}

impl Demo {
    /// Starts it with these settings, and returns once it serves.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let database = TestDatabase::create(MIGRATIONS).await.unwrap();
        // No larder.toml there.
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_restaurant-demo"));
        command
            .args(["--port", "0", "--json", "--generate", "300"])
            .current_dir(directory.path())
            .env_clear()
            .env("DATABASE_URL", database.url())
            // After the first check nothing but requests shall use the database.
            .env("LARDER_HEALTH__CHECK_INTERVAL", "1h")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let stderr = process.stderr.take().unwrap();
        let invitation = tokio::time::timeout(PATIENCE, invitation(BufReader::new(stderr)));
        let invitation = invitation.await.unwrap();
        Self {
            address: between(&invitation, "Serving   http://", " ").to_owned(),
            guest: between(&invitation, "\"user_id\": ", ",").parse().unwrap(),
            client: reqwest::Client::builder()
                .timeout(PATIENCE)
                .build()
                .unwrap(),
            _process: process,
            _directory: directory,
            _database: database,
        }
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What Larder says of itself.
    pub(crate) async fn statistics(&self) -> Value {
        self.json("/statistics").await
    }

    /// What it shows to Prometheus.
    pub(crate) async fn page(&self) -> String {
        let answer = self.client.get(self.url("/metrics")).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        answer.text().await.unwrap()
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.client.get(self.url(path)).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        answer.json().await.unwrap()
    }
}

/// What it says until it serves; what it says afterwards is read, and dropped.
async fn invitation(mut stderr: BufReader<tokio::process::ChildStderr>) -> String {
    let mut said = String::new();
    while !said.contains("\"user_id\"") {
        let read = stderr.read_line(&mut said).await.unwrap();
        assert!(read > 0, "the demo ended: {said}");
    }
    tokio::spawn(async move {
        let mut line = String::new();
        while stderr.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            line.clear();
        }
    });
    said
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{text}"));
    rest.split(after).next().unwrap()
}
