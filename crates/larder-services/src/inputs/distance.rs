//! Lengths on the earth's surface, with their unit in the name.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::Serialize;

use crate::error::{Error, InvalidInput, Result};
use crate::geography::EARTH_RADIUS_KM;

/// A length on the earth's surface.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Distance {
    kilometers: f64,
}

/// So many kilometers.
#[must_use]
pub fn kilometers(kilometers: f64) -> Distance {
    Distance { kilometers }
}

/// So many meters.
#[must_use]
pub fn meters(meters: f64) -> Distance {
    Distance {
        kilometers: meters / 1000.0,
    }
}

impl Distance {
    /// The length in kilometers.
    #[must_use]
    pub fn as_kilometers(self) -> f64 {
        self.kilometers
    }

    /// The length in meters.
    #[must_use]
    pub fn as_meters(self) -> f64 {
        self.kilometers * 1000.0
    }
}

impl fmt::Display for Distance {
    /// In meters below one kilometer, in kilometers from there on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kilometers.abs() < 1.0 {
            write!(f, "{:.0} m", self.as_meters())
        } else {
            write!(f, "{:.1} km", self.kilometers)
        }
    }
}

/// A distance to search within: above zero, and at most half the earth's circumference, which
/// reaches every place.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Radius(Distance);

impl Radius {
    /// Half the earth's circumference: from any place, every other is within it.
    pub const MAX: Self = Self(Distance {
        kilometers: std::f64::consts::PI * EARTH_RADIUS_KM,
    });

    /// Takes a distance to search within.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where it is not above zero, or
    /// more than [`Radius::MAX`].
    pub fn new(distance: Distance) -> Result<Self> {
        if distance.kilometers > 0.0 && distance.kilometers <= Self::MAX.0.kilometers {
            Ok(Self(distance))
        } else {
            let rule = format!("must be above 0 and at most {}", Self::MAX.0);
            let value = format!("{} km", distance.kilometers);
            Err(InvalidInput::new("radius", value, rule).into())
        }
    }

    /// The distance.
    #[must_use]
    pub fn distance(self) -> Distance {
        self.0
    }
}

impl Eq for Radius {}

impl Hash for Radius {
    /// A radius is above zero, so equal ones have the same bits.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.kilometers.to_bits().hash(state);
    }
}

impl Default for Radius {
    /// Ten kilometers.
    fn default() -> Self {
        Self(kilometers(10.0))
    }
}

impl TryFrom<Distance> for Radius {
    type Error = Error;

    fn try_from(distance: Distance) -> Result<Self> {
        Self::new(distance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_convert() {
        assert_eq!(kilometers(1.5), meters(1500.0));
        assert_eq!(kilometers(1.5).as_meters(), 1500.0);
        assert_eq!(meters(350.0).to_string(), "350 m");
        assert_eq!(kilometers(12.34).to_string(), "12.3 km");
    }

    #[test]
    fn a_radius_is_above_zero_and_on_the_earth() {
        Radius::new(meters(1.0)).unwrap();
        Radius::new(Radius::MAX.distance()).unwrap();
        for bad in [0.0, -1.0, 20_016.0, f64::NAN, f64::INFINITY] {
            assert!(Radius::new(kilometers(bad)).is_err(), "{bad}");
        }
        assert_eq!(Radius::default().distance(), kilometers(10.0));
    }
}
