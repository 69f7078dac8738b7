//! Whether writes took effect once, and only those that may have.

use std::collections::{HashMap, HashSet};

use super::truth::Truth;
use super::{Verdict, Verdicts};
use crate::history::{Incarnation, WriteOutcome};
use crate::register::{Register, Token};

/// Judges all writes.
pub(super) fn check(histories: &[Incarnation], truth: &Truth, verdicts: &mut Verdicts) {
    let mut ledger: HashSet<(Token, Register)> = HashSet::new();
    let mut tokens: HashSet<Token> = HashSet::new();
    let mut per_register: HashMap<Register, i64> = HashMap::new();
    for line in &truth.ledger {
        if !ledger.insert((line.token, line.register)) {
            verdicts.add(Verdict::Doubled, || {
                format!("the ledger has token {} twice", line.token.0)
            });
        }
        tokens.insert(line.token);
        *per_register.entry(line.register).or_default() += 1;
    }
    for value in &truth.registers {
        let lines = per_register.get(&value.register).copied().unwrap_or(0);
        if lines != value.version {
            verdicts.add(Verdict::Doubled, || {
                format!(
                    "register {} is at version {}, and the ledger has {lines} writes of it",
                    value.register.0, value.version
                )
            });
        }
    }
    for history in histories {
        for write in &history.writes {
            let name = |what: &str| {
                format!(
                    "worker {}.{} {} token {}: {what}",
                    history.process, history.incarnation, write.kind, write.token.0
                )
            };
            match &write.outcome {
                WriteOutcome::Acknowledged { versions, .. } => {
                    for (register, version) in versions {
                        if !ledger.contains(&(write.token, *register)) {
                            verdicts.add(Verdict::Lost, || {
                                let register = register.0;
                                name(&format!(
                                    "register {register} version {version} is not in the ledger"
                                ))
                            });
                        }
                    }
                }
                WriteOutcome::RolledBack if tokens.contains(&write.token) => {
                    verdicts.add(Verdict::Contradicted, || {
                        name("rolled back, and in the ledger")
                    });
                }
                WriteOutcome::Failed { error } if tokens.contains(&write.token) => {
                    verdicts.add(Verdict::Contradicted, || {
                        name(&format!("in the ledger, although it failed: {error}"))
                    });
                }
                _ => {}
            }
        }
    }
}

/// Writes between announcement and acknowledgement when their process was killed, and how many of
/// them took effect.
pub(super) fn killed_around_commit(histories: &[Incarnation], truth: &Truth) -> (u64, u64) {
    let tokens: HashSet<Token> = truth.ledger.iter().map(|line| line.token).collect();
    let (mut killed, mut committed) = (0, 0);
    for history in histories.iter().filter(|history| !history.ended) {
        for write in &history.writes {
            if write.outcome == WriteOutcome::Unfinished && write.announced.is_some() {
                killed += 1;
                committed += u64::from(tokens.contains(&write.token));
            }
        }
    }
    (killed, committed)
}
