//! The pages.
//!
//! - `probes`: `/livez`, `/readyz`, `/healthz`; `metrics`: `/metrics`.
//! - `dashboard`: the page for people and its files; `login`: the form in front of it.
//! - `api`: the same as JSON; `live`: the same each second.
//! - `actions`: what may be done from the dashboard.
//! - `problem`: what is answered where something is wrong.

mod actions;
mod api;
mod dashboard;
mod live;
mod login;
mod metrics;
mod probes;
mod problem;
mod routes;

pub(crate) use self::problem::Problem;
pub(crate) use self::routes::router;
