//! Random interleavings of reads, writes, invalidations and doubts against a simple truth: no
//! read gets less than what had been acknowledged when it began.
//!
//! Every load stops twice, before it looks at the rows and before it returns, and goes on when
//! the schedule says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use larder_cache::{
    Cache, CacheOptions, Cause, Dependency, Doubt, EntryName, Freshness, Loaded, ManualClock, Mode,
    Request,
};
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::{key, options, seconds, settle};

const TABLES: usize = 3;
/// Which tables a read of each key looks at.
const READS: [&[usize]; 3] = [&[0], &[0, 1], &[1, 2]];

/// One number for each table; it only grows.
type Rows = [u64; TABLES];

/// What of a read's dependencies is known before its load.
#[derive(Debug, Clone, Copy)]
enum Known {
    All,
    /// More than the contract allows: a read that does this is only slower.
    Some,
    Nothing,
}

/// How a writer tells the cache.
#[derive(Debug, Clone, Copy)]
enum Tell {
    Table,
    Tag,
    Service,
    Pattern,
    Everything,
}

#[derive(Debug, Clone)]
enum Step {
    Get {
        key: usize,
    },
    Read {
        key: usize,
        mode: Mode,
        known: Known,
        stale: bool,
        /// Its load runs in place, and is dropped if the caller goes away.
        in_place: bool,
    },
    /// Lets one of the loads that wait go on to its next stop.
    GoOn {
        load: usize,
        fails: bool,
    },
    Commit {
        table: usize,
    },
    /// A writer begins that will keep the value of a key.
    BeginWrite {
        key: usize,
    },
    /// It writes and commits; or, when it has, it invalidates, keeps its value and acknowledges.
    GoOnWriting {
        writer: usize,
    },
    /// Invalidates what was committed and acknowledges it.
    Acknowledge {
        table: usize,
        tell: Tell,
    },
    Doubt {
        table: usize,
        everything: bool,
    },
    /// The outcome of a doubt is known: the write took effect, or never will.
    Resolve {
        doubt: usize,
        committed: bool,
    },
    Wait {
        seconds: u64,
    },
    CleanUp,
    Toggle,
    /// The caller of a read goes away.
    Abort {
        read: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let known = prop::sample::select(vec![Known::All, Known::Some, Known::Nothing]);
    let tell = prop::sample::select(vec![
        Tell::Table,
        Tell::Tag,
        Tell::Service,
        Tell::Pattern,
        Tell::Everything,
    ]);
    let mode = prop_oneof![
        10 => Just(Mode::Normal),
        1 => Just(Mode::Refresh),
        1 => Just(Mode::Bypass),
    ];
    prop_oneof![
        4 => (0..3_usize).prop_map(|key| Step::Get { key }),
        8 => (0..3_usize, mode, known, any::<bool>(), any::<bool>())
            .prop_map(|(key, mode, known, stale, in_place)| {
                Step::Read { key, mode, known, stale, in_place }
            }),
        12 => (any::<usize>(), prop::bool::weighted(0.1))
            .prop_map(|(load, fails)| Step::GoOn { load, fails }),
        4 => (0..TABLES).prop_map(|table| Step::Commit { table }),
        2 => (0..3_usize).prop_map(|key| Step::BeginWrite { key }),
        5 => any::<usize>().prop_map(|writer| Step::GoOnWriting { writer }),
        5 => (0..TABLES, tell).prop_map(|(table, tell)| Step::Acknowledge { table, tell }),
        1 => (0..TABLES, prop::bool::weighted(0.2))
            .prop_map(|(table, everything)| Step::Doubt { table, everything }),
        2 => (any::<usize>(), any::<bool>())
            .prop_map(|(doubt, committed)| Step::Resolve { doubt, committed }),
        2 => (1..8_u64).prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::CleanUp),
        1 => prop::bool::weighted(0.3).prop_map(|on| if on { Step::Toggle } else { Step::CleanUp }),
        1 => any::<usize>().prop_map(|read| Step::Abort { read }),
    ]
}

/// A read that was begun, and what had been acknowledged then.
struct Begun {
    key: usize,
    least: Rows,
    answer: JoinHandle<Option<Arc<BTreeMap<usize, u64>>>>,
}

/// A writer, and what it has written: the rows as it saw them.
struct Writer {
    key: usize,
    begun: larder_cache::Begun,
    written: Option<Rows>,
}

