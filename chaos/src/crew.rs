//! The workers as their parent sees them: started, told what to do, struck, started again.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::error::{Error, Result};
use crate::interrupts;
use crate::process;
use crate::worker::{self, Plan};

/// How long a worker may take to start.
const START: Duration = Duration::from_secs(30);

/// All workers of a run. They are killed when it is dropped.
pub(crate) struct Crew {
    members: Vec<Member>,
    plan: Plan,
    directory: PathBuf,
    /// What ended although nobody had struck it.
    pub(crate) crashes: Vec<String>,
}

struct Member {
    process: u32,
    incarnation: u32,
    child: Child,
    stdin: ChildStdin,
    heard: Arc<Heard>,
    killed: bool,
}

/// What a worker has said.
#[derive(Default)]
struct Heard {
    ready: AtomicBool,
    has_read_all: AtomicBool,
    strike: Mutex<Option<Strike>>,
    struck: AtomicBool,
}

/// A SIGKILL that waits for a commit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strike {
    /// How long after the worker has said that it commits.
    pub(crate) after: Duration,
    /// Only for a commit that takes its time.
    pub(crate) late: bool,
}

impl Crew {
    /// Starts workers by a plan in which their numbers and files are still missing.
    pub(crate) fn start(processes: u32, plan: Plan, directory: &Path) -> Result<Self> {
        let mut crew = Self {
            members: Vec::new(),
            plan,
            directory: directory.to_owned(),
            crashes: Vec::new(),
        };
        for process in 0..processes {
            let member = crew.spawn(process, 0)?;
            crew.members.push(member);
        }
        crew.wait_until_ready()?;
        Ok(crew)
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Waits until all work.
    pub(crate) fn wait_until_ready(&mut self) -> Result<()> {
        let ready = interrupts::wait_until(START, || {
            let mut all = true;
            for member in &mut self.members {
                let ended = matches!(member.child.try_wait(), Ok(Some(_)));
                all &= ended || member.heard.ready.load(Ordering::Acquire);
            }
            all
        })?;
        // One that ends after it was ready has crashed, or was struck: it is started again.
        let ended = self.members.iter_mut().find_map(|member| {
            let ended = matches!(member.child.try_wait(), Ok(Some(_)));
            let in_vain = ended && !member.heard.ready.load(Ordering::Acquire);
            in_vain.then_some((member.process, member.incarnation))
        });
        match ended {
            Some((process, incarnation)) => Err(Error::step(
                format!("start worker {process}"),
                self.last_words(process, incarnation),
            )),
            None if ready => Ok(()),
            None => Err(Error::step("start the workers", "one did not get ready")),
        }
    }

    /// Starts again what is dead.
    pub(crate) fn revive(&mut self) -> Result<()> {
        for index in 0..self.members.len() {
            let Some(member) = self.members.get_mut(index) else {
                continue;
            };
            let struck = member.killed || member.heard.struck.load(Ordering::Acquire);
            // One that was struck may take a moment to end.
            let ended = match struck {
                true => member.child.wait().map(Some),
                false => member.child.try_wait(),
            };
            let Ok(Some(status)) = ended else {
                continue;
            };
            let (process, incarnation) = (member.process, member.incarnation);
            if !struck {
                let words = self.last_words(process, incarnation);
                self.crashes.push(format!(
                    "worker {process}.{incarnation} ({status}): {words}"
                ));
            }
            let next = self.spawn(process, incarnation + 1)?;
            if let Some(member) = self.members.get_mut(index) {
                *member = next;
            }
        }
        self.wait_until_ready()
    }

    /// Lets a SIGKILL wait for the next commit of a worker; says whether it came.
    pub(crate) fn strike(
        &mut self,
        index: usize,
        strike: Strike,
        patience: Duration,
    ) -> Result<bool> {
        let Some(member) = self.members.get(index) else {
            return Ok(false);
        };
        let heard = Arc::clone(&member.heard);
        *lock(&heard.strike) = Some(strike);
        if strike.late {
            self.tell(index, "late");
        }
        let struck = interrupts::wait_until(patience, || heard.struck.load(Ordering::Acquire))?;
        lock(&heard.strike).take();
        Ok(struck)
    }

    /// Stops a worker without ending it, or lets it go on.
    pub(crate) fn set_paused(&self, index: usize, paused: bool) {
        if let Some(member) = self.members.get(index) {
            let signal = if paused { Signal::STOP } else { Signal::CONT };
            process::signal(&member.child, signal);
        }
    }

    /// Says something to one worker. One that is dead hears nothing.
    pub(crate) fn tell(&mut self, index: usize, text: &str) {
        if let Some(member) = self.members.get_mut(index) {
            let _ = writeln!(member.stdin, "{text}");
        }
    }

    /// Says something to all of them.
    pub(crate) fn tell_all(&mut self, text: &str) {
        for index in 0..self.members.len() {
            self.tell(index, text);
        }
    }

    /// Waits until all have read everything once more; says whether they have.
    pub(crate) fn wait_for_last_reads(&self, patience: Duration) -> Result<bool> {
        interrupts::wait_until(patience, || {
            let mut members = self.members.iter();
            members.all(|member| member.heard.has_read_all.load(Ordering::Acquire))
        })
    }

    /// Lets all end by themselves, and kills those that do not.
    pub(crate) fn stop(&mut self, patience: Duration) -> Result<()> {
        self.tell_all("stop");
        interrupts::wait_until(patience, || {
            let mut members = self.members.iter_mut();
            members.all(|member| matches!(member.child.try_wait(), Ok(Some(_))))
        })?;
        Ok(())
    }

    fn spawn(&self, process: u32, incarnation: u32) -> Result<Member> {
        let failed = |error| Error::step(format!("start worker {process}"), error);
        let name = format!("worker-{process}-{incarnation}");
        let plan = Plan {
            process,
            incarnation,
            history: self.directory.join(format!("{name}.history")),
            ..self.plan.clone()
        };
        let log = std::fs::File::create(self.directory.join(format!("{name}.log")));
        let mut child = process::this_program()?
            .arg(worker::COMMAND)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.map_err(failed)?)
            .spawn()
            .map_err(failed)?;
        let heard = Arc::new(Heard::default());
        let pipes = child.stdin.take().zip(child.stdout.take());
        let Some(((mut stdin, stdout), pid)) = pipes.zip(process::pid_of(&child)) else {
            return Err(Error::step(
                format!("start worker {process}"),
                "it has no pipes",
            ));
        };
        let text = serde_json::to_string(&plan)
            .map_err(|error| Error::step("write the plan of a worker", error))?;
        writeln!(stdin, "{text}").map_err(failed)?;
        let listener = Arc::clone(&heard);
        std::thread::spawn(move || listen(stdout, &listener, pid));
        Ok(Member {
            process,
            incarnation,
            child,
            stdin,
            heard,
            killed: false,
        })
    }

