//! Where alerts go.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::Alert;

/// Where alerts go: a pager, a chat, a queue.
///
/// Alerts come one after the other, those of an incident in their order. What fails for now is tried
/// again until it succeeds or there is newer word of the incident, so an alert may come twice, or
/// never; its incident and its sequence tell.
///
/// ```
/// use std::sync::Arc;
/// use futures::future::BoxFuture;
/// use larder_health::alerts::{Alert, AlertError, AlertSink};
///
/// struct Pager;
///
/// impl AlertSink for Pager {
///     fn name(&self) -> &str {
///         "pager"
///     }
///
///     fn send(&self, alert: Arc<Alert>) -> BoxFuture<'_, Result<(), AlertError>> {
///         Box::pin(async move {
///             println!("{alert}");
///             Ok(())
///         })
///     }
/// }
/// ```
pub trait AlertSink: Send + Sync + 'static {
    /// Its name in the log and in metrics, one of few.
    fn name(&self) -> &str;

    /// Sends one.
    ///
    /// # Errors
    ///
    /// [`AlertError`] says whether trying again may help.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when it takes too long, and a new one tried then.
    fn send(&self, alert: Arc<Alert>) -> BoxFuture<'_, Result<(), AlertError>>;
}

impl<S: AlertSink + ?Sized> AlertSink for Arc<S> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn send(&self, alert: Arc<Alert>) -> BoxFuture<'_, Result<(), AlertError>> {
        (**self).send(alert)
    }
}

/// An alert could not be sent. Its text reads after "failed to".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("send an alert: {reason}")]
#[non_exhaustive]
pub struct AlertError {
    /// Why. It must not repeat a secret, such as a token in a URL: it is logged.
    pub reason: String,
    /// Whether trying again may help.
    pub is_temporary: bool,
}

impl AlertError {
    /// Trying again may help.
    pub fn temporary(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            is_temporary: true,
        }
    }

    /// Trying again cannot help.
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            is_temporary: false,
        }
    }
}
