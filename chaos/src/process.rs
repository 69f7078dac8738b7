//! Child processes that do not outlive their parent, however that ends.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::{Error, Result};

/// The word after which another program stands that this one becomes.
pub(crate) const COMMAND: &str = "become";

/// This program again.
pub(crate) fn this_program() -> Result<Command> {
    let program: PathBuf =
        std::env::current_exe().map_err(|error| Error::step("find this program", error))?;
    Ok(Command::new(program))
}

/// Another program, which ends with this one.
pub(crate) fn attached(program: impl AsRef<OsStr>) -> Result<Command> {
    let mut command = this_program()?;
    command.arg(COMMAND).arg(program);
    Ok(command)
}

/// Sends this process a signal when its parent ends: one that is killed tidies nothing up.
pub(crate) fn end_with_parent(signal: Signal) {
    #[cfg(target_os = "linux")]
    {
        // Where it is refused, a worker still sees its standard input end.
        let _ = rustix::process::set_parent_process_death_signal(Some(signal));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = signal;
}

/// What runs as `become PROGRAM ARGUMENTS`: it lasts until here if that fails.
pub(crate) fn become_program() -> ExitCode {
    end_with_parent(Signal::KILL);
    let mut words = std::env::args_os().skip(2);
    let Some(program) = words.next() else {
        return ExitCode::FAILURE;
    };
    let error = Command::new(&program).args(words).exec();
    eprintln!("failed to start {}: {error}", program.display());
    ExitCode::FAILURE
}

/// Sends a signal to a child; that it is gone already is no error.
pub(crate) fn signal(child: &Child, signal: Signal) {
    if let Some(pid) = pid_of(child) {
        let _ = kill_process(pid, signal);
    }
}

/// The number of a child.
pub(crate) fn pid_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}
