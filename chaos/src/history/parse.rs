//! Reading histories.

use std::collections::HashMap;
use std::path::Path;
use std::str::{FromStr, SplitWhitespace};

use super::{Incarnation, Read, ReadOutcome, Value, Write, WriteOutcome};
use crate::error::{Error, Result};
use crate::register::{Register, Token};

/// All histories in a directory.
pub(crate) fn read_directory(directory: &Path) -> Result<Vec<Incarnation>> {
    let failed = |error| Error::step(format!("read {}", directory.display()), error);
    let mut all = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "history")
        {
            let text = std::fs::read_to_string(&path).map_err(failed)?;
            let history = parse(&text);
            all.push(history.map_err(|line| {
                Error::step(format!("read {}", path.display()), format!("line {line:?}"))
            })?);
        }
    }
    all.sort_by_key(|history| (history.process, history.incarnation));
    Ok(all)
}

enum Place {
    Read(usize),
    Write(usize),
}

#[derive(Default)]
struct Parser {
    history: Incarnation,
    operations: HashMap<u64, Place>,
}

/// Reads one history. The last line may lack its end.
///
/// # Errors
///
/// The line that cannot be read.
pub(crate) fn parse(text: &str) -> std::result::Result<Incarnation, String> {
    let mut parser = Parser::default();
    for line in text.split_inclusive('\n') {
        let Some(whole) = line.strip_suffix('\n') else {
            break;
        };
        parser.line(whole).ok_or_else(|| whole.to_owned())?;
    }
    Ok(parser.history)
}

impl Parser {
    fn line(&mut self, line: &str) -> Option<()> {
        let mut words = line.split_whitespace();
        let mark = words.next()?;
        if mark == "p" {
            self.history.process = next(&mut words)?;
            self.history.incarnation = next(&mut words)?;
            return Some(());
        }
        if mark == "e" {
            self.history.ended = true;
            return Some(());
        }
        let operation: u64 = next(&mut words)?;
        let at: u64 = next(&mut words)?;
        match mark {
            "r" => {
                let place = Place::Read(self.history.reads.len());
                self.operations.insert(operation, place);
                self.history.reads.push(Read {
                    task: next(&mut words)?,
                    shape: next(&mut words)?,
                    invoked: at,
                    outcome: ReadOutcome::Unfinished,
                });
            }
            "w" => {
                let place = Place::Write(self.history.writes.len());
                self.operations.insert(operation, place);
                self.history.writes.push(Write {
                    task: next(&mut words)?,
                    kind: next(&mut words)?,
                    token: Token(next(&mut words)?),
                    invoked: at,
                    announced: None,
                    outcome: WriteOutcome::Unfinished,
                });
            }
            _ => return self.end_of(operation, mark, at, words),
        }
        Some(())
    }

    fn end_of(
        &mut self,
        operation: u64,
        mark: &str,
        at: u64,
        mut words: SplitWhitespace<'_>,
    ) -> Option<()> {
        match *self.operations.get(&operation)? {
            Place::Read(index) => {
                self.history.reads.get_mut(index)?.outcome = match mark {
                    "s" => ReadOutcome::Seen {
                        completed: at,
                        loaded: next(&mut words)?,
                        values: words.map(value).collect::<Option<_>>()?,
                    },
                    "f" => ReadOutcome::Failed { error: rest(words) },
                    _ => return None,
                };
            }
            Place::Write(index) => {
                let write = self.history.writes.get_mut(index)?;
                write.outcome = match mark {
                    "c" => {
                        write.announced = Some(at);
                        return Some(());
                    }
                    "k" => WriteOutcome::Acknowledged {
                        completed: at,
                        versions: words.map(version).collect::<Option<_>>()?,
                    },
                    "b" => WriteOutcome::RolledBack,
                    "f" => WriteOutcome::Failed { error: rest(words) },
                    "u" => WriteOutcome::Unknown { error: rest(words) },
                    _ => return None,
                };
            }
        }
        Some(())
    }
}

fn next<T: FromStr>(words: &mut SplitWhitespace<'_>) -> Option<T> {
    words.next()?.parse().ok()
}

fn rest(words: SplitWhitespace<'_>) -> String {
    words.collect::<Vec<_>>().join(" ")
}

fn value(word: &str) -> Option<Value> {
    let mut parts = word.split(':');
    Some(Value {
        register: Register(parts.next()?.parse().ok()?),
        version: parts.next()?.parse().ok()?,
        token: Token(parts.next()?.parse().ok()?),
    })
}

fn version(word: &str) -> Option<(Register, i64)> {
    let (register, version) = word.split_once(':')?;
    Some((Register(register.parse().ok()?), version.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_read_as_it_was_written() -> std::result::Result<(), String> {
        let history = parse(
            "p 2 7 100\nr 0 110 3 point\nw 1 120 9 pair 55\nc 1 130\ns 0 140 90 4:2:51\n\
             k 1 150 4:3 29:1\nr 2 160 3 joined\nf 2 170 run a statement\nw 3 180 9 late 56\nc 3 19",
        )?;
        assert_eq!((history.process, history.incarnation), (2, 7));
        let seen = ReadOutcome::Seen {
            completed: 140,
            loaded: 90,
            values: vec![Value {
                register: Register(4),
                version: 2,
                token: Token(51),
            }],
        };
        assert_eq!(history.reads[0].outcome, seen);
        assert_eq!(
            history.reads[1].outcome,
            ReadOutcome::Failed {
                error: "run a statement".to_owned()
            }
        );
        assert_eq!(history.writes[0].announced, Some(130));
        assert_eq!(
            history.writes[0].outcome,
            WriteOutcome::Acknowledged {
                completed: 150,
                versions: vec![(Register(4), 3), (Register(29), 1)]
            }
        );
        // The line that was cut off says nothing.
        assert_eq!(history.writes[1].announced, None);
        assert_eq!(history.writes[1].outcome, WriteOutcome::Unfinished);
        assert!(!history.ended);
        Ok(())
    }

    #[test]
    fn a_line_that_makes_no_sense_is_an_error() {
        assert!(parse("p 0 0 1\ns 4 10 9 1:1:1\n").is_err());
        assert!(parse("p 0 0 1\nr 4 10 nobody point\n").is_err());
    }
}
