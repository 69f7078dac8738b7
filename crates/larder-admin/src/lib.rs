//! What an instance shows of itself over HTTP: health for probes, metrics for scrapers, a
//! dashboard for people.
//!
//! An [`Admin`] is a set of pages over one instance, as an axum `Router` to mount
//! ([`Admin::router`]) or on a port of its own ([`bind`], [`Admin::serve`]):
//!
//! | page | what it gives |
//! |---|---|
//! | `/livez` | 200 while the process serves, whatever the database does |
//! | `/readyz` | 200 for healthy and degraded, 503 for unhealthy and critical |
//! | `/healthz` | the full report as `application/health+json` |
//! | `/metrics` | everything that is counted, in Prometheus' text format |
//! | `/dashboard` | one page for people, live |
//! | `/api/overview`, `/api/history`, `/api/statements`, `/api/statements/{fingerprint}` | the same as JSON |
//! | `/api/live` | the overview each second, as server-sent events |
//! | `/api/actions/invalidate`, `/api/actions/cancel` | by POST, where `admin.actions` is on |
//!
//! # No query
//!
//! Every page is answered from memory: what the health monitor found last, and what the sampler
//! reads of the counters each second. However many look, the database is asked nothing. `/metrics`
//! and `/api/overview` are made once for all who ask within 250 ms, so what they say may be that
//! old, and, as all that takes its time, on a thread of its own beside those of the service. (The two
//! actions are what they say: an invalidation is written to the log, a cancelled statement is one
//! request to the server.)
//!
//! # Who may look
//!
//! `/livez` and `/readyz` say one word and answer anybody. Everything else asks for the token of
//! the settings, by `Authorization: Bearer` or by the form of the dashboard. Without a token it
//! answers only programs of this machine, not those a proxy speaks for, and only who asks for this
//! machine by a name of its own, so that no foreign web site can read it through a visitor's
//! browser. A router that is mounted learns where a request comes from by
//! `into_make_service_with_connect_info::<SocketAddr>()`; it refuses where it does not know. The
//! dashboard loads nothing from elsewhere and has neither inline scripts nor inline styles, and its
//! headers forbid both.
//!
//! # Code map
//!
//! | module | subject |
//! |---|---|
//! | `admin` | the set of pages, and what it needs |
//! | `sampler` | a reading of the counters each second, kept for 15 minutes |
//! | `events` | what happened lately, in words |
//! | `picture` | what the dashboard is told of the moment |
//! | `shared_page` | a page made once for all who ask at about the same time |
//! | `guard` | who may look, and what browsers may do with it |
//! | `pages` | the pages |
//! | `server` | a port of its own |

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "tests fail by panicking"))]

mod admin;
mod error;
mod events;
mod guard;
mod pages;
mod picture;
mod sampler;
mod server;
mod shared_page;

pub use axum;

pub use crate::admin::{Admin, AdminParts};
pub use crate::error::{Error, ErrorKind};
pub use crate::server::bind;