/// The loads that stand still, each with what lets it go on; `true` lets it fail.
type Standing = Arc<Mutex<Vec<oneshot::Sender<bool>>>>;

struct World {
    cache: Cache,
    time: ManualClock,
    truth: Arc<Mutex<Rows>>,
    acknowledged: Rows,
    begun: Vec<Begun>,
    standing: Standing,
    doubts: Vec<(Doubt, usize)>,
    writers: Vec<Writer>,
}

impl World {
    fn new() -> Self {
        let (options, time) = options();
        Self {
            // Room for two: entries are evicted too.
            cache: Cache::new(CacheOptions {
                max_entries: 2,
                ..options
            }),
            time,
            truth: Arc::default(),
            acknowledged: Rows::default(),
            begun: Vec::new(),
            standing: Standing::default(),
            doubts: Vec::new(),
            writers: Vec::new(),
        }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Get { key: number } => {
                if let Some(value) = self.cache.get(key(number as u64)) {
                    check(number, &value, &self.acknowledged);
                }
            }
            Step::Read {
                key,
                mode,
                known,
                stale,
                in_place,
            } => self.read(key, mode, known, stale, in_place),
            Step::GoOn { load, fails } => self.go_on(load, fails),
            Step::Commit { table } => self.truth.lock().unwrap()[table] += 1,
            Step::BeginWrite { key } => {
                let begun = self.cache.begin(0);
                self.writers.push(Writer {
                    key,
                    begun,
                    written: None,
                });
            }
            Step::GoOnWriting { writer } => self.go_on_writing(writer),
            Step::Acknowledge { table, tell } => self.acknowledge(table, tell),
            Step::Doubt { table, everything } => {
                let versions = self.cache.versions();
                let doubt = if everything {
                    versions.doubt_everything()
                } else {
                    versions.doubt([dependency(table)])
                };
                self.doubts.push((doubt, table));
            }
            Step::Resolve { doubt, committed } => self.resolve(doubt, committed),
            Step::Wait { seconds: some } => self.time.advance(seconds(some)),
            Step::CleanUp => drop(self.cache.clean_up()),
            Step::Toggle => self.cache.set_enabled(!self.cache.is_enabled()),
            Step::Abort { read } => {
                if !self.begun.is_empty() {
                    let at = read % self.begun.len();
                    self.begun.swap_remove(at).answer.abort();
                }
            }
        }
        settle().await;
        self.check_answers().await;
    }

    fn read(&mut self, number: usize, mode: Mode, known: Known, stale: bool, in_place: bool) {
        let all = dependencies(number);
        let known = match known {
            Known::All => &all[..],
            Known::Some => &all[..1],
            Known::Nothing => &[],
        };
        let more = seconds(if stale { 5 } else { 0 });
        let request = Request {
            key: key(number as u64),
            freshness: Freshness {
                ttl: seconds(10),
                stale_for: more,
                stale_if_error: more,
            },
            dependencies: self.cache.versions().slots(known),
            mode,
            name: EntryName::new(move || name(number)),
        };
        let (standing, truth) = (Arc::clone(&self.standing), Arc::clone(&self.truth));
        let load = async move || {
            stand(&standing).await?;
            let rows = *truth.lock().unwrap();
            let value = value(number, &rows);
            stand(&standing).await?;
            Ok::<_, &'static str>(Loaded {
                value,
                dependencies: all,
                bytes: 64,
                storable: true,
                kept: None,
                digest: None,
                snapshot: None,
                by_time: false,
                fresh_for: None,
            })
        };
        let cache = self.cache.clone();
        let answer = tokio::spawn(async move {
            let served = if in_place {
                cache.get_or_run(request, load).await.ok()
            } else {
                cache.get_or_load(request, load).await.ok()
            };
            served.map(|served| served.value)
        });
        self.begun.push(Begun {
            key: number,
            least: self.acknowledged,
            answer,
        });
    }

    fn go_on_writing(&mut self, writer: usize) {
        if self.writers.is_empty() {
            return;
        }
        let at = writer % self.writers.len();
        let Writer {
            key: number,
            begun,
            written,
        } = &mut self.writers[at];
        let (number, begun) = (*number, *begun);
        let table = READS[number][0];
        let Some(rows) = written else {
            let mut truth = self.truth.lock().unwrap();
            truth[table] += 1;
            *written = Some(*truth);
            return;
        };
        let rows = *rows;
        self.writers.swap_remove(at);
        let own = self.cache.invalidate(&[dependency(table)], Cause::Write);
        let request = Request {
            key: key(number as u64),
            freshness: Freshness::for_ttl(seconds(10)),
            dependencies: self.cache.versions().slots(&dependencies(number)),
            mode: Mode::Normal,
            name: EntryName::new(move || name(number)),
        };
        let loaded = Loaded::new(value(number, &rows), Vec::new(), 64);
        self.cache
            .put_after_own_writes(request, begun, own, &loaded);
        self.acknowledged[table] = self.acknowledged[table].max(rows[table]);
    }

    fn go_on(&self, load: usize, fails: bool) {
        let mut standing = self.standing.lock().unwrap();
        if !standing.is_empty() {
            let at = load % standing.len();
            standing.swap_remove(at).send(fails).ok();
        }
    }

    fn acknowledge(&mut self, table: usize, tell: Tell) {
        let written = self.truth.lock().unwrap()[table];
        match tell {
            Tell::Table => self.cache.invalidate(&[dependency(table)], Cause::Write),
            Tell::Tag => self.cache.invalidate_tags([format!("table:{table}")]),
            Tell::Service => self.cache.invalidate_service(&format!("table:{table}")),
            Tell::Pattern => self.cache.invalidate_matching(&format!("*:{table}:*")),
            Tell::Everything => self.cache.invalidate_everything(Cause::Everything),
        };
        self.acknowledged[table] = written;
    }

    fn resolve(&mut self, doubt: usize, committed: bool) {
        if self.doubts.is_empty() {
            return;
        }
        let at = doubt % self.doubts.len();
        let (doubt, table) = self.doubts.swap_remove(at);
        let written = {
            let mut truth = self.truth.lock().unwrap();
            truth[table] += u64::from(committed);
            truth[table]
        };
        drop(doubt);
        self.acknowledged[table] = written;
    }

    async fn check_answers(&mut self) {
        for index in (0..self.begun.len()).rev() {
            if self.begun[index].answer.is_finished() {
                let Begun { key, least, answer } = self.begun.swap_remove(index);
                if let Some(value) = answer.await.unwrap() {
                    check(key, &value, &least);
                }
            }
        }
    }

    /// Lets everything come to its end: no read may be left waiting.
    async fn finish(mut self) {
        while !self.standing.lock().unwrap().is_empty() {
            self.go_on(0, false);
            settle().await;
        }
        self.check_answers().await;
        assert!(self.begun.is_empty(), "reads wait and nothing loads");
    }
}

