//! Redis servers of single tests, and what stands in them.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command as Program, Stdio};

use redis::aio::MultiplexedConnection;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::PATIENCE;

/// A server of one test. It ends with it.
pub(super) struct Server {
    port: u16,
    directory: TempDir,
    process: Option<Child>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut server = Self {
            port,
            directory: TempDir::new().unwrap(),
            process: None,
        };
        server.restart().await;
        server
    }

    /// Starts it with what its snapshot holds, if it has one.
    pub(super) async fn restart(&mut self) {
        let port = self.port.to_string();
        let mut process = Command::new("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("redis-server is not installed");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.contains("Ready to accept connections") {
                    return;
                }
            }
            panic!("redis-server ended");
        };
        tokio::time::timeout(PATIENCE, ready).await.unwrap();
        // Otherwise it would be stopped by a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        self.process = Some(process);
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(super) async fn kill(&mut self) {
        self.process.take().unwrap().kill().await.unwrap();
    }

    /// Writes what it holds to its directory.
    pub(super) async fn save(&self) {
        let mut connection = connect(&self.url()).await;
        let saved: String = redis::cmd("SAVE")
            .query_async(&mut connection)
            .await
            .unwrap();
        assert_eq!(saved, "OK");
        assert!(self.snapshot().exists());
    }

    fn snapshot(&self) -> PathBuf {
        self.directory.path().join("dump.rdb")
    }

    /// Follows another server, until it has all that is there.
    pub(super) async fn replicate(&self, of: &Self) {
        let mut connection = connect(&self.url()).await;
        self.replica_of(&mut connection, "127.0.0.1", &of.port.to_string())
            .await;
        super::until("the replica has everything", async || {
            let info: String = redis::cmd("INFO")
                .arg("replication")
                .query_async(&mut connection)
                .await
                .unwrap();
            info.contains("master_link_status:up") && info.contains("master_sync_in_progress:0")
        })
        .await;
    }

    /// Becomes a master, with what it has.
    pub(super) async fn promote(&self) {
        let mut connection = connect(&self.url()).await;
        self.replica_of(&mut connection, "NO", "ONE").await;
    }

    async fn replica_of(&self, connection: &mut MultiplexedConnection, host: &str, port: &str) {
        let mut command = redis::cmd("REPLICAOF");
        let done: String = command
            .arg(host)
            .arg(port)
            .query_async(connection)
            .await
            .unwrap();
        assert!(done.starts_with("OK"), "{done}");
    }

    /// Stops it from doing anything, without its connections noticing.
    pub(super) fn pause(&self) {
        signal(self.process.as_ref(), "-STOP");
    }

    pub(super) fn resume(&self) {
        signal(self.process.as_ref(), "-CONT");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A stopped process does not end before it is continued.
        if let Some(process) = self.process.as_mut() {
            let _ = process.start_kill();
        }
    }
}

/// Sends a signal to a process.
pub(super) fn signal(process: Option<&Child>, signal: &str) {
    let process = process.and_then(Child::id).unwrap();
    let status = Program::new("kill")
        .args([signal, &process.to_string()])
        .status();
    assert!(status.unwrap().success());
}

pub(super) async fn connect(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// The values that stand in Redis in one namespace.
pub(super) struct Values {
    url: String,
    values: Vec<(String, Vec<u8>)>,
}

impl Values {
    /// What stands there now.
    pub(super) async fn of(url: &str, namespace: &str) -> Self {
        let mut connection = connect(url).await;
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg(format!("larder:{namespace}:*"))
            .query_async(&mut connection)
            .await
            .unwrap();
        let mut values = Vec::new();
        // What the hottest keys are is no result.
        for key in keys.into_iter().filter(|key| !key.contains(":hot:")) {
            let (value, life): (Option<Vec<u8>>, i64) = redis::pipe()
                .get(&key)
                .pttl(&key)
                .query_async(&mut connection)
                .await
                .unwrap();
            // Those of `ask_redis` are about to go.
            let value = value.filter(|_| life > 1_000);
            values.extend(value.map(|value| (key, value)));
        }
        Self {
            url: url.to_owned(),
            values,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &[u8])> {
        let values = self.values.iter();
        values.map(|(key, value)| (key.as_str(), value.as_slice()))
    }

    /// Writes them as they were.
    pub(super) async fn put_back(&self) {
        self.replace(|_, value| value.to_vec()).await;
    }

    /// Writes something else in place of each.
    pub(super) async fn replace(&self, mut other: impl FnMut(usize, &[u8]) -> Vec<u8>) {
        let mut connection = connect(&self.url).await;
        for (n, (key, value)) in self.values.iter().enumerate() {
            let mut command = redis::cmd("SET");
            command.arg(key).arg(other(n, value));
            // As if they had just been written; see `LONG`.
            command.arg("PX").arg(super::LONG.as_millis() as u64);
            command.exec_async(&mut connection).await.unwrap();
        }
    }
}
