//! `larder cache warm`: asking the processes that run to warm their caches.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use clap::Args;
use comfy_table::Cell;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use larder_database::{Database, WarmingAnswer, WarmingRequest};
use serde::Serialize;
use tokio::time::sleep;

use super::database::on_database;
use super::error::Error;
use crate::exit::Exit;
use crate::output::{has_colours, plain_table, print, print_json};
use crate::settings::Settings;

const EXAMPLES: &str = "\
Examples:
  larder cache warm                    ask all processes, and wait until they have finished
  larder cache warm --no-wait          ask them, and wait for nobody
  larder cache warm --json | jq '.processes[] | select(.failed > 0)'

Each process that works on the database with cache.mode = shared runs the reads that are
registered in it, and fetches from Redis what is read most. A process hears of it within
cache.max_staleness. Exit code 1: nobody has answered, a read has failed, or the time was up.";

/// How often it is looked how far they have come.
const LOOK: Duration = Duration::from_millis(200);

/// Asks all processes on the database to warm their caches, and shows how far they have come.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Warm {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Ask, and do not wait for answers.
    #[arg(long)]
    no_wait: bool,
    /// How many seconds processes have to answer that they have begun.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    answer_within: u64,
    /// How many seconds they have to finish.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    #[command(flatten)]
    settings: Settings,
}

/// What became of it.
#[derive(Debug, Serialize)]
struct Outcome {
    request: WarmingRequest,
    /// Whether all that answered have finished in time.
    finished: bool,
    processes: Vec<WarmingAnswer>,
}

impl Warm {
    pub(super) fn run(self) -> Exit {
        let Self {
            json,
            no_wait,
            answer_within,
            timeout,
            settings,
        } = self;
        on_database(settings, json, async |database| {
            let request = database.request_warming().await?;
            if no_wait {
                return Ok(match json {
                    true => print_json(&serde_json::json!({ "request": request }), Exit::Done),
                    false => print("the processes were asked to warm their caches", Exit::Done),
                });
            }
            let [answer_within, timeout] = [answer_within, timeout].map(Duration::from_secs);
            let outcome = follow(database, request, answer_within, timeout).await?;
            let exit = outcome.exit();
            Ok(match json {
                true => print_json(&outcome, exit),
                false => print(&page(&outcome, has_colours()), exit),
            })
        })
    }
}

/// Waits until all who have answered in time have finished.
async fn follow(
    database: &Database,
    request: WarmingRequest,
    answer_within: Duration,
    timeout: Duration,
) -> Result<Outcome, Error> {
    let began = Instant::now();
    let bar = bar();
    loop {
        let processes = database.warming_answers(&request).await?;
        let all = |number: fn(&WarmingAnswer) -> i64| -> u64 {
            let sum: i64 = processes.iter().map(number).sum();
            u64::try_from(sum).unwrap_or_default()
        };
        bar.set_length(all(|process| process.total));
        bar.set_position(all(|process| process.done + process.failed));
        bar.set_message(match processes.len() {
            1 => "1 process".to_owned(),
            many => format!("{many} processes"),
        });
        let finished = processes.iter().all(|process| process.finished);
        let is_over = finished && began.elapsed() >= answer_within;
        if is_over || began.elapsed() >= timeout {
            bar.finish_and_clear();
            return Ok(Outcome {
                request,
                finished,
                processes,
            });
        }
        sleep(LOOK).await;
    }
}

/// A bar on a terminal, and nothing elsewhere.
fn bar() -> ProgressBar {
    let target = match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let style = ProgressStyle::with_template("{spinner} {msg} [{bar:30}] {pos}/{len} reads");
    let bar = ProgressBar::with_draw_target(Some(0), target);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

impl Outcome {
    fn exit(&self) -> Exit {
        let is_well = |process: &WarmingAnswer| process.problem.is_none();
        let has_answers = !self.processes.is_empty();
        match has_answers && self.finished && self.processes.iter().all(is_well) {
            true => Exit::Done,
            false => Exit::Failed,
        }
    }
}

fn page(outcome: &Outcome, colours: bool) -> String {
    if outcome.processes.is_empty() {
        return "no process has answered: none runs on this database with cache.mode = shared, or \
            their roles may not use larder.warming (`larder cache doctor` tells)"
            .to_owned();
    }
    let mut table = plain_table(&["PROCESS", "READS", "DONE", "FAILED", ""], colours);
    for process in &outcome.processes {
        let state = match (&process.problem, process.finished) {
            (Some(problem), _) => problem.as_str(),
            (None, true) => "warm",
            (None, false) => "has not finished in time",
        };
        table.add_row([
            Cell::new(&process.process),
            Cell::new(process.total),
            Cell::new(process.done),
            Cell::new(process.failed),
            Cell::new(state),
        ]);
    }
    table.trim_fmt()
}
