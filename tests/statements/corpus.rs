//! The corpus: statements, and what is expected to be said of them.
//!
//! An empty line stands between entries, lines that begin with `#` are comments. An entry is
//!
//! ```text
//! @prepare set local search_path = archive
//! @stdin 7    the input of COPY .. FROM STDIN, a line
//! @alone
//! the statement, on one line or several
//! => what is expected
//! -> what is expected with everything declared, where that differs
//! ```
//!
//! `@prepare` runs before the statement in the same transaction. `@alone` says that the
//! statement cannot run in a transaction; what it does stays, and it comes last.
//!
//! What is expected is written by [`Opinion`](super::opinion::Opinion): what the statement
//! reads (`reads a, b`, or `uncacheable Why`) where it is a query; `writes a, b` or
//! `writes everything (Why)` where it writes; `schema` where it may change definitions.
//! Tables without a schema are those of the schema `shop`.

use std::fmt;
use std::path::{Path, PathBuf};

use larder_sql::{StatementProfile, classify};

/// One statement of the corpus.
pub(super) struct Entry {
    place: String,
    pub(super) prepare: String,
    pub(super) input: Option<String>,
    pub(super) is_alone: bool,
    pub(super) statement: String,
    pub(super) profile: StatementProfile,
    pub(super) expected: String,
    /// The same as `expected` where the file does not say otherwise.
    pub(super) expected_declared: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.place)?;
        if !self.prepare.is_empty() {
            writeln!(f, "  after: {}", self.prepare)?;
        }
        write!(f, "  {}", self.statement)
    }
}

/// The names of the files, in order.
pub(super) fn files() -> Vec<String> {
    let name = |file: std::io::Result<std::fs::DirEntry>| {
        let path = file.unwrap().path();
        path.file_stem().unwrap().to_string_lossy().into_owned()
    };
    let mut names: Vec<_> = std::fs::read_dir(folder()).unwrap().map(name).collect();
    names.sort();
    names
}

/// The entries of all files.
pub(super) fn read_all() -> Vec<Entry> {
    files().iter().flat_map(|file| read_file(file)).collect()
}

/// The entries of one file, those that cannot run in a transaction last.
pub(super) fn read_file(name: &str) -> Vec<Entry> {
    let file = format!("{name}.txt");
    let text = std::fs::read_to_string(folder().join(&file)).unwrap();
    let mut entries = Vec::new();
    read(&file, &text, &mut entries);
    entries.sort_by_key(|entry| entry.is_alone);
    entries
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("statements/corpus")
}

fn read(file: &str, text: &str, entries: &mut Vec<Entry>) {
    let mut first_line = 1;
    for paragraph in text.split("\n\n") {
        let mut entry = Entry {
            place: format!("{file}:{first_line}"),
            prepare: String::new(),
            input: None,
            is_alone: false,
            statement: String::new(),
            profile: classify(""),
            expected: String::new(),
            expected_declared: String::new(),
        };
        for line in paragraph.lines() {
            if let Some(prepare) = line.strip_prefix("@prepare ") {
                prepare.clone_into(&mut entry.prepare);
            } else if let Some(input) = line.strip_prefix("@stdin ") {
                entry.input = Some(format!("{input}\n"));
            } else if line == "@alone" {
                entry.is_alone = true;
            } else if let Some(expected) = line.strip_prefix("=> ") {
                expected.clone_into(&mut entry.expected);
                expected.clone_into(&mut entry.expected_declared);
            } else if let Some(expected) = line.strip_prefix("-> ") {
                expected.clone_into(&mut entry.expected_declared);
            } else if !line.starts_with('#') {
                let separator = if entry.statement.is_empty() { "" } else { "\n" };
                entry.statement += separator;
                entry.statement += line;
            }
        }
        first_line += paragraph.lines().count() + 1;
        if !entry.statement.is_empty() {
            entry.profile = classify(&entry.statement);
            entries.push(entry);
        }
    }
}
