//! A process that reads through the cache and writes through transactions, and writes down both.

mod commands;
mod keys;
mod outcome;
mod plan;
mod reads;
mod settings;
mod tasks;
mod writes;

pub(crate) use plan::Plan;
pub(crate) use reads::SHAPES;
pub(crate) use settings::APPLICATION;
pub(crate) use tasks::{COMMAND, main};

use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

use larder::prelude::Database;

use crate::history::Journal;
use crate::register::Token;

/// What the tasks of a worker share.
pub(crate) struct Worker {
    plan: Plan,
    database: Database,
    journal: Journal,
    tokens: AtomicU32,
}

impl Worker {
    /// A token that nobody else has.
    fn token(&self) -> Token {
        let number = self.tokens.fetch_add(1, Ordering::Relaxed);
        Token::new(self.plan.process, self.plan.incarnation, number)
    }

    /// Tells the parent something.
    fn tell(&self, text: &str) {
        tell(text);
    }
}

/// Tells the parent something. A parent that is gone is noticed elsewhere.
fn tell(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}
