//! What the second tier promises, against Redis servers that are real, and bytes that are not.
//!
//! Tests that stop or hinder a server start one of their own.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "tests fail by panicking"
)]

mod cluster;
mod codec;
mod damage;
mod faults;
mod fingerprint;
mod hints;
mod options;
mod proxy;
mod reading;
mod sentinel;
mod server;
mod writing;
