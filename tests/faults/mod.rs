//! What goes wrong around a database, by number: each fault is made to happen to real servers, and
//! the outcome that a service may count on is asserted.
//!
//! A file per number, `fault_04_commit_reply_lost.rs`; its functions begin with `fault_04_`. All of
//! them are found by the filter `faults::`. Faults of caches that several processes share are in
//! `fleet`.

mod checkout;
mod fault_01_idle_connection_ended;
mod fault_02_terminated_after_write;
mod fault_03_terminated_after_begin;
mod fault_04_commit_reply_lost;
mod fault_05_commit_refused;
mod fault_06_server_restarted;
mod fault_07_down_at_start;
mod fault_08_packets_dropped;
mod fault_09_half_open;
mod fault_10_pool_saturated;
mod fault_11_await_points;
mod fault_11_caller_dropped;
mod fault_12_left_early;
mod fault_13_rollback_fails;
mod fault_14_session_state;
mod fault_15_conflicts;
mod fault_16_refusals;
mod fault_20_pooler_not_told;
mod fault_25_cannot_connect;
mod fault_26_nested_checkout;
mod fault_27_swallowed;
mod support;
mod sweep;
