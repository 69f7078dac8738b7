//! How often the same statement runs in a session or a request.

use std::time::{Duration, Instant};

use larder_sql::Fingerprint;
use smallvec::SmallVec;

/// Counts statements by their text, for one session or one request: where the same one runs again
/// and again, one statement might do. Of many different ones those that run most are counted.
#[derive(Debug, Default)]
pub struct Repetitions(SmallVec<[Counted; 4]>);

#[derive(Debug, Clone, Copy)]
struct Counted {
    fingerprint: Fingerprint,
    times: u32,
    /// When it ran for the second time. The first would cost everybody a look at the clock.
    since: Option<Instant>,
}

/// How often a statement has run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repetition {
    /// How often it has run, this time included; 0 where that is not counted.
    pub times: u32,
    since: Option<Instant>,
}

impl Repetition {
    /// Since when it runs again and again; nothing before the second time.
    pub fn lasts(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Repetitions {
    /// More are not told apart.
    const MOST: usize = 16;

    /// A statement runs once more.
    pub fn count(&mut self, fingerprint: Fingerprint) -> Repetition {
        let known = self.0.iter_mut().find(|one| one.fingerprint == fingerprint);
        if let Some(known) = known {
            known.times = known.times.saturating_add(1);
            known.since.get_or_insert_with(Instant::now);
            return Repetition {
                times: known.times,
                since: known.since,
            };
        }
        let first = Counted {
            fingerprint,
            times: 1,
            since: None,
        };
        if self.0.len() < Self::MOST {
            self.0.push(first);
        } else if let Some(least) = self.0.iter_mut().min_by_key(|one| one.times) {
            *least = first;
        }
        Repetition {
            times: 1,
            since: None,
        }
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use larder_sql::classify;

    use super::*;

    fn statement(number: usize) -> Fingerprint {
        classify(&format!("SELECT * FROM table_{number}")).fingerprint
    }

    #[test]
    fn each_statement_is_counted_by_itself() {
        let mut repetitions = Repetitions::default();
        assert_eq!(repetitions.count(statement(1)).times, 1);
        assert_eq!(repetitions.count(statement(2)).times, 1);
        let again = repetitions.count(statement(1));
        assert_eq!((again.times, again.since.is_some()), (2, true));
        repetitions.clear();
        assert_eq!(repetitions.count(statement(1)).times, 1);
    }

    #[test]
    fn those_that_run_most_are_counted_among_many() {
        let mut repetitions = Repetitions::default();
        for number in 0..100 {
            repetitions.count(statement(1_000));
            repetitions.count(statement(1_001));
            repetitions.count(statement(number));
        }
        assert_eq!(repetitions.count(statement(1_000)).times, 101);
        assert_eq!(repetitions.count(statement(1_001)).times, 101);
        assert_eq!(repetitions.0.len(), Repetitions::MOST);
    }
}
