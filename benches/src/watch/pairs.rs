//! Figures whose ratio is that of neighbours: each round of one is divided by the round of the
//! other that ran beside it, and the median of that counts. What slows the machine for a while
//! slows both, and is not in the ratio.

use crate::report::{Figure, Goal, Ratio};

/// A figure beside another one, of the same number of rounds.
pub(super) fn beside(
    name: &'static str,
    label: impl Into<String>,
    times: &[f64],
    (other_name, others): (&'static str, &[f64]),
) -> Figure {
    let mut ratios: Vec<f64> = times
        .iter()
        .zip(others)
        .map(|(one, other)| one / other)
        .collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let at = |place: usize| ratios.get(place).copied().unwrap_or(f64::NAN);
    let count = ratios.len();
    let median = (at(count.saturating_sub(1) / 2) + at(count / 2)) / 2.0;
    let mut figure = Figure::of_times(name, label.into(), times.to_vec());
    figure.ratio = Some(Ratio {
        to: other_name,
        value: median,
    });
    figure
}

/// A ratio should be this at most.
pub(super) fn at_most(mut figure: Figure, most: f64) -> Figure {
    if let Some(ratio) = &figure.ratio {
        figure.goal = Some(Goal {
            at_most: format!("{most} x, by neighbouring rounds"),
            met: ratio.value <= most,
        });
    }
    figure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_compared_and_not_medians() {
        // The machine slows down; the medians alone would say 1.0.
        let (off, on) = ([10.0, 20.0, 40.0], [11.0, 22.0, 44.0]);
        let figure = at_most(beside("on", "on", &on, ("off", &off)), 1.05);
        let ratio = figure.ratio.unwrap();
        assert_eq!(ratio.to, "off");
        assert!((ratio.value - 1.1).abs() < 1e-9, "{}", ratio.value);
        assert!(!figure.goal.unwrap().met);
        let figure = at_most(beside("on", "on", &on, ("off", &off)), 1.11);
        assert!(figure.goal.unwrap().met);
    }
}
