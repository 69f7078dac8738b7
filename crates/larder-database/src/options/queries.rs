//! What is noted of single statements.

use std::time::Duration;

use larder_config::Config;

use super::count;
use crate::slow::TraceContext;

/// What is noted of single statements.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct QuerySettings {
    /// From which duration on a statement counts and is logged as slow. 1 s by default.
    pub slow_threshold: Duration,
    /// Whether every statement is logged, without its values. Off by default.
    pub log: bool,
    /// Whether series are kept for the metrics exporter. On by default.
    pub metrics: bool,
    /// Whether each distinct statement gets series of its own. Off by default.
    pub per_fingerprint: bool,
    /// Whether the predecessor's metrics are filled too. Off by default.
    pub legacy_names: bool,
    /// From which duration on statements of some operations are slow, by `service.operation` or by
    /// `service`. None by default.
    pub slow_thresholds: Vec<(String, Duration)>,
    /// How many texts are told apart in [`Database::statements`](crate::Database::statements). 500 by default.
    pub statements: usize,
    /// How many plans of slow statements are asked of the server in a minute, in the background; 0
    /// for none. 6 by default.
    pub explain_per_minute: u32,
    /// How long the server may take for one of them. 1 s by default.
    pub explain_timeout: Duration,
    /// Whether what does nothing but read is run once more for its plan. Off by default.
    pub explain_analyze: bool,
    /// Whether examples and plans show the values that were bound. Off by default.
    pub show_values: bool,
    /// How often one session or request may run the same statement before that is noticed as a
    /// repetition; 0 for never. 10 by default.
    pub repetitions: u32,
    /// What statements carry to the server as a comment, if anything.
    pub trace_context: TraceContext,
}

impl Default for QuerySettings {
    fn default() -> Self {
        Self {
            slow_threshold: Duration::from_secs(1),
            log: false,
            metrics: true,
            per_fingerprint: false,
            legacy_names: false,
            slow_thresholds: Vec::new(),
            statements: 500,
            explain_per_minute: 6,
            explain_timeout: Duration::from_secs(1),
            explain_analyze: false,
            show_values: false,
            repetitions: 10,
            trace_context: TraceContext::default(),
        }
    }
}

impl QuerySettings {
    /// What the settings say.
    pub(super) fn of(config: &Config) -> Self {
        let query = &config.query;
        let thresholds = query.slow_thresholds.iter();
        Self {
            slow_threshold: query.slow_threshold,
            slow_thresholds: thresholds
                .map(|one| (one.operation.clone(), one.threshold))
                .collect(),
            log: query.log,
            metrics: config.metrics.enabled,
            per_fingerprint: config.metrics.per_fingerprint,
            legacy_names: config.metrics.legacy_names,
            statements: count(query.statements),
            explain_per_minute: query.explain_per_minute,
            explain_timeout: query.explain_timeout,
            explain_analyze: query.explain_analyze,
            show_values: query.show_values,
            repetitions: query.repetitions,
            // Only who keeps traces knows them.
            trace_context: TraceContext::default(),
        }
    }
}
