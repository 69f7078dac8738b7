//! Statements with what they do, each checked. `tests/corpus/*.txt` hold them.
//!
//! A case is a statement and a line that begins with `=>`, and an empty line stands between
//! cases. Lines that begin with `#` are comments. After `=>` stand the kind and the effect, and
//! then, separated by semicolons and only where there is something to say: `reads`, `writes` and
//! `calls` with names as PostgreSQL would quote them, and the flags `locks` (rows), `creates` (a
//! table from a query), `cascade` (of TRUNCATE), `moving` (a time relative to now).

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::fmt::Write as _;
use std::path::Path;

use larder_sql::{Effect, QualifiedName, StatementProfile, classify};

/// One case of the corpus.
struct Case {
    file: String,
    line: usize,
    statement: String,
    expected: String,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut cases = Vec::new();
    for path in files {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut statement = String::new();
        for (line, text) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
            if let Some(expected) = text.strip_prefix("=> ") {
                cases.push(Case {
                    file: file.clone(),
                    line: line + 1,
                    statement: std::mem::take(&mut statement).trim_end().to_owned(),
                    expected: expected.to_owned(),
                });
            } else if !text.is_empty() && !text.starts_with('#') {
                statement.push_str(text);
                statement.push('\n');
            }
        }
        assert_eq!(statement, "", "{file}: the last case has no line with =>");
    }
    cases
}

/// What was found, in the words of the corpus.
fn found(profile: &StatementProfile) -> String {
    let effect = match profile.effect {
        Effect::None => "none",
        Effect::Read => "read",
        Effect::Write => "write",
        Effect::Schema => "schema",
        Effect::Unknown(_) => "unknown",
        _ => panic!("an effect that the corpus has no word for"),
    };
    let mut text = format!("{} {effect}", profile.kind);
    for (word, names) in [
        ("reads", &profile.reads),
        ("writes", &profile.writes),
        ("calls", &profile.functions),
    ] {
        if !names.is_empty() {
            let names: Vec<String> = names.iter().map(QualifiedName::to_string).collect();
            write!(text, "; {word} {}", names.join(", ")).unwrap();
        }
    }
    for (flag, is_set) in [
        ("locks", profile.locks_rows),
        ("creates", profile.creates_table),
        ("cascade", profile.truncates_cascade),
        ("moving", profile.moving_time),
    ] {
        if is_set {
            write!(text, "; {flag}").unwrap();
        }
    }
    text
}

#[test]
fn every_statement_of_the_corpus_is_classified_right() {
    let cases = cases();
    let mut wrong = String::new();
    for case in &cases {
        let profile = classify(&case.statement);
        let found = found(&profile);
        if found != case.expected {
            writeln!(
                wrong,
                "{}:{}: {}\n  expected {}\n  found    {found}\n  {:?}",
                case.file,
                case.line,
                case.statement,
                case.expected,
                profile.unknown_reason(),
            )
            .unwrap();
        }
    }
    assert!(cases.len() >= 300, "only {} cases", cases.len());
    assert_eq!(wrong, "");
}
