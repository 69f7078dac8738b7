//! How long results of a class stayed right, in a small histogram.

use std::time::Duration;

/// Two buckets for each doubling, from a millisecond to three days.
const BUCKETS: usize = 56;

/// The ages at which results were found at their end: wrong because of a write, or still right.
///
/// Those that were still right say only that they would have lived longer; a result that was
/// given up after a second because its time was up is no sign of a short life. The quantiles are
/// those of the life table (the estimator of Kaplan and Meier on grouped data, Journal of the
/// American Statistical Association, 1958), which takes such results for what they are.
///
/// A write is found by the next reader, so ages are too long by the time that it took to come.
#[derive(Debug)]
pub(super) struct Lifetimes {
    wrong: [u32; BUCKETS],
    right: [u32; BUCKETS],
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            wrong: [0; BUCKETS],
            right: [0; BUCKETS],
        }
    }
}

impl Lifetimes {
    /// Adds a result that a write had made wrong when it was this old.
    pub(super) fn wrong_at(&mut self, age: Duration) {
        let count = &mut self.wrong[bucket(age)];
        *count = count.saturating_add(1);
    }

    /// Adds a result that was still right when it was this old.
    pub(super) fn right_at(&mut self, age: Duration) {
        let count = &mut self.right[bucket(age)];
        *count = count.saturating_add(1);
    }

    /// The age by which this share of the results is wrong; `None` if none were followed so long.
    pub(super) fn quantile(&self, share: f64) -> Option<Duration> {
        let mut alive: f64 = self
            .wrong
            .iter()
            .chain(&self.right)
            .map(|n| f64::from(*n))
            .sum();
        let mut surviving = 1.0;
        for (bucket, (wrong, right)) in self.wrong.iter().zip(&self.right).enumerate() {
            let (wrong, right) = (f64::from(*wrong), f64::from(*right));
            // Those that ended here for another reason were under observation for half of it.
            let exposed = alive - right / 2.0;
            if wrong > 0.0 {
                surviving *= 1.0 - (wrong / exposed).min(1.0);
            }
            if 1.0 - surviving >= share {
                return Some(end_of(bucket));
            }
            alive -= wrong + right;
        }
        None
    }

    /// Lets what is long ago count half.
    pub(super) fn halve(&mut self) {
        for count in self.wrong.iter_mut().chain(&mut self.right) {
            *count /= 2;
        }
    }
}

fn bucket(age: Duration) -> usize {
    let milliseconds = (age.as_secs_f64() * 1_000.0).max(1.0);
    ((milliseconds.log2() * 2.0) as usize).min(BUCKETS - 1)
}

fn end_of(bucket: usize) -> Duration {
    Duration::from_secs_f64(2_f64.powf((bucket + 1) as f64 / 2.0) / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Whether it is this age, as far as a bucket tells.
    fn is_about(found: Option<Duration>, age: Duration) -> bool {
        found.is_some_and(|found| found >= age && found <= age.mul_f64(1.5))
    }

    #[test]
    fn quantiles_are_those_of_the_lives_that_were_seen() {
        let mut lives = Lifetimes::default();
        assert_eq!(lives.quantile(0.5), None);
        for _ in 0..50 {
            lives.wrong_at(SECOND);
            lives.wrong_at(SECOND * 100);
        }
        assert!(is_about(lives.quantile(0.5), SECOND));
        assert!(is_about(lives.quantile(0.9), SECOND * 100));
    }

    #[test]
    fn a_result_that_was_given_up_is_not_one_that_went_wrong() {
        let mut lives = Lifetimes::default();
        for _ in 0..1_000 {
            lives.right_at(SECOND);
        }
        assert_eq!(lives.quantile(0.1), None);
        // Of the ten that were followed further, all went wrong after a minute.
        for _ in 0..10 {
            lives.wrong_at(SECOND * 60);
        }
        assert!(is_about(lives.quantile(0.1), SECOND * 60));
        assert!(is_about(lives.quantile(0.9), SECOND * 60));
    }

    #[test]
    fn the_ends_of_the_scale_hold_all_beyond() {
        let mut lives = Lifetimes::default();
        lives.wrong_at(Duration::ZERO);
        lives.wrong_at(Duration::MAX);
        assert!(lives.quantile(0.5).is_some_and(|age| age < SECOND));
        assert!(
            lives
                .quantile(1.0)
                .is_some_and(|age| age > SECOND * 200_000)
        );
    }
}
