//! What is known of statements by their text, for whoever asks.

use larder_metrics::statements::{StatementSummary, Statements};

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
        self.with_cached(self.known().summaries())
    }

    /// The same of this many, those that took longest together, `other` among them where it did.
    /// What else is known costs next to nothing.
    pub fn slowest_statements(&self, number: usize) -> Vec<StatementSummary> {
        self.with_cached(self.known().slowest(number))
    }

    /// The same of one, by its fingerprint; `None` if it is not known, or no more.
    pub fn statement(&self, fingerprint: &str) -> Option<StatementSummary> {
        let summary = self.known().summary_of(fingerprint)?;
        self.with_cached(vec![summary]).pop()
    }

    /// The duration of all statements together in milliseconds.
    pub fn statement_time_ms(&self) -> f64 {
        self.known().total_ms()
    }

    fn known(&self) -> &Statements {
        self.inner().watcher.queries.statements()
    }

    fn with_cached(&self, mut summaries: Vec<StatementSummary>) -> Vec<StatementSummary> {
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
