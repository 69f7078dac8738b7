//! Where a connection leads, and how its session reads.

use std::time::Instant;

use super::{Connection, SessionSettings};

/// What is known of a connection that decides whether what is read on it may be kept.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Origin<'a> {
    /// The settings with which its session began.
    pub settings: &'a SessionSettings,
    /// Whether the server was a standby when it was made.
    pub is_standby: bool,
    /// When somebody began to make it.
    pub opened_at: Instant,
}

impl<'a> Origin<'a> {
    pub(crate) fn new(settings: &'a SessionSettings, is_standby: bool, opened_at: Instant) -> Self {
        Self {
            settings,
            is_standby,
            opened_at,
        }
    }
}

impl Connection {
    /// Where it leads, and how its session began.
    pub fn origin(&self) -> Origin<'_> {
        let link = self.link();
        Origin::new(link.settings(), link.is_standby(), self.opened_at())
    }
}
