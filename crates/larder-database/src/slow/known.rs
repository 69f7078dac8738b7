//! What is known of statements by their text, for whoever asks.

use larder_metrics::statements::StatementSummary;

use crate::Database;

impl Database {
    /// What is known of statements by their text, those that took longest together first: calls,
    /// errors, rows, quantiles, the share that the cache answered, an example and the plan of slow
    /// ones. As many texts as `query.statements` says are told apart; what there is beyond them
    /// comes last as `other`.
    ///
    /// It answers from memory, in about a millisecond for each hundred texts.
    ///
    /// ```no_run
    /// # fn example(db: larder_database::Database) {
    /// for statement in db.statements().iter().filter(|statement| statement.slow > 0) {
    ///     println!("{} of {} were slow: {}", statement.slow, statement.calls, statement.text);
    /// }
    /// # }
    /// ```
    pub fn statements(&self) -> Vec<StatementSummary> {
        let mut summaries = self.inner().watcher.queries.statements().summaries();
        let served = self.inner().classes.served();
        for summary in &mut summaries {
            if let Some(served) = served.get(&summary.fingerprint) {
                summary.cached = served.cached;
                summary.cached_share = served.share();
            }
        }
        summaries
    }
}
