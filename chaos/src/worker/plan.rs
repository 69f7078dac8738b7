//! What a worker is told at its start, as one line of JSON: a command line could be read by every
//! user of the machine, and this has passwords.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::mode::{Break, Mode};
use crate::workload::Workload;

/// What a worker is told at its start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) process: u32,
    pub(crate) incarnation: u32,
    pub(crate) mode: Mode,
    pub(crate) breakage: Option<Break>,
    /// How old a result of another process may be, in milliseconds.
    pub(crate) bound: u64,
    pub(crate) seed: u64,
    pub(crate) database: String,
    pub(crate) redis: Option<String>,
    pub(crate) history: PathBuf,
    pub(crate) workload: Workload,
}
