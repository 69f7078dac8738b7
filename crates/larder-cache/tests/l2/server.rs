//! Redis servers: the one of the test run, and private ones.

use std::net::TcpListener;
use std::process::{Command as Program, Stdio};
use std::time::Duration;

use larder_cache::l2::{Redis, RedisOptions, RedisServer};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// How long anything may take that is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The URL of the server that all tests share.
pub(crate) fn shared_url() -> String {
    std::env::var("LARDER_TEST_REDIS_URL").expect(
        "LARDER_TEST_REDIS_URL is not set: run the tests by `cargo xtask test`, which sets it",
    )
}

/// A key that no other test has.
pub(crate) fn key(name: &str) -> String {
    format!("larder-test:{name}:{:x}", fastrand::u64(..))
}

/// These options, with a deadline that a busy machine does not miss.
pub(crate) fn options(url: &str) -> RedisOptions {
    let mut options = RedisOptions::new(RedisServer::Single { url: url.into() });
    options.deadline = Duration::from_secs(2);
    options
}

/// An open one that is available.
pub(crate) async fn connected(options: RedisOptions) -> Redis {
    let redis = Redis::open(options).unwrap();
    until_available(&redis, true).await;
    redis
}

/// Waits until it is available, or is not.
pub(crate) async fn until_available(redis: &Redis, wanted: bool) {
    let (changed, mut changes) = watch::channel(());
    redis.on_change(move |_| changed.send_replace(()));
    let wait = async {
        while redis.is_available() != wanted {
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .unwrap_or_else(|_| panic!("it did not become available={wanted}: {redis:?}"));
}

/// Waits until this is so. For what nobody tells.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A server of one test. It ends with it.
pub(crate) struct Server {
    pub(crate) port: u16,
    arguments: Vec<String>,
    directory: TempDir,
    process: Option<Child>,
}

impl Server {
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let mut server = Self::prepared(free_port(), arguments);
        server.restart().await;
        server
    }

    /// One that is not started yet.
    pub(crate) fn prepared(port: u16, arguments: &[&str]) -> Self {
        Self {
            port,
            arguments: arguments.iter().map(|one| (*one).to_owned()).collect(),
            directory: TempDir::new().unwrap(),
            process: None,
        }
    }

    /// A Sentinel with this configuration.
    pub(crate) async fn start_sentinel(configuration: &str) -> Self {
        let mut server = Self::prepared(free_port(), &[]);
        let file = server.directory.path().join("sentinel.conf");
        std::fs::write(&file, configuration).unwrap();
        let file = file.to_str().unwrap().to_owned();
        server.arguments = vec![file, "--sentinel".to_owned()];
        server.restart().await;
        server
    }

    pub(crate) async fn restart(&mut self) {
        let mut command = Command::new("redis-server");
        let sentinel = self
            .arguments
            .last()
            .is_some_and(|last| last == "--sentinel");
        if sentinel {
            command.args(&self.arguments);
        }
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"]);
        if !sentinel {
            command.args(["--save", "", "--appendonly", "no"]);
            command.args(&self.arguments);
        }
        command.arg("--dir").arg(self.directory.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command.spawn().expect("redis-server is not installed");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut all = String::new();
        let ready = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                all.push_str(&line);
                if line.contains("Ready to accept connections") || line.contains("+monitor") {
                    return;
                }
            }
            panic!("redis-server ended: {all}");
        };
        tokio::time::timeout(PATIENCE, ready).await.unwrap();
        // Otherwise it would be stopped by a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        self.process = Some(process);
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) async fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().await.unwrap();
    }

    /// Stops it from doing anything, without its connections noticing.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.process.as_ref().and_then(Child::id).unwrap();
        let status = Program::new("kill")
            .args([signal, &process.to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    /// What `redis-cli` prints.
    pub(crate) fn cli(&self, arguments: &[&str]) -> String {
        let mut program = Program::new("redis-cli");
        program.args(["-p", &self.port.to_string()]).args(arguments);
        let output = program.output().expect("redis-cli is not installed");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}
