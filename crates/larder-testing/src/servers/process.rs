//! A server that runs: what it says, its children, and signals for all of them.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::Error;

/// How many of the last lines of its log are kept for an error.
const TAIL: usize = 20;

/// How long a server may take to start or to end, on a very busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Starting,
    Ready,
    /// It and all its children are gone.
    Ended,
}

/// A server that runs.
pub(super) struct Process {
    /// None when it has ended: then the number may be somebody else's.
    number: Arc<Mutex<Option<Pid>>>,
    state: watch::Receiver<State>,
    said: Arc<Mutex<VecDeque<String>>>,
    paused: Vec<Pid>,
}

impl Process {
    /// Starts a program that says `ready` in a line of its output when it can be reached.
    pub(super) fn start(mut command: Command, ready: &'static str) -> std::io::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (sender, state) = watch::channel(State::Starting);
        let number = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let process = Self {
            number: Arc::new(Mutex::new(number)),
            state,
            said: Arc::default(),
            paused: Vec::new(),
        };
        let outputs: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|output| Box::new(output) as _),
            child.stderr.take().map(|output| Box::new(output) as _),
        ];
        let (said, number) = (Arc::clone(&process.said), Arc::clone(&process.number));
        std::thread::spawn(move || {
            std::thread::scope(|scope| {
                for output in outputs.into_iter().flatten() {
                    scope.spawn(|| listen(output, ready, &said, &sender));
                }
            });
            // Its children, too, have closed their outputs.
            reap(&mut child, &number);
            let _ = sender.send(State::Ended);
        });
        Ok(process)
    }

    /// Waits until it can be reached; otherwise tells what it has said.
    pub(super) async fn ready(&mut self) -> Result<(), String> {
        let started = self.state.wait_for(|state| *state != State::Starting);
        let state = timeout(PATIENCE, started)
            .await
            .map(|state| state.map(|state| *state));
        match state {
            Ok(Ok(State::Ready)) => Ok(()),
            Ok(_) => Err(format!("it ended:\n{}", self.log())),
            Err(_) => Err(format!(
                "it was not ready after {PATIENCE:?}:\n{}",
                self.log()
            )),
        }
    }

    /// The last lines that it wrote.
    pub(super) fn log(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Waits until it and its children are gone.
    ///
    /// # Errors
    ///
    /// If they are not in time.
    pub(super) async fn ended(&mut self) -> Result<(), Error> {
        let ended = self.state.wait_for(|state| *state == State::Ended);
        match timeout(PATIENCE, ended).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::server(format!(
                "stop a server of the test: it has not ended within {PATIENCE:?}"
            ))),
        }
    }

    /// Whether it has ended within this time, for those who cannot wait otherwise.
    fn has_ended_within(&self, limit: Duration) -> bool {
        const STEP: Duration = Duration::from_millis(5);
        let mut left = limit;
        while *self.state.borrow() != State::Ended {
            if left.is_zero() {
                return false;
            }
            std::thread::sleep(STEP);
            left = left.saturating_sub(STEP);
        }
        true
    }

    /// Sends a signal to the server itself.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(process) = *self.number() {
            let _ = kill_process(process, signal);
        }
    }

    /// Kills it and its children at once.
    pub(super) fn kill(&mut self) {
        // What stands still makes no new children.
        self.pause();
        for process in self.paused.drain(..) {
            let _ = kill_process(process, Signal::KILL);
        }
    }

    /// Stops it and its children from doing anything.
    pub(super) fn pause(&mut self) {
        let Some(server) = *self.number.lock().unwrap_or_else(PoisonError::into_inner) else {
            return;
        };
        self.paused = vec![server];
        let _ = kill_process(server, Signal::STOP);
        loop {
            let before = self.paused.len();
            for child in children(server) {
                if !self.paused.contains(&child) {
                    let _ = kill_process(child, Signal::STOP);
                    self.paused.push(child);
                }
            }
            if self.paused.len() == before {
                return;
            }
        }
    }

    /// Lets them go on.
    pub(super) fn resume(&mut self) {
        for process in self.paused.drain(..).rev() {
            let _ = kill_process(process, Signal::CONT);
        }
    }

    fn number(&self) -> MutexGuard<'_, Option<Pid>> {
        self.number.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.resume();
        // PostgreSQL's immediate shutdown: it leaves no shared memory behind. Redis just ends.
        self.signal(Signal::QUIT);
        if !self.has_ended_within(Duration::from_secs(5)) {
            self.kill();
            self.has_ended_within(Duration::from_secs(5));
        }
    }
}

/// Reads what a program says, for otherwise it would be stopped by a full pipe.
fn listen(
    output: impl Read,
    ready: &str,
    said: &Mutex<VecDeque<String>>,
    state: &watch::Sender<State>,
) {
    let mut lines = BufReader::new(output);
    let mut line = Vec::new();
    while lines
        .read_until(b'\n', &mut line)
        .is_ok_and(|read| read > 0)
    {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        line.clear();
        let is_ready = text.contains(ready);
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() == TAIL {
            said.pop_front();
        }
        said.push_back(text);
        drop(said);
        if is_ready {
            let _ = state.send(State::Ready);
        }
    }
}

fn reap(child: &mut Child, number: &Mutex<Option<Pid>>) {
    // Nobody sends a signal to a number that is free again.
    let mut number = number.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = child.wait();
    *number = None;
}

/// The children of a process.
fn children(parent: Pid) -> Vec<Pid> {
    let parent = parent.as_raw_nonzero().get();
    let all = if Path::new("/proc/self/stat").exists() {
        from_proc()
    } else {
        from_ps()
    };
    let own = all.into_iter().filter(|(_, of)| *of == parent);
    own.filter_map(|(process, _)| Pid::from_raw(process))
        .collect()
}

/// All processes and their parents.
fn from_proc() -> Vec<(i32, i32)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let read = entries.filter_map(|entry| {
        let process = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // After the name, which may contain anything: the state and the parent.
        let (_, rest) = stat.rsplit_once(')')?;
        let parent = rest.split_whitespace().nth(1)?.parse().ok()?;
        Some((process, parent))
    });
    read.collect()
}

fn from_ps() -> Vec<(i32, i32)> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    });
    lines.collect()
}
