//! One run: servers and workers are started, faults happen, quiet returns, the histories are
//! judged.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::checker;
use crate::clock;
use crate::crew::Crew;
use crate::error::{Error, Result};
use crate::faults::{Kind, Log, Schedule, Targets};
use crate::history;
use crate::interrupts::pause;
use crate::mode::{Break, Mode};
use crate::progress::Progress;
use crate::report::{Findings, RunReport};
use crate::servers::{Postgres, Provided, Redis};
use crate::worker::{Plan, SHAPES};
use crate::workload::Workload;

/// How long the workers may take for their last reads, and to end.
const LAST_READS: Duration = Duration::from_secs(30);

/// What a run is.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) mode: Mode,
    pub(crate) breakage: Option<Break>,
    pub(crate) duration: Duration,
    pub(crate) processes: u32,
    pub(crate) bound: Duration,
    pub(crate) seed: u64,
}

impl Run {
    /// What it is called in files and for people.
    pub(crate) fn name(&self) -> &'static str {
        self.breakage
            .map_or_else(|| self.mode.as_str(), Break::as_str)
    }

    /// Runs it, and judges it.
    pub(crate) fn go(&self, provided: &Provided, keep: Option<&Path>) -> Result<RunReport> {
        let progress = Progress::new(self.name(), self.duration);
        progress.tell("starting servers and workers", Some(self.duration));
        let directory = match keep {
            Some(keep) => keep.join(self.name()),
            None => provided.directory.join(self.name()),
        };
        let directory = empty(&directory)?;
        let database = format!("chaos_{}", self.name().replace('-', "_"));
        let postgres = Postgres::create(&provided.database, &database)?;
        let mut redis = match self.mode.has_redis() {
            true => {
                let place = provided.directory.join(format!("redis-{}", self.name()));
                Some(Redis::start(&provided.redis_program, &place)?)
            }
            false => None,
        };
        let mut log = Log::default();
        let started = clock::now();
        let plan = self.plan(&postgres, redis.as_ref());
        let mut crew = Crew::start(self.processes, plan, &directory)?;
        log.unsettled(started, clock::now() + clock::nanoseconds(self.bound));

        let since = std::time::Instant::now();
        let kinds = Kind::of_run(self.mode, self.breakage);
        let targets = Targets {
            postgres: &postgres,
            redis: redis.as_mut(),
            crew: &mut crew,
            bound: self.bound,
        };
        self.strike(targets, &kinds, &mut log, &progress)?;
        let seconds = since.elapsed().as_secs_f64();

        let settled = self.settle(&postgres, &mut crew, &progress)?;
        progress.tell("checking", None);
        let crashes = std::mem::take(&mut crew.crashes);
        drop(crew);
        let _ = std::fs::write(directory.join("faults.log"), log.text());
        let truth = postgres.truth()?;
        let histories = history::read_directory(&directory)?;
        let windows = log.windows(clock::nanoseconds(self.bound));
        let read_everything = checker::read_everything(&histories, SHAPES);
        Ok(RunReport::new(
            self,
            Findings {
                seconds,
                hits: checker::hits(&histories, &windows),
                killed: checker::killed_around_commit(&histories, &truth),
                verdicts: checker::check(&histories, &truth, clock::nanoseconds(self.bound)),
                faults: log.counts(&kinds),
                crashes,
                settled: settled && read_everything == self.processes as usize,
                histories,
            },
        ))
    }

    fn plan(&self, postgres: &Postgres, redis: Option<&Redis>) -> Plan {
        Plan {
            process: 0,
            incarnation: 0,
            mode: self.mode,
            breakage: self.breakage,
            bound: u64::try_from(self.bound.as_millis()).unwrap_or(u64::MAX),
            seed: self.seed,
            database: postgres.url().to_owned(),
            redis: redis.map(Redis::url),
            history: PathBuf::new(),
            workload: self
                .breakage
                .map_or_else(Workload::usual, Workload::exposing),
        }
    }

    /// Lets faults happen until the time is up.
    fn strike(
        &self,
        mut targets: Targets<'_>,
        kinds: &[Kind],
        log: &mut Log,
        progress: &Progress,
    ) -> Result<()> {
        let mut schedule = Schedule::new(kinds.to_vec(), self.duration, self.seed);
        let mut failures = 0;
        loop {
            let calm = schedule.calm();
            progress.tell("calm", Some(schedule.left()));
            pause(calm)?;
            let Some(kind) = schedule.next() else {
                break;
            };
            progress.tell(kind.as_str(), Some(schedule.left()));
            let from = clock::now();
            if targets.strike(kind, schedule.random())? {
                log.happened(kind, from, clock::now());
            } else if failures < 20 {
                failures += 1;
                log.unsettled(from, clock::now() + clock::nanoseconds(self.bound));
                schedule.again(kind);
            }
            targets.crew.revive()?;
        }
        while !schedule.left().is_zero() {
            progress.tell("no faults", Some(schedule.left()));
            pause(schedule.left().min(Duration::from_secs(1)))?;
            targets.crew.revive()?;
        }
        Ok(())
    }

    /// Lets writing end, everything become known, and all processes read everything. Says whether
    /// all came to an end.
    fn settle(&self, postgres: &Postgres, crew: &mut Crew, progress: &Progress) -> Result<bool> {
        progress.tell("letting it settle", None);
        crew.tell_all("quiet");
        // A write that has begun takes up to three seconds to commit.
        pause(Duration::from_millis(200))?;
        let settled = postgres.settle()?;
        pause(2 * self.bound)?;
        crew.tell_all("final");
        let all_read = crew.wait_for_last_reads(LAST_READS)?;
        crew.stop(LAST_READS)?;
        Ok(settled && all_read)
    }
}

/// An empty directory; what an earlier run left there goes away.
fn empty(directory: &Path) -> Result<PathBuf> {
    let failed = |error| Error::step(format!("prepare {}", directory.display()), error);
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    std::fs::create_dir_all(directory).map_err(failed)?;
    std::path::absolute(directory).map_err(failed)
}
