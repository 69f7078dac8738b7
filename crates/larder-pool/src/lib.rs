//! Connections to PostgreSQL for Larder.
//!
//! A [`Pool`] makes connections by its [`ConnectOptions`] and lends them out. A
//! caller waits in the pool's own queue, with a deadline, and gets a [`Session`]: a
//! connection for several statements that each commit by themselves. Or it hands a
//! closure to [`Pool::transaction`], and the closure's end decides: `Ok` commits,
//! and everything else (an error, a panic, a dropped future) rolls back.
//!
//! The queue is bounded, and knows when more is asked than can be done: then those who have
//! waited for longest are sent away at once with [`Error::Overloaded`], and the others are served
//! in time. [`PoolStatus`] says who holds connections, since when and from where.
//!
//! [`Connection`] is Larder's own and carries every query of Diesel. What a user
//! leaves open on it is ended on the server before the next user gets it, or the
//! connection is closed: a connection that cannot be proved clean is never lent again.
//!
//! This crate knows nothing of caching, of profiles or of domain services.

mod acquire;
mod admission;
mod advisor;
mod apart;
mod checkout;
mod closure;
mod connect_error;
mod connect_options;
mod connection;
mod connector;
mod current;
pub mod deadline;
mod error;
mod error_class;
mod explain;
mod holders;
mod lanes;
mod observer;
mod password;
mod pool;
mod pool_options;
mod pooler_reply;
mod repetitions;
mod retry;
mod server_error;
mod session;
mod shelf;
mod supply;
mod tls;
mod transaction;
mod transaction_settings;
mod trouble;
mod unknown_outcome;
mod upkeep;
mod written;

pub use crate::admission::{AcquireError, OverloadCause, OverloadedError};
pub use crate::advisor::{AdviceReason, PoolAdvice};
pub use crate::checkout::ConnectFailure;
pub use crate::closure::{AsyncClosure, RepeatableClosure};
pub use crate::connect_error::{ConnectError, ConnectErrorCause, FailedAttempt};
pub use crate::connect_options::{ConnectOptions, PoolerMode, Target, TargetSessionAttrs};
pub use crate::connection::{
    BeginningStatement, BoundValues, Connection, Origin, OwnedQuery, PortableRows, Recorded,
    Recording, Row, Rows, SentStatement, SessionSettings, TransactionManager, TransactionState,
    Value, query_text, static_query_id,
};
pub use crate::error::{Error, ErrorKind};
pub use crate::error_class::ErrorClass;
pub use crate::explain::ExplainOptions;
pub use crate::holders::{CancelRequest, Holder, NestedCheckoutError, holding_as};
pub use crate::lanes::{
    BypassReason, LANE_SUFFIX, LaneFailure, LaneOptions, LaneRows, LaneStatus, LaneTurn, Reader,
    ReaderRows,
};
pub use crate::observer::{
    Companion, EndedStatement, Observer, PoolObserver, RetryEvent, RetryRefusal, StatementOutcome,
    TransactionEvent,
};
pub use crate::password::PasswordRequest;
pub use crate::pool::Pool;
pub use crate::pool_options::{PoolOptions, PoolStart, PoolStatus};
pub use crate::repetitions::{Repetition, Repetitions};
pub use crate::retry::{Retry, RetryBudget, RetryPolicy, RetryReason, RetryableError};
pub use crate::server_error::{ServerError, SqlState};
pub use crate::session::Session;
pub use crate::tls::{ChannelBinding, TlsMode, TlsOptions};
pub use crate::transaction::{IsolationLevel, TransactionBuilder, TransactionError};
pub use crate::transaction_settings::TransactionSettings;
pub use crate::unknown_outcome::{CommitOutcome, UnknownOutcome};
pub use crate::written::{BoundKey, Effects, Written, WrittenKeys};
pub use secrecy::SecretString;
