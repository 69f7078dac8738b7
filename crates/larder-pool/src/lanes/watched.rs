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
            drop(observation.abandoned(deadline::is_over()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, MutexGuard, PoisonError};
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::connection::Watch;
    use crate::written::Written;
    use crate::{EndedStatement, Observer, PoolObserver, StatementOutcome};

    /// How each statement ended.
    #[derive(Default)]
    struct Ends(Mutex<Vec<&'static str>>);

    impl Ends {
        fn all(&self) -> MutexGuard<'_, Vec<&'static str>> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl PoolObserver for Ends {
        fn statement_ended(&self, statement: &EndedStatement<'_>) {
            self.all().push(match statement.outcome {
                StatementOutcome::Lost => "lost",
                StatementOutcome::Abandoned => "abandoned",
                _ => "otherwise",
            });
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_is_told_from_an_answer_that_does_not_come_in_time() {
        let ends = Arc::new(Ends::default());
        let watch = Watch::new("main", Observer::new(Arc::clone(&ends) as _));
        let waiting = || async {
            let profile = watch.profiles().of_text("SELECT 1");
            let statement = Written {
                profile,
                keys: None,
            };
            let _watched = Watched::new(Observation::of_read(&watch, statement));
            std::future::pending::<()>().await;
        };
        let soon = Duration::from_secs(1);
        assert!(timeout(soon, waiting()).await.is_err());
        assert_eq!(*ends.all(), ["abandoned"]);
        ends.all().clear();
        // There is time, and the caller leaves.
        let request = deadline::within(2 * soon, timeout(soon, waiting()));
        assert!(request.await.is_ok_and(|left| left.is_err()));
        assert_eq!(*ends.all(), ["abandoned"]);
        ends.all().clear();
        let request = deadline::within(soon, deadline::in_time("an answer", waiting()));
        assert!(request.await.is_ok_and(|answer| answer.is_none()));
        assert!(deadline::within(soon, waiting()).await.is_err());
        assert_eq!(*ends.all(), ["lost", "lost"]);
    }
}
