//! One run: steps chosen at random, on Larder and by the judge, until they differ or are enough.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::future::join;
use larder::database::Database;

use crate::chance::Chance;
use crate::error::{Error, Result};
use crate::findings::{Cause, Difference, Findings};
use crate::interrupts;
use crate::judge::Judge;
use crate::memory::Memory;
use crate::mode::{Mode, Relaxation};
use crate::outcome::Outcome;
use crate::progress::Progress;
use crate::read::Read;
use crate::schema::{FAMILIES, KEYS, SCHEMA, TABLES};
use crate::server::Databases;
use crate::statement::Bound;
use crate::subject::{How, Subject};
use crate::write::Deed;

/// What a run is.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) mode: Mode,
    pub(crate) relaxation: Option<Relaxation>,
    pub(crate) steps: u64,
    pub(crate) seed: u64,
}

/// After so many steps other tables and keys are likely.
const TURN: u64 = 400;

/// After so many steps the other process is asked, once it has heard of all writes.
const OTHER: u64 = 60;

/// So many reads are made again after a write to what they read.
const AGAIN: usize = 2;

impl Run {
    /// What it is called for people.
    pub(crate) fn name(&self) -> &'static str {
        self.relaxation
            .map_or_else(|| self.mode.as_str(), Relaxation::as_str)
    }

    /// Runs it.
    pub(crate) fn go(&self) -> Result<Findings> {
        // One thread: what is done in which order depends on the seed alone.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::step("start a runtime", error))?;
        runtime.block_on(self.run())
    }

    /// The same, in a runtime.
    pub(crate) async fn run(&self) -> Result<Findings> {
        let databases = Databases::create().await?;
        let found = Box::pin(self.on(&databases)).await;
        let removed = databases.remove().await;
        let found = found?;
        removed?;
        Ok(found)
    }

    async fn on(&self, databases: &Databases) -> Result<Findings> {
        let judge = Judge::connect(&databases.of_judge()).await?;
        judge.run(SCHEMA).await?;
        Judge::connect(&databases.of_larder())
            .await?
            .run(SCHEMA)
            .await?;
        let subject = Subject::open(&databases.of_larder(), self.mode).await?;
        let mut trial = Trial {
            judge,
            subject,
            chance: Chance::new(self.seed),
            memory: Memory::new(),
            around: HashMap::new(),
            written: 0,
            findings: Findings::default(),
        };
        let progress = Progress::new(self.name(), self.steps);
        let since = Instant::now();
        let went = trial.go(self.steps, &progress).await;
        let seconds = since.elapsed();
        let Trial {
            subject,
            mut findings,
            ..
        } = trial;
        findings.took(seconds, &subject);
        subject.close().await;
        went?;
        Ok(findings)
    }
}

/// A run under way.
struct Trial {
    judge: Judge,
    subject: Subject,
    chance: Chance,
    memory: Memory,
    /// By family, what is read after each write until others are likely.
    around: HashMap<u32, Vec<Read>>,
    /// The families that were written since the other process was last asked.
    written: u32,
    findings: Findings,
}

impl Trial {
    async fn go(&mut self, steps: u64, progress: &Progress) -> Result<()> {
        for table in TABLES
            .iter()
            .filter(|table| table.is_table && !table.makes_keys)
        {
            for number in (0..KEYS).step_by(2) {
                let deed = self.chance.filling(table, number);
                self.write(&deed).await?;
            }
        }
        let (mut turn, mut other) = (TURN, OTHER);
        while self.findings.steps < steps && self.findings.difference.is_none() {
            interrupts::check()?;
            progress.tell(self.findings.steps);
            let family = self.chance.family();
            if self.chance.once_in(3) {
                self.read(family).await?;
            } else {
                self.write_and_read_again(family).await?;
            }
            if self.findings.steps >= turn {
                turn = self.findings.steps + TURN;
                self.compare_tables().await?;
                self.chance.turn();
                self.around.clear();
            }
            if self.findings.steps >= other {
                other = self.findings.steps + OTHER;
                self.ask_other().await?;
            }
        }
        Ok(())
    }

    /// Reads something, new or known.
    async fn read(&mut self, family: u32) -> Result<()> {
        let (read, families) = self.chance.read(family);
        self.memory.add(&read, families);
        if self.chance.once_in(20) {
            read.explain(&self.subject.writer).await?;
        }
        let mut reads = vec![read];
        reads.extend(self.memory.some(family, 2, &mut self.chance));
        self.check(&reads, Who::Writer).await
    }

    /// Writes, and reads all that this may have made wrong: what is around it, and some of what was
    /// read before.
    async fn write_and_read_again(&mut self, family: u32) -> Result<()> {
        if !self.around.contains_key(&family) {
            let around = self.chance.around(family);
            self.check(&around, Who::Writer).await?;
            self.around.insert(family, around);
        }
        let deed = self.chance.deed(family);
        self.write(&deed).await?;
        self.written |= 1 << family;
        let mut reads = self.around.get(&family).cloned().unwrap_or_default();
        reads.extend(self.memory.some(family, AGAIN, &mut self.chance));
        let before = self.subject.writer.cache_statistics().hits;
        self.check(&reads, Who::Writer).await?;
        let kept = self.subject.writer.cache_statistics().hits - before;
        self.findings.kept_past_write += kept;
        self.findings.read_after_write += reads.len() as u64;
        Ok(())
    }

