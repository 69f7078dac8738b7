//! Writing a history.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Value;
use crate::clock;
use crate::register::{Register, Token};

/// The history of one incarnation of a process, as it is written.
pub(crate) struct Journal {
    file: File,
    next: AtomicU64,
}

/// The number of an operation within a history.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation(u64);

impl Journal {
    /// A new history in a new file.
    pub(crate) fn create(path: &Path, process: u32, incarnation: u32) -> std::io::Result<Self> {
        let file = File::options().append(true).create_new(true).open(path)?;
        let journal = Self {
            file,
            next: AtomicU64::new(0),
        };
        journal.line(format!("p {process} {incarnation} {}", clock::now()));
        Ok(journal)
    }

    pub(crate) fn read_begins(&self, task: u32, shape: &str) -> Operation {
        let operation = self.operation();
        self.line(format!("r {} {} {task} {shape}", operation.0, clock::now()));
        operation
    }

    pub(crate) fn read_saw(&self, operation: Operation, loaded: clock::Instant, values: &[Value]) {
        let completed = clock::now();
        let mut line = format!("s {} {completed} {loaded}", operation.0);
        for Value {
            register,
            version,
            token,
        } in values
        {
            line.push_str(&format!(" {}:{version}:{}", register.0, token.0));
        }
        self.line(line);
    }

    pub(crate) fn write_begins(&self, task: u32, kind: &str, token: Token) -> Operation {
        let operation = self.operation();
        let now = clock::now();
        self.line(format!("w {} {now} {task} {kind} {}", operation.0, token.0));
        operation
    }

    /// The write is about to be committed.
    pub(crate) fn commit_begins(&self, operation: Operation) {
        self.line(format!("c {} {}", operation.0, clock::now()));
    }

    pub(crate) fn write_acknowledged(&self, operation: Operation, versions: &[(Register, i64)]) {
        let mut line = format!("k {} {}", operation.0, clock::now());
        for (register, version) in versions {
            line.push_str(&format!(" {}:{version}", register.0));
        }
        self.line(line);
    }

    pub(crate) fn write_rolled_back(&self, operation: Operation) {
        self.line(format!("b {} {}", operation.0, clock::now()));
    }

    /// The operation failed and had no effect.
    pub(crate) fn failed(&self, operation: Operation, error: &str) {
        self.failure('f', operation, error);
    }

    /// The write failed and may have taken effect.
    pub(crate) fn unknown(&self, operation: Operation, error: &str) {
        self.failure('u', operation, error);
    }

    /// The process ends as it was asked to.
    pub(crate) fn ends(&self) {
        self.line(format!("e {}", clock::now()));
    }

    fn failure(&self, mark: char, operation: Operation, error: &str) {
        let error = error.replace(['\n', '\r'], " ");
        let error: String = error.chars().take(300).collect();
        self.line(format!("{mark} {} {} {error}", operation.0, clock::now()));
    }

    fn operation(&self) -> Operation {
        Operation(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// In one piece. What cannot be written down cannot be judged: the process ends then.
    fn line(&self, mut line: String) {
        line.push('\n');
        if let Err(error) = (&self.file).write_all(line.as_bytes()) {
            eprintln!("failed to write the history: {error}");
            std::process::exit(1);
        }
    }
}
