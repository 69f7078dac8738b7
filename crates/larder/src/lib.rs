//! The data layer of a Rust service: one dependency that owns all access to PostgreSQL.
//!
//! A service says `Larder::from_env()` once. The profile (`LARDER_PROFILE`: dev,
//! staging, prod or test), `larder.toml` and the environment decide the rest: which
//! server, how many connections, which deadlines. In dev and test without a
//! `DATABASE_URL`, and with the feature `embedded`, PostgreSQL runs inside the program.
//!
//! ```no_run
//! use larder::prelude::*;
//!
//! # #[tokio::main]
//! # async fn main() -> larder::Result<()> {
//! let larder = Larder::from_env().await?;
//! larder.migrate().await?;
//!
//! // A transaction: commit on Ok, rollback on an error, a panic or a dropped future.
//! let id: i64 = larder
//!     .db()
//!     .transaction(async |conn| {
//!         sql("INSERT INTO restaurants (name, city) VALUES (:name, :city) RETURNING id")
//!             .bind("name", "Riviera Caterer")
//!             .bind("city", "Brooklyn")
//!             .fetch_scalar_on(conn)
//!             .await
//!     })
//!     .await?;
//!
//! // A typed service.
//! let near = larder
//!     .restaurants()
//!     .nearby(Point::new(40.58, -73.98)?, kilometers(2.0))
//!     .limit(20)
//!     .load()
//!     .await?;
//! println!("restaurant {id} and {} more nearby", near.len());
//!
//! larder.shutdown().await
//! # }
//! ```
//!
//! What is written inside a transaction or on a session is plain Diesel: `query.load(conn)`.
//! The [`prelude`] brings what that needs.
//!
//! This crate puts the others together and has no logic of its own: settings are read
//! by [`config`], connections are the business of [`pool`], the database that a service
//! talks to is [`database`], and the domain services are [`services`].

#[cfg(feature = "admin")]
mod admin_pages;
mod builder;
mod error;
mod global;
mod instance;
pub mod prelude;
mod statistics;
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "opentelemetry")]
mod traces;
mod watch;

pub use crate::builder::LarderBuilder;
pub use crate::error::{Error, ErrorKind, Result};
pub use crate::global::{get, init, init_with, shutdown};
pub use crate::instance::{DatabaseKind, Larder};
pub use crate::statistics::{CacheTiers, PoolStatistics, Statistics};
pub use crate::telemetry::init_tracing;
#[cfg(feature = "opentelemetry")]
pub use crate::traces::{init_tracing_with, opentelemetry_layer};

#[cfg(feature = "admin")]
pub use larder_admin as admin;
pub use larder_config as config;
pub use larder_database as database;
#[cfg(feature = "cached-crate")]
pub use larder_database::CachedStore;
#[cfg(feature = "embedded")]
pub use larder_embedded as embedded;
pub use larder_health as health;
pub use larder_metrics as metrics;
pub use larder_pool as pool;
pub use larder_services as services;

pub use larder_database::{Retry, StatementSummary, deadline, request};
#[cfg(feature = "testing")]
pub use larder_macros::test;
pub use larder_pool::{
    CommitOutcome, ErrorClass, RetryPolicy, RetryReason, RetryableError, UnknownOutcome,
};
pub use larder_services::{cache_put, cached, invalidates, operation};

pub use diesel;
pub use diesel_async;
pub use diesel_migrations;

/// The examples of the README, compiled and run with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
