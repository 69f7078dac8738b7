//! What the database sees of a process that is killed under load and started again, and what its
//! first readers wait.

mod load;
mod process;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use larder_database::Database;
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;

pub(crate) use self::process::process;
use self::process::{Did, TOLD, Told};
use crate::error::{Error, Result};
use crate::outcome::{Latencies, Latency, Restart, Restarts};
use crate::private_redis::PrivateRedis;
use crate::race::Effort;
use crate::report::Report;

/// By this the server knows the process.
const APPLICATION: &str = "larder-bench-warm";

/// Other work on the machine is not to end the lease.
const MAX_STALENESS: Duration = Duration::from_secs(30);

/// What is looked at after the start, its connecting included.
const PERIOD: Duration = Duration::from_secs(10);

/// Ways to start.
const WAYS: [Way; 3] = [
    Way {
        name: "cold",
        label: "without a second tier",
        redis: false,
        warm: false,
    },
    Way {
        name: "redis",
        label: "with Redis, cache.warm = false",
        redis: true,
        warm: false,
    },
    Way {
        name: "warm",
        label: "with Redis and warming",
        redis: true,
        warm: true,
    },
];

struct Way {
    name: &'static str,
    label: &'static str,
    redis: bool,
    warm: bool,
}

/// Sums over rounds.
#[derive(Default)]
struct Sums {
    rounds: f64,
    reads: f64,
    queries: f64,
    due_to_writes: f64,
    scans: f64,
    from_redis: f64,
    from_reserve: f64,
    failed: u64,
    early: Vec<Duration>,
}

impl Sums {
    fn add(&mut self, did: &Did, scans: i64) {
        self.rounds += 1.0;
        self.reads += did.reads as f64;
        self.queries += did.queries as f64;
        self.due_to_writes += did.due_to_writes as f64;
        self.scans += scans as f64;
        self.from_redis += did.from_redis as f64;
        self.from_reserve += did.from_reserve as f64;
        self.failed += did.failed;
        let micros = |time: &u32| Duration::from_micros(u64::from(*time));
        self.early.extend(did.early.iter().map(micros));
    }
}

/// Measures everything.
pub(crate) async fn run(effort: Effort) -> Result<Report> {
    let began = Instant::now();
    let test = TestDatabase::create(MIGRATIONS).await?;
    load::fill(test.database()).await?;
    let before = Duration::from_secs(effort.choose(37, 10));
    let rounds = effort.choose(3, 1);
    let mut sums = [Sums::default(), Sums::default(), Sums::default()];
    for _ in 0..rounds {
        for (way, sums) in WAYS.iter().zip(&mut sums) {
            let redis = PrivateRedis::start().await?;
            let (did, scans) = restart(&test, &redis, way, before).await?;
            eprintln!("{}: {}", way.name, did.by_class());
            sums.add(&did, scans);
        }
    }
    let mut report = Report::new("warm", effort, test.database(), began, Vec::new());
    report.restarts.push(restarts(&sums, before));
    report.latencies.push(early(sums));
    Ok(report)
}

/// Kills a process under load, starts it again, and gives what the new one did and what the server
/// saw of it.
async fn restart(
    test: &TestDatabase,
    redis: &PrivateRedis,
    way: &Way,
    before: Duration,
) -> Result<(Did, i64)> {
    let db = test.database();
    let told = |period: Duration, reads_all: bool| Told {
        database: test.url().to_owned(),
        redis: way.redis.then(|| redis.url()),
        namespace: "bench".to_owned(),
        warm: way.warm,
        reads_all,
        seconds: period.as_secs_f64(),
    };
    // It is killed while it works, after it has all that one has that has run for long.
    let mut first = Process::start(&told(2 * before, true))?;
    first.says().await?;
    tokio::time::sleep(before).await;
    drop(first);
    until_it_has_gone(db).await?;
    let scans = scans(db).await?;
    let mut second = Process::start(&told(PERIOD, false))?;
    let did = second.says().await?;
    drop(second);
    // Connections that end tell all that they have counted.
    until_it_has_gone(db).await?;
    Ok((did, self::scans(db).await? - scans))
}

/// A process of its own, killed when this is dropped.
struct Process(Child);

