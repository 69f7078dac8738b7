//! Doing it again: what may be run again, how often, after which pause, and at whose expense.
//!
//! [`Retry`] runs a closure until it succeeds or its [`RetryPolicy`] gives up. Whether a failure
//! may be run again is decided by what the server said on the connection, never by a text: a
//! [`RetryReason`] exists only for what is known to have had no effect. A [budget](RetryBudget)
//! per pool keeps retries from multiplying the load of a database that is in trouble.

mod attempts;
mod budget;
mod policy;
mod reason;
mod runs;

pub use self::budget::RetryBudget;
pub use self::policy::RetryPolicy;
pub use self::reason::{RetryReason, RetryableError};
pub use self::runs::Retry;

pub(crate) use self::budget::Bucket;
pub(crate) use self::reason::FailureCause;
