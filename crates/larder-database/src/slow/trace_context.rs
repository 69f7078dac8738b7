//! What tells the server which trace a statement belongs to.

use std::fmt;
use std::sync::Arc;

use tracing::Span;

/// Tells the identity of the trace that a span belongs to, as a `traceparent` of the W3C's.
type Identify = dyn Fn(&Span) -> Option<String> + Send + Sync;

/// What statements carry to the server so that they can be found in its log and in
/// `pg_stat_activity`: the identity of their trace. Nothing by default.
#[derive(Clone, Default)]
pub struct TraceContext(Option<Arc<Identify>>);

impl TraceContext {
    /// Asks this for the `traceparent` of a span, and of what is current where there is none. It
    /// should give one only for traces that are recorded: a statement with one is sent without a
    /// name, so that the server plans it anew.
    pub fn new(identify: impl Fn(&Span) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(identify)))
    }

    pub(crate) fn of(&self, span: &Span) -> Option<String> {
        self.0.as_ref()?(span)
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() {
            "TraceContext"
        } else {
            "None"
        })
    }
}
