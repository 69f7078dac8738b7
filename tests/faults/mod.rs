//! What goes wrong around a database, by number: each fault is made to happen to real servers, and
//! the outcome that a service may count on is asserted.
//!
//! A file per number, `fault_04_commit_reply_lost.rs`; its functions begin with `fault_04_`. All of
//! them are found by the filter `faults::`. Faults of caches that several processes share are in
//! `fleet`.

mod fault_14_session_state;
mod fault_20_pooler_not_told;
