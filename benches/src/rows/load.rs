//! What is read and written: rows of one table, each by its primary key.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use larder_database::{Database, sql};
use tokio::task::JoinSet;

use crate::error::{Error, Result};

/// Rows, each of which is read by its key.
pub(super) const ROWS: u32 = 100_000;

/// One operation in so many is a write.
pub(super) const WRITE_EVERY: u32 = 20;

/// The row of rank n is asked for in proportion to 1 / n^SKEW.
pub(super) const SKEW: f64 = 0.99;

/// Tasks that read and write at the same time.
pub(super) const CLIENTS: u32 = 4;

/// Longer than a run.
const TTL: Duration = Duration::from_secs(3_600);

/// Seeds of what begins a run, and of what counts: the same in every run, and for all that are
/// compared.
pub(super) const SEEDS: [u64; 2] = [0x5eed, 0xcafe];

const TABLE: &str =
    "CREATE TABLE items (id bigint PRIMARY KEY, name text NOT NULL, price integer NOT NULL)";

const FILL: &str = "INSERT INTO items \
    SELECT n, 'Item number ' || n, n % 1000 FROM generate_series(1, :rows) AS n";

diesel::table! {
    /// What is read and written.
    items (id) {
        id -> BigInt,
        name -> Text,
        price -> Integer,
    }
}

#[derive(Queryable)]
#[expect(dead_code, reason = "what is read is not looked at")]
struct Item {
    id: i64,
    name: String,
    price: i32,
}

/// Which rows are asked for how often, and written as often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    Zipf,
    Uniform,
}

/// One operation on the row of this key.
#[derive(Debug, Clone, Copy)]
enum Operation {
    Read(i64),
    Write(i64),
}

/// Operations in the order of each client.
pub(super) struct Load(Vec<Arc<[Operation]>>);

/// What a load did.
pub(super) struct Done {
    pub(super) reads: u64,
    pub(super) writes: u64,
    pub(super) times: Vec<Duration>,
}

impl Load {
    pub(super) fn new(choice: Choice, operations: u32, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let skew = Skew::new();
        let mut client = |_| {
            let operation = |_| {
                let key = match choice {
                    // Neighbours are not alike hot.
                    Choice::Zipf => skew.draw(&mut random) * 7_919 % u64::from(ROWS) + 1,
                    Choice::Uniform => random.u64(1..=u64::from(ROWS)),
                };
                let key = key as i64;
                match random.u32(..WRITE_EVERY) {
                    0 => Operation::Write(key),
                    _ => Operation::Read(key),
                }
            };
            (0..operations / CLIENTS).map(operation).collect()
        };
        Self((0..CLIENTS).map(&mut client).collect())
    }

    /// Runs it.
    pub(super) async fn run(&self, db: &Database) -> Result<Done> {
        let mut clients = JoinSet::new();
        for operations in &self.0 {
            clients.spawn(run(db.clone(), Arc::clone(operations)));
        }
        let mut all = Done {
            reads: 0,
            writes: 0,
            times: Vec::new(),
        };
        while let Some(done) = clients.join_next().await {
            let done = done.map_err(|_| Error::Panicked)??;
            all.reads += done.reads;
            all.writes += done.writes;
            all.times.extend(done.times);
        }
        Ok(all)
    }
}

async fn run(db: Database, operations: Arc<[Operation]>) -> Result<Done> {
    let mut times = Vec::with_capacity(operations.len());
    let mut writes = 0;
    for (turn, operation) in operations.iter().enumerate() {
        match *operation {
            Operation::Read(key) => {
                let began = Instant::now();
                read(&db, key).await?;
                times.push(began.elapsed());
            }
            Operation::Write(key) => {
                write(&db, key).await?;
                writes += 1;
            }
        }
        if turn % 256 == 0 {
            // Ctrl-C is noticed here.
            tokio::task::yield_now().await;
        }
    }
    Ok(Done {
        reads: times.len() as u64,
        writes,
        times,
    })
}

async fn read(db: &Database, key: i64) -> Result<()> {
    let read = db.cached(items::table.find(key)).ttl(TTL);
    black_box(read.first::<Item>().await?);
    Ok(())
}

async fn write(db: &Database, key: i64) -> Result<()> {
    let update = sql("UPDATE items SET price = (price + 1) % 1000 WHERE id = :key");
    let mut session = db.session().await?;
    update.bind("key", key).execute_on(&mut session).await?;
    Ok(())
}

/// Makes the table.
pub(super) async fn make(db: &Database) -> Result<()> {
    db.sql(TABLE).execute().await?;
    let fill = db.sql(FILL).bind("rows", i64::from(ROWS));
    fill.execute().await?;
    db.sql("VACUUM ANALYZE items").execute().await?;
    Ok(())
}

/// Reads every row once.
pub(super) async fn read_all(db: &Database) -> Result<()> {
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let db = db.clone();
        clients.spawn(async move {
            for key in (1..=ROWS).skip(client as usize).step_by(CLIENTS as usize) {
                read(&db, i64::from(key)).await?;
            }
            Ok::<_, Error>(())
        });
    }
    while let Some(done) = clients.join_next().await {
        done.map_err(|_| Error::Panicked)??;
    }
    Ok(())
}

/// Who asks for what how often.
struct Skew {
    sums: Vec<f64>,
}

impl Skew {
    fn new() -> Self {
        let mut sum = 0.0;
        let sums = (1..=ROWS).map(|rank| {
            sum += f64::from(rank).powf(-SKEW);
            sum
        });
        Self {
            sums: sums.collect(),
        }
    }

    /// A rank, from 0.
    fn draw(&self, random: &mut fastrand::Rng) -> u64 {
        let place = random.f64() * self.sums.last().copied().unwrap_or_default();
        let rank = self.sums.partition_point(|upto| *upto <= place);
        (rank as u64).min(u64::from(ROWS) - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn counts(choice: Choice) -> (u32, HashMap<i64, u32>) {
        let (mut writes, mut counts) = (0, HashMap::new());
        let load = Load::new(choice, 100_000, 1);
        for operation in load.0.iter().flat_map(|all| &**all) {
            let (Operation::Read(key) | Operation::Write(key)) = operation;
            writes += u32::from(matches!(operation, Operation::Write(_)));
            *counts.entry(*key).or_default() += 1;
        }
        (writes, counts)
    }

    #[test]
    fn one_in_twenty_is_a_write_and_every_key_has_a_row() {
        for choice in [Choice::Zipf, Choice::Uniform] {
            let (writes, counts) = counts(choice);
            assert!((4_500..5_500).contains(&writes), "{writes}");
            let is_key = |key: &i64| (1..=i64::from(ROWS)).contains(key);
            assert!(counts.keys().all(is_key));
        }
    }

    #[test]
    fn one_row_is_hot_by_zipf_and_none_otherwise() {
        let hottest = |choice| counts(choice).1.into_values().max().unwrap();
        // 1 / 12.8 of all.
        let zipf = hottest(Choice::Zipf);
        assert!((7_000..9_000).contains(&zipf), "{zipf}");
        assert!(hottest(Choice::Uniform) < 20);
    }
}
