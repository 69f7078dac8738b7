//! Whether reads returned what they might.

use std::collections::HashMap;

use super::truth::Timeline;
use super::{Verdict, Verdicts};
use crate::clock::Instant;
use crate::history::{Incarnation, Read, ReadOutcome, Value, WriteOutcome};
use crate::register::Register;

/// Judges all reads of one incarnation.
pub(super) fn check(
    history: &Incarnation,
    timeline: &Timeline,
    bound: u64,
    verdicts: &mut Verdicts,
) {
    let own = OwnWrites::of(history);
    for read in &history.reads {
        let ReadOutcome::Seen {
            completed,
            loaded,
            values,
        } = &read.outcome
        else {
            continue;
        };
        for value in values {
            let name = |what: &str| {
                let Incarnation {
                    process,
                    incarnation,
                    ..
                } = history;
                format!(
                    "worker {process}.{incarnation} task {} {} at {}: register {} version {} token {}, loaded {}: {what}",
                    read.task,
                    read.shape,
                    read.invoked,
                    value.register.0,
                    value.version,
                    value.token.0,
                    age(read.invoked, *loaded),
                )
            };
            judge(read, *completed, value, timeline, bound, verdicts, &name);
            if let Some(newest) = own.newest_before(value.register, read.invoked)
                && value.version < newest
            {
                verdicts.add(Verdict::OwnWriteMissed, || {
                    name(&format!("the process had written version {newest} before"))
                });
            }
        }
    }
}

fn judge(
    read: &Read,
    completed: Instant,
    value: &Value,
    timeline: &Timeline,
    bound: u64,
    verdicts: &mut Verdicts,
    name: &dyn Fn(&str) -> String,
) {
    match timeline.version(value) {
        None => verdicts.add(Verdict::Dirty, || name("never committed")),
        Some(version) if version.committed > completed => {
            verdicts.add(Verdict::Dirty, || name("committed after the read"));
        }
        Some(_) => {}
    }
    let Some(outdated) = timeline.outdated_since(value) else {
        return;
    };
    let staleness = read.invoked.saturating_sub(outdated);
    verdicts.max_staleness = verdicts.max_staleness.max(staleness);
    if staleness > bound {
        verdicts.add(Verdict::StaleBeyondBound, || {
            name(&format!(
                "outdated for {:.1} ms when it began",
                staleness as f64 / 1e6
            ))
        });
    }
}

fn age(invoked: Instant, loaded: Instant) -> String {
    if loaded < invoked {
        format!("{:.1} ms before", (invoked - loaded) as f64 / 1e6)
    } else {
        "by this read".to_owned()
    }
}

/// The acknowledged writes of one process, by register: when, and the newest version until then.
struct OwnWrites(HashMap<Register, Vec<(Instant, i64)>>);

impl OwnWrites {
    fn of(history: &Incarnation) -> Self {
        let mut writes: HashMap<Register, Vec<(Instant, i64)>> = HashMap::new();
        for write in &history.writes {
            if let WriteOutcome::Acknowledged {
                completed,
                versions,
            } = &write.outcome
            {
                for (register, version) in versions {
                    let writes = writes.entry(*register).or_default();
                    writes.push((*completed, *version));
                }
            }
        }
        for writes in writes.values_mut() {
            writes.sort_unstable();
            let mut newest = 0;
            for (_, version) in writes {
                newest = newest.max(*version);
                *version = newest;
            }
        }
        Self(writes)
    }

    fn newest_before(&self, register: Register, at: Instant) -> Option<i64> {
        let writes = self.0.get(&register)?;
        let before = writes.partition_point(|(completed, _)| *completed < at);
        before.checked_sub(1).map(|index| writes[index].1)
    }
}