impl Process {
    fn start(told: &Told) -> Result<Self> {
        let failed = |error: &dyn std::fmt::Display| Error::Process(error.to_string());
        let program = std::env::current_exe().map_err(|error| failed(&error))?;
        let told = serde_json::to_string(told).map_err(|error| failed(&error))?;
        let child = Command::new(program)
            .arg("warm-process")
            .env(TOLD, told)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&error))?;
        Ok(Self(child))
    }

    /// Waits until it says what it has done.
    async fn says(&mut self) -> Result<Did> {
        let out = self.0.stdout.take();
        let out = out.ok_or_else(|| Error::Process("it says nothing".to_owned()))?;
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(out).read_line(&mut line).map(|_| line)
        });
        let line = line.await.map_err(|_| Error::Panicked)??;
        serde_json::from_str(&line).map_err(|_| Error::Process("it ended early".to_owned()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // As a crash does, or whoever loses patience with it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until the server has noticed that a process was killed.
async fn until_it_has_gone(db: &Database) -> Result<()> {
    const PATIENCE: Duration = Duration::from_secs(30);
    let began = Instant::now();
    loop {
        let query = db.sql(
            "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE application_name = :name \
                AND datname = current_database()",
        );
        let left: i64 = query.bind("name", APPLICATION).fetch_scalar().await?;
        if left == 0 {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(Error::Process(
                "the server still has its connections".to_owned(),
            ));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// How often the tables were scanned, by an index or as a whole.
async fn scans(db: &Database) -> Result<i64> {
    // What this session has looked at before it would see again.
    db.sql("SELECT pg_catalog.pg_stat_clear_snapshot()::text")
        .execute()
        .await
        .ok();
    let query = "SELECT coalesce(sum(seq_scan + idx_scan), 0)::bigint \
        FROM pg_catalog.pg_stat_user_tables WHERE relname IN ('dishes', 'restaurants', 'visits')";
    Ok(db.sql(query).fetch_scalar().await?)
}

fn restarts(sums: &[Sums], before: Duration) -> Restarts {
    let cold = sums
        .first()
        .map_or(f64::NAN, |sums| sums.queries / sums.rounds);
    let rows: Vec<Restart> = WAYS
        .iter()
        .zip(sums)
        .map(|(way, sums)| Restart {
            name: way.name,
            label: way.label.to_owned(),
            reads: sums.reads / sums.rounds,
            queries: sums.queries / sums.rounds,
            due_to_writes: sums.due_to_writes / sums.rounds,
            scans: sums.scans / sums.rounds,
            from_redis: sums.from_redis / sums.rounds,
            from_reserve: sums.from_reserve / sums.rounds,
            percent: 100.0 * sums.queries / sums.rounds / cold,
        })
        .collect();
    let is_met = rows
        .iter()
        .all(|row| row.name != "warm" || row.percent <= 10.0);
    let failed: u64 = sums.iter().map(|sums| sums.failed).sum();
    Restarts {
        title: format!("In the first {} s after a restart", PERIOD.as_secs()),
        notes: vec![
            format!(
                "goal ≤ a tenth of the queries without warming: {}; {failed} reads and writes failed",
                if is_met { "met" } else { "missed" }
            ),
            format!(
                "{} clients, each reading every {} ms: 70 % one of {} dishes by its primary key, 29 % \
                 the 20 restaurants of a city, by Zipf's law (exponent {}), and 1 % the number of \
                 visits to a city. {} writes a second: nine in ten change one dish, one adds a visit, \
                 which makes all such numbers wrong.",
                load::CLIENTS,
                load::EVERY.as_millis(),
                load::KEYS,
                load::SKEW,
                1_000 / load::WRITE_EVERY.as_millis(),
            ),
            format!(
                "The first process reads everything once, so that it has what one has that has run \
                 for long, works for {} s and is killed; what is counted begins with the start of \
                 the second one. There is room for all in its first tier. Queries are counted in \
                 the process, scans of the three tables, those of writes too, by the server. Means \
                 of {:.0} rounds.",
                before.as_secs(),
                sums.first().map_or(0.0, |sums| sums.rounds),
            ),
        ],
        rows,
    }
}

/// What the first readers waited.
fn early(sums: [Sums; 3]) -> Latencies {
    let rows = WAYS.iter().zip(sums).map(|(way, sums)| {
        // Those that failed are told with the queries.
        Latency::of_times(way.name, way.label, sums.early, sums.failed)
    });
    Latencies {
        title: "Reads in the first second".to_owned(),
        rows: rows.collect(),
        notes: vec!["from the first read of the second process on, of all rounds".to_owned()],
    }
}
