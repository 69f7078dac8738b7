//! Those who logged in by the form. Their cookie is not the token, so it can be ended.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::secret::{random, same};

/// Those who logged in and have not left.
#[derive(Default)]
pub(super) struct Visits(Mutex<VecDeque<Visit>>);

struct Visit {
    id: String,
    ends: Instant,
}

impl Visits {
    /// How long a visit lasts.
    pub(super) const LONGEST: Duration = Duration::from_secs(12 * 3600);
    /// The oldest ends when there is one more.
    const MOST: usize = 64;

    pub(super) fn begin(&self) -> Option<String> {
        let id = random()?;
        let mut visits = self.visits();
        if visits.len() == Self::MOST {
            visits.pop_front();
        }
        visits.push_back(Visit {
            id: id.clone(),
            ends: Instant::now() + Self::LONGEST,
        });
        Some(id)
    }

    pub(super) fn is_open(&self, id: &str) -> bool {
        let now = Instant::now();
        let mut visits = self.visits();
        visits.retain(|visit| visit.ends > now);
        visits.iter().any(|visit| same(id, &visit.id))
    }

    pub(super) fn end(&self, id: &str) {
        self.visits().retain(|visit| !same(id, &visit.id));
    }

    fn visits(&self) -> MutexGuard<'_, VecDeque<Visit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_is_open_until_it_ends_or_too_many_came() {
        let visits = Visits::default();
        let first = visits.begin().unwrap();
        assert!(visits.is_open(&first));
        assert!(!visits.is_open(""));
        assert!(!visits.is_open(&first[1..]));
        let second = visits.begin().unwrap();
        visits.end(&first);
        assert!(!visits.is_open(&first));
        assert!(visits.is_open(&second));
        for _ in 0..Visits::MOST {
            visits.begin().unwrap();
        }
        assert!(!visits.is_open(&second));
    }
}
