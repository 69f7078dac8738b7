//! A process of the operating system beside that of the tests, that can be stopped and killed.

use std::io::{BufRead, Write};
use std::process::Stdio;
use std::time::Duration;

use larder_database::{Database, DatabaseOptions, Hints};
use larder_testing::TestDatabase;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;

use super::redis_server::signal;
use super::{POLL, keep, redis_options, try_total, until};
use crate::support::PATIENCE;

/// Tells a process of this program that it is one, and what it works on.
const VARIABLE: &str = "LARDER_TEST_HELPER";

/// What its answers begin with, among what else the program prints.
const ANSWER: &str = "larder: ";

#[derive(Serialize, Deserialize)]
struct Task {
    url: String,
    redis: Option<String>,
    namespace: String,
    bound: Duration,
}

/// Another process on the database of a test.
pub(super) struct Helper {
    process: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Helper {
    pub(super) async fn start(
        test: &TestDatabase,
        redis: Option<(&str, &str)>,
        bound: Duration,
    ) -> Self {
        let task = Task {
            url: test.url().to_owned(),
            redis: redis.map(|(url, _)| url.to_owned()),
            namespace: redis
                .map(|(_, namespace)| namespace.to_owned())
                .unwrap_or_default(),
            bound,
        };
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "fleet::helper::another_process_reads_and_writes_as_it_is_told",
                "--nocapture",
            ])
            .env(VARIABLE, serde_json::to_string(&task).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let commands = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut helper = Self {
            process,
            commands,
            answers,
        };
        assert_eq!(helper.answer().await, "ready");
        helper
    }

    /// Sends a command without waiting for its answer.
    pub(super) async fn send(&mut self, command: &str) {
        let line = format!("{command}\n");
        self.commands.write_all(line.as_bytes()).await.unwrap();
        self.commands.flush().await.unwrap();
    }

    pub(super) async fn answer(&mut self) -> String {
        let answer = async {
            while let Some(line) = self.answers.next_line().await.unwrap() {
                // The program may have begun the line.
                if let Some((_, answer)) = line.split_once(ANSWER) {
                    return answer.to_owned();
                }
            }
            panic!("the other process has ended");
        };
        tokio::time::timeout(PATIENCE, answer).await.unwrap()
    }

    pub(super) async fn ask(&mut self, command: &str) -> String {
        self.send(command).await;
        self.answer().await
    }

    /// Reads the total through its cache.
    pub(super) async fn total(&mut self) -> i64 {
        self.ask("total").await.parse().unwrap()
    }

    /// Stops it from doing anything.
    pub(super) async fn stop(&self) {
        signal(Some(&self.process), "-STOP");
        let state = format!("/proc/{}/stat", self.process.id().unwrap());
        until("it is stopped", async || {
            let state = std::fs::read_to_string(&state).unwrap();
            state
                .rsplit(')')
                .next()
                .unwrap()
                .trim_start()
                .starts_with('T')
        })
        .await;
    }

    pub(super) fn resume(&self) {
        signal(Some(&self.process), "-CONT");
    }

    pub(super) async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }
}

/// A test as others are; the process that it starts finds that it is one, and does as it is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_reads_and_writes_as_it_is_told() {
    if let Ok(task) = std::env::var(VARIABLE) {
        return serve(serde_json::from_str(&task).unwrap()).await;
    }
    let test = crate::support::accounts().await;
    let mut other = Helper::start(&test, None, super::BOUND).await;
    assert_eq!(other.total().await, super::TOTAL);
    assert_eq!(
        other.ask("write UPDATE accounts SET balance = 7").await,
        "written"
    );
    assert_eq!(other.total().await, 14);
    assert_eq!(other.ask("sing").await, "failed to read the command");
}

async fn serve(task: Task) {
    let db = open(task).await;
    let (commands, mut queue) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let sent = commands.send(line.unwrap());
            if sent.is_err() {
                return;
            }
        }
    });
    tell("ready");
    // Ends with whoever started it.
    while let Some(command) = queue.recv().await {
        tell(&obey(&db, &command).await);
    }
}

fn tell(answer: &str) {
    let mut output = std::io::stdout();
    writeln!(output, "\n{ANSWER}{answer}").unwrap();
    output.flush().unwrap();
}

async fn obey(db: &Database, command: &str) -> String {
    let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
    match verb {
        "keep" => keep(db).await.to_string(),
        "total" => match try_total(db).await {
            Ok(total) => total.to_string(),
            Err(error) => format!("failed to {error}"),
        },
        "write" => match db.sql(rest).execute().await {
            Ok(_) => "written".to_owned(),
            Err(error) => format!("failed to {error}"),
        },
        // Writes in a transaction, and stays before its end.
        "begin" => {
            let transaction = db.transaction(async |conn| {
                larder_database::sql(rest).execute_on(conn).await?;
                tell("begun");
                std::future::pending::<Result<(), larder_database::Error>>().await
            });
            format!("{:?}", transaction.await)
        }
        _ => "failed to read the command".to_owned(),
    }
}

async fn open(task: Task) -> Database {
    let mut options = DatabaseOptions::from_url(&task.url).unwrap();
    options.pool.size = 2;
    options.pool.overflow = 0;
    options.cache.max_staleness = task.bound;
    options.cache.poll_interval = POLL;
    options.cache.hints = Hints::Off;
    options.cache.early_refresh = 0.0;
    options.cache.jitter = 0.0;
    options.cache.namespace = task.namespace;
    options.redis = task.redis.as_deref().map(redis_options);
    Database::open(options).await.unwrap()
}
