//! The error of loading: every fault of one pass.

use std::fmt;

use crate::fault::{Fault, FaultKind};
use crate::profile::Profile;

/// What went wrong while loading, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file could not be read or is not TOML; there may be other faults too.
    File,
    /// Values, keys or variables are not right.
    Invalid,
}

/// Why a configuration could not be loaded: all of its faults together.
///
/// Its `Display` begins with a fragment that reads after "failed to" and goes on with one block
/// of lines per fault.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub struct Error {
    profile: Option<Profile>,
    faults: Vec<Fault>,
}

impl Error {
    pub(crate) fn new(profile: Option<Profile>, mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.source.place_in_report());
        Error { profile, faults }
    }

    /// What went wrong, in one word.
    pub fn kind(&self) -> ErrorKind {
        let in_file =
            |fault: &Fault| matches!(fault.kind, FaultKind::UnreadableFile | FaultKind::Syntax);
        if self.faults.iter().any(in_file) {
            ErrorKind::File
        } else {
            ErrorKind::Invalid
        }
    }

    /// Every fault: those of the file by line, then those of variables, of code and of the profile.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The profile that was being loaded, where it could be told.
    pub fn profile(&self) -> Option<Profile> {
        self.profile
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("load the configuration")?;
        if let Some(profile) = self.profile {
            write!(f, " of profile {profile}")?;
        }
        match self.faults.len() {
            1 => f.write_str(": 1 fault")?,
            count => write!(f, ": {count} faults")?,
        }
        for fault in &self.faults {
            write!(f, "\n\n  {fault}")?;
        }
        Ok(())
    }
}