    fn last_words(&self, process: u32, incarnation: u32) -> String {
        let path = self
            .directory
            .join(format!("worker-{process}-{incarnation}.log"));
        let log = std::fs::read_to_string(path).unwrap_or_default();
        let said = log.trim();
        if said.is_empty() {
            "it ended without a word".to_owned()
        } else {
            said.to_owned()
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for member in &mut self.members {
            member.killed = true;
            let _ = member.child.kill();
        }
        for member in &mut self.members {
            let _ = member.child.wait();
        }
    }
}

/// Hears what a worker says, and strikes when it commits: from here, so that no other work is in
/// between. The child is reaped after this has seen its end, so the number is still its own.
fn listen(stdout: ChildStdout, heard: &Heard, pid: Pid) {
    for line in BufReader::new(stdout)
        .lines()
        .map_while(std::io::Result::ok)
    {
        match line.as_str() {
            "ready" => heard.ready.store(true, Ordering::Release),
            "final" => heard.has_read_all.store(true, Ordering::Release),
            "commit" | "commit late" => {
                let mut waiting = lock(&heard.strike);
                let Some(strike) = waiting.take_if(|strike| !strike.late || line == "commit late")
                else {
                    continue;
                };
                drop(waiting);
                precise_sleep(strike.after);
                if kill_process(pid, Signal::KILL).is_ok() {
                    heard.struck.store(true, Ordering::Release);
                }
                return;
            }
            _ => {}
        }
    }
}

/// A sleep of microseconds takes a scheduler's time; those spin.
fn precise_sleep(duration: Duration) {
    let since = std::time::Instant::now();
    if duration > Duration::from_millis(5) {
        std::thread::sleep(duration);
    }
    while since.elapsed() < duration {
        std::hint::spin_loop();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
