//! Which register is next: a few are asked for much more often than the others.

use crate::register::{PER_TABLE, Register};

/// Chooses rows by Zipf's law, and either table.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    cumulative: Vec<f64>,
}

impl Keys {
    pub(super) fn new(rows: u32) -> Self {
        let mut sum = 0.0;
        let weights = (1..=rows.clamp(1, PER_TABLE)).map(|rank| {
            sum += 1.0 / f64::from(rank);
            sum
        });
        Self {
            cumulative: weights.collect(),
        }
    }

    pub(super) fn choose(&self, random: &mut fastrand::Rng) -> Register {
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        let point = random.f64() * total;
        let row = self.cumulative.partition_point(|sum| *sum < point);
        Self::in_either_table(row, random)
    }

    /// Any of the rows in use, each as likely as the others.
    pub(super) fn any(&self, random: &mut fastrand::Rng) -> Register {
        Self::in_either_table(random.usize(..self.cumulative.len()), random)
    }

    fn in_either_table(row: usize, random: &mut fastrand::Rng) -> Register {
        let row = u32::try_from(row).unwrap_or(0).min(PER_TABLE - 1);
        Register(row + if random.bool() { PER_TABLE } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rows_are_chosen_most() {
        let keys = Keys::new(PER_TABLE);
        let mut random = fastrand::Rng::with_seed(1);
        let mut counts = [0_u32; PER_TABLE as usize];
        for _ in 0..10_000 {
            counts[usize::try_from(keys.choose(&mut random).row()).unwrap_or(0)] += 1;
        }
        assert!(counts[0] > 4 * counts[5], "{counts:?}");
        assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    }
}
