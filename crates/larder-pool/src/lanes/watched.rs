//! What the observer hears of a read on a lane.

use std::sync::Arc;

use super::request::{Request, WholeRows};
use crate::connection::{Observation, SentStatement};
use crate::deadline;
use crate::server_error::ServerError;

/// A read that is observed to its end, whatever that is.
pub(super) struct Watched(Option<Observation>);

impl Watched {
    pub(super) fn new(observation: Observation) -> Self {
        Self(Some(observation))
    }

    /// It will be sent as this.
    pub(super) fn sends(&mut self, request: &Arc<Request>) {
        if let Some(observation) = &mut self.0 {
            observation.sends(SentStatement::of(Arc::clone(request) as _));
        }
    }

    pub(super) fn answered(&mut self, whole: &WholeRows) {
        if let Some(mut observation) = self.0.take() {
            observation.rows_arrived(whole.rows.len() as u64, whole.bytes, whole.values);
            observation.answered(None);
        }
    }

    pub(super) fn refused(&mut self, error: &ServerError) {
        if let Some(observation) = self.0.take() {
            observation.refused(error);
        }
    }

    pub(super) fn not_sent(&mut self, error: &ServerError) {
        if let Some(observation) = self.0.take() {
            observation.not_sent(Some(error));
        }
    }

    /// It runs elsewhere, and how that ends is told there.
    pub(super) fn leave(&mut self) {
        self.0 = None;
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(observation) = self.0.take() {
            // A read leaves nothing to be told of later.
            drop(observation.abandoned(deadline::passed().is_some()));
        }
    }
}
