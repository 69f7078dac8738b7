//! Running programs: short helpers in the background, long work in the foreground.

use std::io::{BufRead, BufReader, ErrorKind, IsTerminal};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};

use crate::error::{Error, Result};
use crate::interrupts;

const POLL: Duration = Duration::from_millis(25);

/// After the first Ctrl-C a program has this long to end by itself.
const GRACE: Duration = Duration::from_secs(10);

/// Runs a helper to its end and returns its output, an error if it fails.
///
/// Helpers are in a process group of their own: Ctrl-C does not reach them, so
/// that what stops the servers is not stopped itself.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let name = name_of(command);
    let output = output(command)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = if said.trim().is_empty() {
        String::from_utf8_lossy(&output.stdout)
    } else {
        said
    };
    Err(Error::step(format!(
        "run {name} ({}): {}",
        output.status,
        said.trim()
    )))
}

/// Whether a helper can be started and ends well; what it prints is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    output(command).is_ok_and(|output| output.status.success())
}

/// Runs a helper to its end, whatever that is.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    let name = name_of(command);
    command
        .stdin(Stdio::null())
        .process_group(0)
        .output()
        .map_err(|source| Error::caused(format!("start {name}"), source))
}

/// Runs the work that the user watches: it has the terminal, and Ctrl-C.
///
/// At a terminal the program shares xtask's process group, so the terminal
/// itself sends it Ctrl-C. Without one it gets a group, and what comes to xtask
/// is passed on to all of it. The second signal kills it.
pub(crate) fn foreground(command: &mut Command) -> Result<ExitStatus> {
    watched(command, |_| {})
}

/// The same for a program whose standard output is read, line by line, and not shown.
pub(crate) fn foreground_lines(
    command: &mut Command,
    mut each: impl FnMut(&str) + Send,
) -> Result<ExitStatus> {
    command.stdout(Stdio::piped());
    watched(command, |output| {
        for line in BufReader::new(output)
            .split(b'\n')
            .map_while(std::io::Result::ok)
        {
            each(&String::from_utf8_lossy(&line));
        }
    })
}

fn watched(command: &mut Command, read: impl FnOnce(ChildStdout) + Send) -> Result<ExitStatus> {
    interrupts::check()?;
    let name = name_of(command);
    let shares_group = std::io::stdin().is_terminal();
    if !shares_group {
        command.process_group(0);
    }
    let mut child = command.spawn().map_err(|source| match source.kind() {
        ErrorKind::NotFound => Error::Missing(format!("failed to find the program {name}")),
        _ => Error::caused(format!("start {name}"), source),
    })?;
    let output = child.stdout.take();
    let status = std::thread::scope(|scope| {
        if let Some(output) = output {
            scope.spawn(|| read(output));
        }
        wait(&mut child, shares_group)
    })
    .map_err(|source| Error::caused(format!("wait for {name}"), source))?;
    // What ended on Ctrl-C may be seen to end before the Ctrl-C itself is seen.
    let by_signal = [status.signal(), status.code().map(|code| code - 128)]
        .contains(&Some(Signal::INT.as_raw()));
    if by_signal || interrupts::received() > 0 {
        if !shares_group {
            signal(&child, false, Signal::KILL);
        }
        return Err(Error::Interrupted);
    }
    Ok(status)
}

fn wait(child: &mut Child, shares_group: bool) -> std::io::Result<ExitStatus> {
    let mut first: Option<Instant> = None;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        match (interrupts::received(), first) {
            (0, _) => {}
            (_, None) => {
                first = Some(Instant::now());
                if !shares_group || interrupts::last() != Signal::INT {
                    signal(child, shares_group, interrupts::last());
                }
            }
            (1, Some(since)) if since.elapsed() < GRACE => {}
            (_, Some(_)) => {
                signal(child, shares_group, Signal::KILL);
                return child.wait();
            }
        }
        std::thread::sleep(POLL);
    }
}

fn signal(child: &Child, shares_group: bool, signal: Signal) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // An error means that it is gone already.
        let _ = if shares_group {
            kill_process(pid, signal)
        } else {
            kill_process_group(pid, signal)
        };
    }
}

/// Turns the end of the work into a result; the program has said why it failed.
pub(crate) fn success(name: &str, status: ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    let code = code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Err(Error::Program {
        name: name.to_owned(),
        code,
    })
}

/// Sends `first` to a process, and kills it if it is still there after `patience`.
/// Returns whether it is gone.
pub(crate) fn end(pid: i32, first: Signal, patience: Duration) -> bool {
    for (signal, patience) in [(first, patience), (Signal::KILL, Duration::from_secs(5))] {
        let Some(pid) = Pid::from_raw(pid) else {
            return true;
        };
        let _ = kill_process(pid, signal);
        let since = Instant::now();
        while since.elapsed() < patience {
            if test_kill_process(pid).is_err() || is_zombie(pid) {
                return true;
            }
            std::thread::sleep(POLL);
        }
    }
    false
}

/// Where nobody reaps orphans (a container without an init process) an ended
/// server stays in the process table.
fn is_zombie(pid: Pid) -> bool {
    std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).is_ok_and(|stat| {
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.starts_with(" Z"))
    })
}

/// The command line of a live process, its arguments joined by blanks.
pub(crate) fn command_line(pid: i32) -> Option<String> {
    if Path::new("/proc/self/cmdline").exists() {
        let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let text = String::from_utf8_lossy(&bytes).replace('\0', " ");
        return Some(text.trim_end().to_owned()).filter(|text| !text.is_empty());
    }
    capture(Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()])).ok()
}

fn name_of(command: &Command) -> String {
    let program = Path::new(command.get_program());
    program
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy()
        .into_owned()
}
