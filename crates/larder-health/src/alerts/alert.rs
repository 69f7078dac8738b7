//! What somebody is told.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{Cause, Status};

/// Something that somebody should know of now. The display text is one line for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Alert {
    /// Which incident it belongs to: the same from its first alert to the one that ends it.
    pub incident: String,
    /// Its number within the incident, from 1 on. Some may be missing: what could not be sent before
    /// there was newer word never is.
    pub sequence: u64,
    /// What happened to the incident.
    pub kind: AlertKind,
    /// The instance that is concerned.
    pub instance: String,
    /// The profile that it runs with, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// When it was noticed.
    pub at: DateTime<Utc>,
    /// When the incident began.
    pub since: DateTime<Utc>,
    /// How well the instance is now.
    pub status: Status,
    /// How well it was when somebody was told last.
    pub previous: Status,
    /// What is wrong and follows from nothing else; of what is resolved, what was.
    pub causes: Vec<Cause>,
    /// Name and reason of each probe that makes the status what it is.
    pub reasons: Vec<String>,
}

/// What happened to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AlertKind {
    /// It began.
    Started,
    /// It has another status or another cause.
    Changed,
    /// It lasts.
    Repeated,
    /// It is over.
    Resolved,
    /// The instance was shut down while it lasted: nobody watches it any more, and this is the last
    /// that is heard of it. Whoever closes incidents that are resolved should close this one too.
    Stopped,
}

impl AlertKind {
    /// The kind as one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Changed => "changed",
            Self::Repeated => "repeated",
            Self::Resolved => "resolved",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for AlertKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.instance)?;
        if let Some(profile) = &self.profile {
            write!(f, " in {profile}")?;
        }
        match self.kind {
            AlertKind::Stopped => write!(f, " was shut down while {} (stopped)", self.status)?,
            kind => write!(f, " is {} ({kind})", self.status)?,
        }
        let words: Vec<String> = self
            .causes
            .iter()
            .map(|cause| format!("{}: {}", cause.probe, cause.reason))
            .collect();
        match words.is_empty() {
            true => Ok(()),
            false => write!(f, ": {}", words.join("; ")),
        }
    }
}
