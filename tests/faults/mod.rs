//! What goes wrong around a database, by number: each fault is made to happen to real servers, and
//! the outcome that a service may count on is asserted.
//!
//! A file per number, `fault_04_commit_reply_lost.rs`; its functions begin with `fault_04_`. All of
//! them are found by the filter `faults::`. Faults of caches that several processes share are in
//! `fleet`.

mod checkout;
mod fault_01_idle_connection_ended;
mod fault_06_server_restarted;
mod fault_07_down_at_start;
mod fault_08_packets_dropped;
mod fault_10_pool_saturated;
mod fault_26_nested_checkout;