    /// Writes on both sides.
    async fn write(&mut self, deed: &Deed) -> Result<()> {
        self.findings.steps += 1;
        self.findings.writes += 1;
        let through = deed.through(&self.subject);
        let (through, by) = join(through, deed.by(&self.judge)).await;
        let (through, by) = (through?, by?);
        self.findings.refused += by.iter().filter(|outcome| outcome.is_refused()).count() as u64;
        self.memory.written(self.findings.steps, deed.to_string());
        if through != by {
            let tell = |outcomes: &[Outcome]| {
                let texts: Vec<_> = outcomes.iter().map(ToString::to_string).collect();
                texts.join("; ")
            };
            self.findings.difference = Some(Difference {
                step: self.findings.steps,
                cause: Cause::Write,
                by: deed.to_string(),
                got: tell(&through),
                expected: tell(&by),
                since: Vec::new(),
            });
        }
        Ok(())
    }

    /// Reads through the cache of one process, and compares.
    async fn check(&mut self, reads: &[Read], who: Who) -> Result<()> {
        let database = self.database(who);
        let through = async {
            let mut outcomes = Vec::with_capacity(reads.len());
            for read in reads {
                outcomes.push(read.run(&database, How::ThroughTheCache).await?);
            }
            Ok(outcomes)
        };
        let (through, expected) = join(through, self.judged(reads)).await;
        let (through, expected): (Vec<Outcome>, Vec<Outcome>) = (through?, expected?);
        for ((read, got), expected) in reads.iter().zip(through).zip(expected) {
            self.findings.steps += 1;
            self.findings.reads += 1;
            if got == expected {
                self.memory.was_right(self.findings.steps, read);
            } else if self.findings.difference.is_none() {
                let past = read.run(&database, How::PastTheCache).await?;
                let cause = match (past == expected, who) {
                    (false, _) => Cause::Databases,
                    (true, Who::Writer) => Cause::Stale,
                    (true, Who::Other) => Cause::StaleInOther,
                };
                self.findings.difference = Some(Difference {
                    step: self.findings.steps,
                    cause,
                    by: read.to_string(),
                    got: got.to_string(),
                    expected: expected.to_string(),
                    since: self.memory.since_right(read),
                });
            }
        }
        Ok(())
    }

    /// What the judge says to each read: the rows of all its statements.
    async fn judged(&self, reads: &[Read]) -> Result<Vec<Outcome>> {
        let mut statements = Vec::new();
        let mut lengths = Vec::with_capacity(reads.len());
        for read in reads {
            let bound = read.bound()?;
            lengths.push(bound.len());
            statements.extend(bound);
        }
        let mut answers = self.judge.read(&statements).await?.into_iter();
        let mut all = Vec::with_capacity(reads.len());
        for length in lengths {
            let answers = answers.by_ref().take(length).collect();
            all.push(together(answers));
        }
        Ok(all)
    }

    /// Lets the other process hear of everything, and asks it.
    async fn ask_other(&mut self) -> Result<()> {
        if self.subject.other.is_none() || self.written == 0 {
            return Ok(());
        }
        self.subject.until_heard().await?;
        let written = std::mem::take(&mut self.written);
        let mut reads = Vec::new();
        for family in (0..FAMILIES as u32).filter(|family| written & 1 << family != 0) {
            reads.extend(self.around.get(&family).cloned().unwrap_or_default());
            reads.extend(self.memory.some(family, AGAIN, &mut self.chance));
        }
        self.check(&reads, Who::Other).await
    }

    /// What is in the tables has to be the same on both sides: without that nothing is proved.
    async fn compare_tables(&mut self) -> Result<()> {
        let reads: Vec<Read> = TABLES
            .iter()
            .filter(|table| table.is_table)
            .map(|table| {
                let text = format!("SELECT * FROM ONLY {}", table.name);
                Read::Raw(crate::statement::Statement::new(text, Vec::new()))
            })
            .collect();
        let expected = self.judged(&reads).await?;
        for (read, expected) in reads.iter().zip(expected) {
            let got = read.run(&self.subject.writer, How::PastTheCache).await?;
            if got != expected && self.findings.difference.is_none() {
                self.findings.difference = Some(Difference {
                    step: self.findings.steps,
                    cause: Cause::Databases,
                    by: read.to_string(),
                    got: got.to_string(),
                    expected: expected.to_string(),
                    since: Vec::new(),
                });
            }
        }
        self.follow_sequence().await
    }

    /// Keys that come next are read before they are there.
    async fn follow_sequence(&mut self) -> Result<()> {
        let last = Bound::plain("SELECT last_value FROM serials_id_seq");
        if let Outcome::Done { rows, .. } = self.judge.ask(&last).await? {
            let made = rows
                .first()
                .and_then(|row| row.0.first()?.as_deref()?.parse().ok());
            self.chance.server_made(made.unwrap_or(0));
        }
        Ok(())
    }

    fn database(&self, who: Who) -> Database {
        match (&self.subject.other, who) {
            (Some(other), Who::Other) => other.database.clone(),
            _ => self.subject.writer.clone(),
        }
    }
}

/// What several statements of one read gave: they end at the first that is refused.
fn together(answers: Vec<Outcome>) -> Outcome {
    let mut rows = Vec::new();
    for answer in answers {
        match answer {
            Outcome::Done { rows: more, .. } => rows.extend(more),
            refused @ Outcome::Refused(_) => return refused,
        }
    }
    Outcome::rows(rows)
}

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Writer,
    Other,
}

impl Findings {
    fn took(&mut self, duration: Duration, subject: &Subject) {
        self.seconds = (duration.as_secs_f64() * 10.0).round() / 10.0;
        let statistics = subject.writer.cache_statistics();
        let other = subject
            .other
            .as_ref()
            .map(|other| other.database.cache_statistics());
        self.hits = statistics.hits + other.as_ref().map_or(0, |statistics| statistics.hits);
        self.bypassed = statistics.bypassed + other.map_or(0, |statistics| statistics.bypassed);
    }
}
