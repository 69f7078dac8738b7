//! What a connection promises when answers are lost or late and when its user leaves, on a real
//! server: a module per subject.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod deadline;
mod late;
mod next_user;
mod outcome;
mod support;
