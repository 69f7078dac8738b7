//! One database for a service.
//!
//! [`Database`] is what a service holds: it lends sessions, runs transactions, runs
//! raw SQL with named parameters, keeps the results of [cached reads](Database::cached) and
//! applies migrations. It joins the pool with the cache, so that callers see one thing: what a
//! transaction wrote is known when it commits, and the results that it made wrong are gone
//! before its caller hears of the commit.
//!
//! This crate knows nothing of domain services.

mod cached;
mod closure_error;
mod coherence;
mod database;
pub mod deadline;
mod error;
mod events;
mod failpoints;
mod fleet;
mod log;
mod migrations;
mod observation;
mod options;
mod request_scope;
mod retry;
mod scope;
mod slow;
mod sql;
mod switches;
mod transaction;
mod warming;
mod watching;

#[cfg(feature = "cached-crate")]
pub use crate::cached::CachedStore;
pub use crate::cached::{
    AdviceConfidence, CacheAdvice, CacheEvidence, CacheExplanation, CacheSavings, CacheVerdict,
    CachedCall, CachedMany, CachedQuery, CachedRead, CachedSql, InvalidatingCall, Invalidation,
    ShadowStatistics, SkippingNone,
};
pub use crate::closure_error::ClosureError;
pub use crate::coherence::HotTable;
pub use crate::database::Database;
pub use crate::error::{Error, ErrorKind};
pub use crate::events::{CacheEvent, CacheEvents};
pub use crate::fleet::{FollowerStatistics, SecondTierStatistics};
pub use crate::log::{LogStatus, MissingRight};
pub use crate::migrations::MigrationReport;
pub use crate::options::{CacheMode, CacheSettings, DatabaseOptions, Hints, QuerySettings};
pub use crate::request_scope::{Scope, ScopeError};
pub use crate::retry::Retry;
pub use crate::scope::{CacheTrace, ReadOrigin, TracedRead, TracedStatement, carry};
pub use crate::slow::{TraceContext, request};
pub use crate::sql::{BoundSql, Sql, SqlValue, sql};
pub use crate::switches::CacheTarget;
pub use crate::transaction::TransactionBuilder;
pub use crate::warming::{
    WarmingAnswer, WarmingFailure, WarmingProgress, WarmingReport, WarmingRequest,
};

pub use larder_cache::l2::{RedisOptions, RedisServer, RedisStatistics, Seal};
pub use larder_cache::{CacheStatistics, Cause, Clock, ManualClock};
pub use larder_metrics::statements::{PlanSnapshot, StatementSummary};
pub use larder_metrics::{
    ConnectionStatistics, LatencyCounts, LatencyStatistics, OperationScope, QueryStatistics,
    ServiceRecorder, ServiceRegistry, ServiceStatistics, WindowStatistics,
};
pub use larder_pool::{
    CancelRequest, CommitOutcome, Connection, ErrorClass, Holder, IsolationLevel, PoolStatus,
    Reader, RetryPolicy, RetryableError, UnknownOutcome,
};
pub use larder_sql::catalog::Declarations;
