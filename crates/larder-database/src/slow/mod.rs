//! Statements that deserve a look: slow ones, and those that one session or request runs again
//! and again.
//!
//! The watcher tells of each in passing (`notice.rs`). A slow one leaves an example beside what is
//! counted of its text, and where the budget allows, its plan is asked of the server in the
//! background (`explaining.rs`, `budget.rs`) on a connection that nobody has use for. `plan.rs`
//! takes the values out of a plan and writes it for people. `repeated.rs` says what a request is, and
//! `known.rs` answers what is known.

mod budget;
mod explaining;
mod known;
mod notice;
mod plan;
mod repeated;
mod trace_context;

pub use self::repeated::request;
pub use self::trace_context::TraceContext;

pub(crate) use self::explaining::explain_in_background;
pub(crate) use self::notice::Notice;
pub(crate) use self::repeated::RequestRepetitions;
