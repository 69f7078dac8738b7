//! What row precision is worth: point reads and writes of rows by their primary keys, with it and
//! without.

mod load;

use std::time::{Duration, Instant};

use larder_database::{CacheMode, Database, DatabaseOptions};
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;

use self::load::{CLIENTS, Choice, Load, ROWS, SEEDS, SKEW, WRITE_EVERY};
use crate::error::Result;
use crate::outcome::{RowLoad, RowLoads};
use crate::race::Effort;
use crate::report::Report;

/// Other work on the machine is not to end the lease.
const MAX_STALENESS: Duration = Duration::from_secs(30);

/// The bound of heat as it is set up by default.
const HOT_WRITES: u32 = 100;

/// What is compared with and without row precision.
struct Setting {
    title: &'static str,
    mode: CacheMode,
    /// From how many writes a second on a table is not kept; 0 for never.
    hot_writes: u32,
    is_quick: bool,
    choices: &'static [Kind],
}

/// A load, and what its figures with and without row precision are called.
struct Kind {
    choice: Choice,
    label: &'static str,
    names: [&'static str; 2],
}

const SETTINGS: [Setting; 3] = [
    Setting {
        title: "Mode shared, no table counts as hot",
        mode: CacheMode::Shared,
        hot_writes: 0,
        is_quick: true,
        choices: &[
            Kind {
                choice: Choice::Zipf,
                label: "Zipf",
                names: ["shared_zipf_rows", "shared_zipf_tables"],
            },
            Kind {
                choice: Choice::Uniform,
                label: "uniform",
                names: ["shared_uniform_rows", "shared_uniform_tables"],
            },
        ],
    },
    Setting {
        title: "Mode local, no table counts as hot",
        mode: CacheMode::Local,
        hot_writes: 0,
        is_quick: false,
        choices: &[
            Kind {
                choice: Choice::Zipf,
                label: "Zipf",
                names: ["local_zipf_rows", "local_zipf_tables"],
            },
            Kind {
                choice: Choice::Uniform,
                label: "uniform",
                names: ["local_uniform_rows", "local_uniform_tables"],
            },
        ],
    },
    Setting {
        title: "Mode shared, cache.hot_writes as by default",
        mode: CacheMode::Shared,
        hot_writes: HOT_WRITES,
        is_quick: true,
        choices: &[Kind {
            choice: Choice::Zipf,
            label: "Zipf",
            names: ["heat_zipf_rows", "heat_zipf_tables"],
        }],
    },
];

/// Measures everything.
pub(crate) async fn run(effort: Effort) -> Result<Report> {
    let began = Instant::now();
    let operations = effort.choose(200_000, 20_000);
    // Each has a database of its own: in mode local nobody hears of the other's writes.
    let tests = [
        TestDatabase::create(MIGRATIONS).await?,
        TestDatabase::create(MIGRATIONS).await?,
    ];
    for test in &tests {
        load::make(test.database()).await?;
    }
    let [first, _] = &tests;
    let mut tables = Vec::new();
    for setting in &SETTINGS {
        if effort == Effort::Full || setting.is_quick {
            tables.push(compare(&tests, setting, operations).await?);
        }
    }
    if let Some(last) = tables.last_mut() {
        last.notes.push(how(operations));
    }
    let mut report = Report::new("rows", effort, first.database(), began, Vec::new());
    report.row_loads = tables;
    Ok(report)
}

async fn compare(
    tests: &[TestDatabase; 2],
    setting: &Setting,
    operations: u32,
) -> Result<RowLoads> {
    let [rows, tables] = tests;
    let rows = open(rows, setting, true).await?;
    let tables = open(tables, setting, false).await?;
    let mut figures = Vec::new();
    for kind in setting.choices {
        let loads = SEEDS.map(|seed| Load::new(kind.choice, operations, seed));
        let [name, name_without] = kind.names;
        let mut with = measure(&rows, &loads, name, kind.label, "rows").await?;
        let without = measure(&tables, &loads, name_without, kind.label, "tables").await?;
        with.ratio = (without.percent > 0.0).then(|| with.percent / without.percent);
        figures.extend([with, without]);
    }
    Ok(RowLoads {
        title: setting.title,
        rows: figures,
        notes: Vec::new(),
    })
}

async fn measure(
    db: &Database,
    [beginning, load]: &[Load; 2],
    name: &'static str,
    choice: &str,
    counts_for: &str,
) -> Result<RowLoad> {
    // Both begin with every row in the cache, and are looked at after a while.
    load::read_all(db).await?;
    beginning.run(db).await?;
    let before = db.cache_statistics();
    let done = load.run(db).await?;
    let after = db.cache_statistics();
    let invalidations = |statistics: &larder_cache::CacheStatistics| {
        let counts = statistics.invalidations.values();
        counts.sum::<u64>()
    };
    Ok(RowLoad::new(
        name,
        format!("{choice}, writes count for their {counts_for}"),
        done.times,
        after.hits - before.hits,
        done.writes,
        invalidations(&after) - invalidations(&before),
    )
    .evicted(after.evictions - before.evictions))
}

async fn open(test: &TestDatabase, setting: &Setting, row_precision: bool) -> Result<Database> {
    let mut options = DatabaseOptions::from_url(test.url())?;
    options.pool.size = CLIENTS as usize;
    options.pool.name = if row_precision { "rows" } else { "tables" }.to_owned();
    options.cache.mode = setting.mode;
    options.cache.row_precision = row_precision;
    options.cache.hot_writes = setting.hot_writes;
    // Shards are filled unevenly: with some room, none of them evicts.
    options.cache.max_entries = 2 * ROWS as usize;
    options.cache.max_bytes = 1 << 30;
    options.cache.max_staleness = MAX_STALENESS;
    options.cache.warm = false;
    Ok(Database::open(options).await?)
}

fn how(operations: u32) -> String {
    format!(
        "{operations} operations of {CLIENTS} clients on {ROWS} rows, the same for all: {} % read \
         one row by its primary key, the others update one by its key, chosen by the same law as \
         those that are read (Zipf's with exponent {SKEW}, or all alike). Each begins with every \
         row in the cache, which has room for all, and with as many operations that do not \
         count. Without row precision (cache.row_precision = \
         false) each read depends on the whole table and each write counts for all of it. Times \
         are those of reads, hits and others together; the ratio is that of the shares of hits, and can be no more than 100 % divided by \
         the lower one.",
        100 - 100 / WRITE_EVERY,
    )
}
