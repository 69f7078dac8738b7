//! What the second tier promises, against Redis servers that are real, and bytes that are not.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod codec;
mod damage;
mod fingerprint;
