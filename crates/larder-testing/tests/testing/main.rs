//! Tests as those of a crate that uses Larder, with migrations of its own: the clock that a test
//! moves, and what a block of it caused.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod clock;
mod failures;
mod instance;
mod menus;
mod observed;