fn check(key: usize, value: &BTreeMap<usize, u64>, least: &Rows) {
    for table in READS[key] {
        assert!(
            value[table] >= least[*table],
            "a read of key {key} gave {value:?} after {least:?} was acknowledged",
        );
    }
}

/// Stands still until the schedule says to go on.
async fn stand(standing: &Standing) -> Result<(), &'static str> {
    let (go, told) = oneshot::channel();
    standing.lock().unwrap().push(go);
    match told.await {
        Ok(false) => Ok(()),
        _ => Err("no server"),
    }
}

fn value(key: usize, rows: &Rows) -> Arc<BTreeMap<usize, u64>> {
    Arc::new(
        READS[key]
            .iter()
            .map(|table| (*table, rows[*table]))
            .collect(),
    )
}

fn dependencies(key: usize) -> Vec<Dependency> {
    let each = |table: &usize| [dependency(*table), tag(*table), service(*table)];
    READS[key].iter().flat_map(each).collect()
}

fn dependency(table: usize) -> Dependency {
    Dependency::table(table as u32)
}

fn tag(table: usize) -> Dependency {
    Dependency::tag(&format!("table:{table}"))
}

fn service(table: usize) -> Dependency {
    Dependency::service(&format!("table:{table}"))
}

/// Such as `read:0:1:` for a read of tables 0 and 1.
fn name(key: usize) -> String {
    let tables = READS[key].iter().map(|table| format!("{table}:"));
    format!("read:{}", tables.collect::<String>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_read_gets_less_than_was_acknowledged_before_it(steps in vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut world = World::new();
            for step in steps {
                world.take(step).await;
            }
            world.finish().await;
        });
    }
}
