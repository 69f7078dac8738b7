//! Exit codes, the same for every command.

use std::process::{ExitCode, Termination};

/// What `--help` says of exit codes.
pub(crate) const HELP: &str = "\
Exit codes:
  0  the command did what it says
  1  the command failed
  2  the command line or the configuration is not right; nothing was done";

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it says.
    Done,
    /// It failed while working.
    Failed,
    /// The command line or the configuration is not right; nothing was done. It is the code that
    /// the command line's parser uses too.
    Misconfigured,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        match self {
            Exit::Done => ExitCode::SUCCESS,
            Exit::Failed => ExitCode::FAILURE,
            Exit::Misconfigured => ExitCode::from(2),
        }
    }
}
