//! A real Prometheus, with the rules of `ops/`, and what it answers.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};

use crate::PATIENCE;

/// A running Prometheus. Dropped, it is killed.
pub(crate) struct Prometheus {
    url: String,
    client: reqwest::Client,
    _process: Child,
    _directory: tempfile::TempDir,
}

impl Prometheus {
    /// Starts one that scrapes this address each second.
    pub(crate) async fn watching(address: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let configuration = directory.path().join("prometheus.yml");
        std::fs::write(&configuration, configure(address)).unwrap();
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .build()
            .unwrap();
        // Between finding a free port and using it somebody else may take it: then another.
        for _ in 0..5 {
            let port = free_port();
            let mut process = start(&configuration, directory.path(), port);
            let url = format!("http://127.0.0.1:{port}");
            if is_ready(&client, &url, &mut process).await {
                return Self {
                    url,
                    client,
                    _process: process,
                    _directory: directory,
                };
            }
        }
        panic!("failed to start Prometheus on a free port");
    }

    /// The value of an expression that has one; none if it has nothing.
    pub(crate) async fn find(&self, expression: &str) -> Option<f64> {
        let answer = self.get("/api/v1/query", &[("query", expression)]).await;
        let result = answer["data"]["result"].as_array().unwrap();
        assert!(result.len() <= 1, "{expression} has several: {answer}");
        let value = result.first()?["value"][1].as_str().unwrap();
        Some(value.parse().unwrap())
    }

    /// The value of an expression that has exactly one.
    pub(crate) async fn number(&self, expression: &str) -> f64 {
        let found = self.find(expression).await;
        found.unwrap_or_else(|| panic!("{expression} has nothing"))
    }

    /// Waits for a scrape that began after this time, in seconds since 1970.
    pub(crate) async fn scraped_after(&self, time: f64) {
        let waiting = async {
            while self
                .find("timestamp(up)")
                .await
                .is_none_or(|last| last <= time)
            {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    }

    /// Every rule of `ops/` was evaluated, and without an error.
    pub(crate) async fn check_rules(&self) {
        let answer = self.get("/api/v1/rules", &[]).await;
        let groups = answer["data"]["groups"].as_array().unwrap().iter();
        let rules: Vec<&Value> = groups
            .flat_map(|group| group["rules"].as_array().unwrap())
            .collect();
        assert!(rules.len() >= 20, "{answer}");
        for rule in rules {
            assert_eq!(rule["health"], "ok", "{rule}");
        }
    }

    async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let request = self.client.get(format!("{}{path}", self.url));
        let answer = request.query(parameters).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["status"], "success", "{answer}");
        answer
    }
}

/// As `ops/prometheus/prometheus.yml`, but for the times.
fn configure(address: &str) -> String {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ops/prometheus");
    let rules = rules.canonicalize().unwrap();
    format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: ['{}/*.rules.yml']\n\
         scrape_configs:\n\
         - job_name: larder\n  \
           static_configs: [{{targets: ['{address}']}}]\n",
        rules.display()
    )
}

fn start(configuration: &Path, directory: &Path, port: u16) -> Child {
    let log = std::fs::File::create(directory.join("log")).unwrap();
    Command::new("prometheus")
        .arg(format!("--config.file={}", configuration.display()))
        .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| {
            panic!("failed to start prometheus: {error}; install it (apt-get install prometheus, brew install prometheus)")
        })
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Whether it says that it is ready, before it ends.
async fn is_ready(client: &reqwest::Client, url: &str, process: &mut Child) -> bool {
    let asking = async {
        while process.try_wait().unwrap().is_none() {
            let answer = client.get(format!("{url}/-/ready")).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap()
}
