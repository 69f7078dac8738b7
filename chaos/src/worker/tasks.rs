//! A worker from its start to its end: tasks that read, tasks that write, and what the parent says.

use std::io::BufRead as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use larder::Larder;
use rustix::process::Signal;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::commands::{self, Commands, Phase};
use super::keys::Keys;
use super::reads::Shape;
use super::writes::Kind;
use super::{Plan, Worker, settings, tell};
use crate::checker::FINAL_TASK;
use crate::history::Journal;
use crate::process;
use crate::register::Register;
use crate::workload::Turn;

/// The word by which this program is a worker.
pub(crate) const COMMAND: &str = "worker";

/// How often a start is tried: its connection may be struck too.
const STARTS: u32 = 20;

/// How often a read at the very end is tried.
const LAST_TRIES: u32 = 5;

/// What a worker runs.
pub(crate) fn main() -> ExitCode {
    process::end_with_parent(Signal::KILL);
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed to {error}");
            ExitCode::FAILURE
        }
    }
}

fn work() -> Result<(), String> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| format!("read the plan: {error}"))?;
    let plan: Plan =
        serde_json::from_str(&line).map_err(|error| format!("read the plan: {error}"))?;
    if let Some(breakage) = plan.breakage {
        arm(breakage.as_str())?;
    }
    let commands = commands::listen();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| format!("start the runtime: {error}"))?;
    runtime.block_on(run(plan, commands))
}

/// Makes Larder break a promise.
#[cfg(feature = "failpoints")]
fn arm(name: &str) -> Result<(), String> {
    fail::cfg(name, "return").map_err(|error| format!("set the failpoint {name}: {error}"))
}

#[cfg(not(feature = "failpoints"))]
fn arm(name: &str) -> Result<(), String> {
    Err(format!(
        "set the failpoint {name}: this program is built without the feature failpoints"
    ))
}

async fn run(plan: Plan, commands: Commands) -> Result<(), String> {
    let larder = start(&plan).await?;
    let journal = Journal::create(&plan.history, plan.process, plan.incarnation);
    let worker = Arc::new(Worker {
        database: larder.db().clone(),
        journal: journal.map_err(|error| format!("create the history: {error}"))?,
        tokens: AtomicU32::new(0),
        plan,
    });
    let Commands { mut phase, late } = commands;
    let mut tasks = JoinSet::new();
    let workload = &worker.plan.workload;
    for task in 0..workload.readers {
        tasks.spawn(read(Arc::clone(&worker), task, phase.clone()));
    }
    for task in 0..workload.writers {
        tasks.spawn(write(Arc::clone(&worker), 100 + task, phase.clone()));
    }
    tasks.spawn(write_late(Arc::clone(&worker), late));
    tell("ready");
    let _ = phase.wait_for(|phase| *phase >= Phase::Final).await;
    read_all(&worker).await;
    tell("final");
    let _ = phase.wait_for(|phase| *phase >= Phase::Stop).await;
    tasks.shutdown().await;
    worker.journal.ends();
    // What is left over at the deadline is closed all the same.
    let _ = larder.shutdown().await;
    Ok(())
}

async fn start(plan: &Plan) -> Result<Larder, String> {
    let mut attempt = 0;
    loop {
        match settings::start(plan).await {
            Ok(larder) => return Ok(larder),
            Err(larder::Error::Config(error)) => return Err(error.to_string()),
            Err(error) if attempt == STARTS => return Err(error.to_string()),
            Err(_) => attempt += 1,
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn random_of(worker: &Worker, task: u32) -> fastrand::Rng {
    let plan = &worker.plan;
    let place = u64::from(plan.process) << 40 | u64::from(plan.incarnation) << 20 | u64::from(task);
    fastrand::Rng::with_seed(plan.seed ^ place.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// A pause around a mean, in milliseconds.
fn around(mean: f64, random: &mut fastrand::Rng) -> Duration {
    Duration::from_secs_f64(mean / 1_000.0 * 2.0 * random.f64())
}

async fn read(worker: Arc<Worker>, task: u32, phase: watch::Receiver<Phase>) {
    let mut random = random_of(&worker, task);
    let workload = &worker.plan.workload;
    let keys = Keys::new(workload.rows);
    while *phase.borrow() < Phase::Stop {
        let shape = Shape::choose(&mut random, workload.slow_reads);
        worker.read(task, shape, keys.choose(&mut random)).await;
        tokio::time::sleep(around(workload.read_pause, &mut random)).await;
    }
}

async fn write(worker: Arc<Worker>, task: u32, mut phase: watch::Receiver<Phase>) {
    let mut random = random_of(&worker, task);
    let workload = &worker.plan.workload;
    let keys = Keys::new(workload.rows);
    loop {
        let pause = tokio::time::sleep(around(workload.write_pause, &mut random));
        tokio::select! {
            () = pause => {}
            _ = phase.wait_for(|phase| *phase > Phase::Work) => return,
        }
        match workload.turn {
            Turn::Any { late } => {
                let kind = Kind::choose(&mut random, late);
                // Late ones hold their row for long, so they take any.
                let register = match kind {
                    Kind::Late => keys.any(&mut random),
                    _ => keys.choose(&mut random),
                };
                if worker.write(task, kind, register, &mut random).await {
                    read_own(&worker, task, register, &mut random).await;
                }
            }
            Turn::Burst { writes, gap } => {
                let register = keys.choose(&mut random);
                for _ in 0..writes {
                    let kind = Kind::Transaction;
                    if worker.write(task, kind, register, &mut random).await {
                        let worker = Arc::clone(&worker);
                        tokio::spawn(async move { worker.read(task, Shape::Slow, register).await });
                    }
                    tokio::time::sleep(Duration::from_millis(gap)).await;
                }
            }
        }
    }
}

/// Reads what was just written, at once or a little later.
async fn read_own(worker: &Worker, task: u32, register: Register, random: &mut fastrand::Rng) {
    let pause = match random.u32(..10) {
        0..5 => 0,
        5..8 => random.u64(1..20),
        _ => random.u64(20..400),
    };
    if pause > 0 {
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    let shape = Shape::choose(random, 10);
    // Of a nested or a pair one, either is right.
    for register in register.pair() {
        worker.read(task, shape, register).await;
    }
}

async fn write_late(worker: Arc<Worker>, mut asked: tokio::sync::mpsc::UnboundedReceiver<()>) {
    let mut random = random_of(&worker, 200);
    let keys = Keys::new(worker.plan.workload.rows);
    while asked.recv().await.is_some() {
        let register = keys.any(&mut random);
        worker.write(200, Kind::Late, register, &mut random).await;
    }
}

/// Reads every register in every way. A connection that was struck long ago may be found out only
/// now, so what fails is tried again.
async fn read_all(worker: &Worker) {
    for register in Register::all() {
        for shape in Shape::ALL {
            for _ in 0..LAST_TRIES {
                if worker.read(FINAL_TASK, shape, register).await {
                    break;
                }
            }
        }
    }
}
