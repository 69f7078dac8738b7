//! Telling somebody: when health gets bad, again while it lasts, and when it is over.
//!
//! [`Alerter`] listens to a monitor and makes an [`Alert`] of what has changed. Each [`AlertSink`]
//! has a queue of its own and a task that empties it, with retries: a webhook that hangs holds
//! up neither the monitor nor another sink.
//!
//! - [`LogSink`] writes alerts to the log.
//! - [`Webhook`] posts them as signed JSON; [`verify`] is for whoever receives them.
//! - A user's own implements [`AlertSink`].

mod alarm;
mod alert;
mod dispatch;
mod log;
mod sink;
mod webhook;

pub use alert::{Alert, AlertKind};
pub use dispatch::{AlertOptions, Alerter, SinkStatistics};
pub use log::LogSink;
pub use sink::{AlertError, AlertSink};
pub use webhook::{Webhook, WebhookError, verify};
