//! What Larder counts, and how it is shown.
//!
//! - [`names`] is the table of all metrics: OpenTelemetry's names for database clients, and
//!   Larder's own.
//! - [`Exporter`] is the process's recorder, installed once; it renders Prometheus' text format.
//!   Components that count for themselves are read when it renders: [`Exporter::register`].
//! - [`QueryRecorder`] takes note of every statement: exact statistics, series, events for slow
//!   ones, quantiles of the last seconds. [`PoolRecorder`] does it for connections, [`CacheRecorder`] for loads of the cache.
//! - [`OperationScope`] says which service a task works for, [`ServiceRegistry`] keeps what
//!   each service did.
//! - [`PoolReading`], [`SessionReading`], [`CacheReading`], [`HealthReading`], [`AlertReading`], and for processes that share a database
//!   [`FollowerReading`], [`SecondTierReading`], [`RedisReading`] and [`ShadowReading`], are what
//!   the facade reads from components at a scrape.
//!
//! ```
//! use std::time::Duration;
//! use larder_metrics::{
//!     Exporter, InstanceName, PoolReading, QueryObservation, QueryOptions, QueryRecorder,
//! };
//!
//! let exporter = Exporter::install();
//! let pool = InstanceName::claim("main");
//!
//! // Every statement is recorded when it ends.
//! let queries = QueryRecorder::new(QueryOptions::default());
//! queries.record(&QueryObservation {
//!     pool: pool.as_str(),
//!     operation: "SELECT",
//!     collection: Some("restaurants"),
//!     fingerprint: 0x5f1d_27cc_03aa_9b10,
//!     text: "select * from restaurants where id = ?",
//!     duration: Duration::from_micros(85),
//!     rows: 1,
//!     error: None,
//! });
//! assert_eq!(queries.statistics().total, 1);
//!
//! // What components know anyway is read when somebody looks.
//! let name = pool.clone();
//! let source = exporter.register(move |scrape| {
//!     let reading = PoolReading { idle: 4, used: 1, max: 15, ..PoolReading::default() };
//!     reading.publish(scrape, name.as_str(), false);
//! });
//!
//! let page = exporter.render().expect("no other recorder was installed");
//! assert!(page.contains(r#"db_client_connection_count{pool="main",state="idle"} 4"#));
//! assert!(page.contains(r#"db_collection_name="restaurants""#));
//! drop(source);
//! ```
//!
//! # What it costs
//!
//! A statement costs 100 to 300 ns on a busy machine with two cores: a reading of the clock, two
//! histograms, three counters, one lookup. Nothing is built after the first statement of its
//! kind, and nothing is kept per statement. What components count for themselves costs nothing
//! until it is scraped.
//!
//! # Two instances in one process
//!
//! They share the recorder, and each has series of its own by the labels `pool` and `database`,
//! whose value is a name claimed from [`InstanceName`]. Where series are the same nevertheless,
//! they add up; nothing is overwritten.
//!
//! # Labels
//!
//! They have few values: never the text of a statement, a key, an id or what a user typed.
//! What comes from the program or its statements (tables, SQLSTATEs, fingerprints, services, health
//! checks) is bounded per process, with the rest under `other`: see [`names::LABELS`].

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")
)]

mod cache;
mod definition;
mod exporter;
mod gauges;
mod handle;
mod histogram;
mod instance_name;
mod labels;
mod latency;
mod marks;
pub mod names;
mod operation_scope;
mod pool;
mod query;
mod readings;
mod recent;
mod recorder;
mod scrape;
mod service;
pub mod statements;
mod window;

pub use cache::CacheRecorder;
pub use definition::{Definition, Kind};
pub use exporter::{Exporter, ScrapeSource};
pub use instance_name::InstanceName;
pub use latency::LatencyCounts;
pub use operation_scope::{CarriedOperation, OperationScope};
pub use pool::{ConnectionStatistics, PoolRecorder, TransactionOutcome};
pub use query::{QueryError, QueryObservation, QueryOptions, QueryRecorder, QueryStatistics};
pub use readings::{
    AlertReading, CacheReading, FollowerReading, HealthReading, LaneReading, PoolReading,
    RedisReading, SecondTierReading, SessionReading, ShadowReading, SinkReading,
};
pub use recent::LatencyStatistics;
pub use scrape::Scrape;
pub use service::{Outcome, ServiceRecorder, ServiceRegistry, ServiceStatistics};
pub use window::WindowStatistics;
