//! Telling somebody: when health gets bad, again while it lasts, and when it is over.
//!
//! [`Alerter`] listens to a monitor and makes an [`Alert`] of what has changed. Each [`AlertSink`]
//! has an outbox of its own and a task that empties it: a webhook that hangs holds up neither the
//! monitor nor another sink, and one that is away hears the newest word when it is back.
//!
//! - [`LogSink`] writes alerts to the log.
//! - [`Webhook`] posts them as signed JSON; [`verify`] is for whoever receives them.
//! - A user's own implements [`AlertSink`].

mod alarm;
mod alert;
mod delivery;
mod dispatch;
mod log;
mod outbox;
mod sink;
mod webhook;

pub use alert::{Alert, AlertKind};
pub use dispatch::{AlertOptions, AlertStatistics, Alerter};
pub use log::LogSink;
pub use outbox::SinkStatistics;
pub use sink::{AlertError, AlertSink};
pub use webhook::{Webhook, WebhookError, verify};
