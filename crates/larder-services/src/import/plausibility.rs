//! Which coordinates of an import can hardly be right.
//!
//! A wrong coordinate of a real file is seldom out of range: it is a place of the same name in
//! another country, or 0, 0 where there was none. What is far cannot be said in kilometers once
//! for all files, so it is measured by the file itself, with statistics that a few wrong rows
//! cannot move.

use crate::geography::distance;
use crate::inputs::Point;

/// Files with fewer coordinates say too little about what is usual.
const MIN_POINTS: usize = 20;
/// Nothing nearer than this is far, however close together the rest is.
const MIN_FAR_KM: f64 = 25.0;
/// Where more than one row in so many is far, these rows are a region of their own.
const ONE_IN: usize = 20;
/// The fence is settled by so many rows, which bounds the memory to 8 MB.
const MAX_POINTS: usize = 1_000_000;

/// Collects the coordinates of an import and counts the implausible ones.
#[derive(Debug, Default)]
pub(super) struct Plausibility {
    /// Latitude and longitude, in single precision (within a meter).
    points: Vec<(f32, f32)>,
    at_zero: u64,
    /// Once there are as many rows as are kept.
    settled: Option<Settled>,
}

#[derive(Debug)]
struct Settled {
    fence: Option<Fence>,
    far: u64,
}

/// What is far: beyond a distance from the middle.
#[derive(Clone, Copy, Debug)]
struct Fence {
    middle: Point,
    beyond_km: f64,
}

impl Fence {
    fn excludes(&self, point: (f32, f32)) -> bool {
        kilometers_between(self.middle, point) > self.beyond_km
    }
}

impl Plausibility {
    /// Takes the coordinates of one more row, which are valid.
    pub(super) fn add(&mut self, latitude: f64, longitude: f64) {
        if latitude == 0.0 && longitude == 0.0 {
            self.at_zero += 1;
            return;
        }
        let point = (latitude as f32, longitude as f32);
        match &mut self.settled {
            Some(settled) => {
                settled.far += u64::from(settled.fence.is_some_and(|fence| fence.excludes(point)));
            }
            None => {
                self.points.push(point);
                if self.points.len() == MAX_POINTS {
                    self.settled = Some(settle(&self.points));
                    self.points = Vec::new();
                }
            }
        }
    }

    /// How many rows so far have coordinates that can hardly be right.
    pub(super) fn implausible(&self) -> u64 {
        let far = self
            .settled
            .as_ref()
            .map_or_else(|| settle(&self.points).far, |set| set.far);
        self.at_zero + far
    }
}

fn settle(points: &[(f32, f32)]) -> Settled {
    let Some(fence) = fence(points) else {
        return Settled {
            fence: None,
            far: 0,
        };
    };
    let far = points
        .iter()
        .filter(|point| fence.excludes(**point))
        .count();
    if far * ONE_IN > points.len() {
        return Settled {
            fence: None,
            far: 0,
        };
    }
    Settled {
        fence: Some(fence),
        far: far as u64,
    }
}

/// Tukey's outer fence of the distances from the coordinate-wise median.
fn fence(points: &[(f32, f32)]) -> Option<Fence> {
    if points.len() < MIN_POINTS {
        return None;
    }
    let latitude = quantile(points.iter().map(|point| f64::from(point.0)), 0.5);
    let longitude = quantile(points.iter().map(|point| f64::from(point.1)), 0.5);
    let middle = Point::new(latitude, longitude).ok()?;
    let distances = || {
        points
            .iter()
            .map(|point| kilometers_between(middle, *point))
    };
    let (lower, upper) = (quantile(distances(), 0.25), quantile(distances(), 0.75));
    Some(Fence {
        middle,
        beyond_km: (upper + 3.0 * (upper - lower)).max(MIN_FAR_KM),
    })
}

/// The value below which a part of the values lies. There is at least one value.
fn quantile(values: impl Iterator<Item = f64>, part: f64) -> f64 {
    let mut values: Vec<f64> = values.collect();
    let rank = ((values.len() as f64) * part) as usize;
    *values.select_nth_unstable_by(rank, f64::total_cmp).1
}

fn kilometers_between(middle: Point, (latitude, longitude): (f32, f32)) -> f64 {
    // Rounding to single precision never leaves the range: its ends are exact.
    Point::new(latitude.into(), longitude.into())
        .map_or(0.0, |point| distance(middle, point).as_kilometers())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points on a grid of about 20 km around a place.
    fn city(plausibility: &mut Plausibility, latitude: f64, longitude: f64, rows: u32) {
        for row in 0..rows {
            let (x, y) = (f64::from(row % 10), f64::from(row / 10 % 10));
            plausibility.add(latitude + x * 0.02, longitude + y * 0.02);
        }
    }

    #[test]
    fn zero_zero_counts_even_alone() {
        let mut plausibility = Plausibility::default();
        plausibility.add(0.0, 0.0);
        plausibility.add(51.0, 0.0);
        assert_eq!(plausibility.implausible(), 1);
    }

    #[test]
    fn a_few_far_rows_are_counted_whatever_their_place_in_the_file() {
        for far_first in [true, false] {
            let mut plausibility = Plausibility::default();
            let far = |plausibility: &mut Plausibility| {
                plausibility.add(-28.0, 153.2);
                // The coordinates exchanged.
                plausibility.add(-74.0, 40.7);
                plausibility.add(41.3, -72.7);
            };
            if far_first {
                far(&mut plausibility);
            }
            city(&mut plausibility, 40.6, -74.0, 200);
            if !far_first {
                far(&mut plausibility);
            }
            assert_eq!(plausibility.implausible(), 3);
        }
    }

    #[test]
    fn a_second_city_is_no_mistake() {
        let mut plausibility = Plausibility::default();
        city(&mut plausibility, 40.6, -74.0, 900);
        city(&mut plausibility, 25.7, -80.3, 100);
        assert_eq!(plausibility.implausible(), 0);
    }

    #[test]
    fn a_street_does_not_make_its_neighbours_far() {
        let mut plausibility = Plausibility::default();
        for row in 0..100 {
            plausibility.add(40.7 + f64::from(row) * 1e-5, -74.0);
        }
        plausibility.add(40.8, -74.1);
        assert_eq!(plausibility.implausible(), 0);
    }

    #[test]
    fn across_the_antimeridian_is_near() {
        let mut plausibility = Plausibility::default();
        city(&mut plausibility, -17.8, 179.95, 5);
        for row in 0..50 {
            plausibility.add(-17.8, 180.0 - f64::from(row) * 0.001);
            plausibility.add(-17.8, -180.0 + f64::from(row) * 0.001);
        }
        assert_eq!(plausibility.implausible(), 0);
    }

    #[test]
    fn few_rows_say_nothing() {
        let mut plausibility = Plausibility::default();
        city(&mut plausibility, 40.6, -74.0, 10);
        plausibility.add(-28.0, 153.2);
        assert_eq!(plausibility.implausible(), 0);
    }

    #[test]
    fn beyond_the_kept_rows_the_fence_still_holds() {
        let mut plausibility = Plausibility::default();
        city(
            &mut plausibility,
            40.6,
            -74.0,
            u32::try_from(MAX_POINTS).unwrap(),
        );
        assert!(plausibility.points.is_empty());
        plausibility.add(-28.0, 153.2);
        plausibility.add(40.7, -73.9);
        assert_eq!(plausibility.implausible(), 1);
    }
}
