//! A place on the earth.

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::error::{Error, InvalidInput, Result};

/// A place on the earth by latitude and longitude in degrees (WGS 84).
///
/// ```
/// use larder_services::inputs::Point;
///
/// let miami = Point::new(25.77, -80.19)?;
/// assert_eq!(miami.latitude(), 25.77);
/// assert!(Point::new(91.0, 0.0).is_err());
/// # Ok::<(), larder_services::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Coordinates")]
pub struct Point {
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
}

impl Point {
    /// Takes a latitude (-90 to 90) and a longitude (-180 to 180), in this order.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where one is out of range or
    /// not finite.
    pub fn new(latitude: f64, longitude: f64) -> Result<Self> {
        Self::check(latitude, longitude)?;
        // Zero has two signs, which are one place.
        Ok(Self {
            latitude: latitude + 0.0,
            longitude: longitude + 0.0,
        })
    }

    /// Refuses coordinates that no place has.
    pub(crate) fn check(latitude: f64, longitude: f64) -> Result<(), InvalidInput> {
        if !(-90.0..=90.0).contains(&latitude) {
            return Err(InvalidInput::new(
                "latitude",
                latitude,
                "must be from -90 to 90 degrees",
            ));
        }
        if !(-180.0..=180.0).contains(&longitude) {
            let rule = "must be from -180 to 180 degrees";
            return Err(InvalidInput::new("longitude", longitude, rule));
        }
        Ok(())
    }

    /// Degrees north, -90 to 90.
    #[must_use]
    pub fn latitude(self) -> f64 {
        self.latitude
    }

    /// Degrees east, -180 to 180.
    #[must_use]
    pub fn longitude(self) -> f64 {
        self.longitude
    }
}

impl Eq for Point {}

impl Hash for Point {
    /// Points that are equal have the same bits: neither coordinate is NaN or minus zero.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.latitude.to_bits().hash(state);
        self.longitude.to_bits().hash(state);
    }
}

impl TryFrom<Result<Self>> for Point {
    type Error = Error;

    /// Lets [`Point::new`] stand where a point is taken: its error comes later, from there.
    fn try_from(checked: Result<Self>) -> Result<Self> {
        checked
    }
}

/// A point as it comes in, not yet checked.
#[derive(Deserialize)]
struct Coordinates {
    latitude: f64,
    longitude: f64,
}

impl TryFrom<Coordinates> for Point {
    type Error = Error;

    fn try_from(from: Coordinates) -> Result<Self> {
        Self::new(from.latitude, from.longitude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_belong_to_it() {
        for (latitude, longitude) in [(90.0, 180.0), (-90.0, -180.0), (0.0, 0.0)] {
            Point::new(latitude, longitude).unwrap();
        }
    }

    #[test]
    fn what_no_place_has_is_refused() {
        for (latitude, longitude, input) in [
            (90.000_1, 0.0, "latitude"),
            (f64::NAN, 0.0, "latitude"),
            (f64::NEG_INFINITY, 0.0, "latitude"),
            (0.0, -180.1, "longitude"),
            (0.0, f64::INFINITY, "longitude"),
        ] {
            assert_eq!(
                Point::check(latitude, longitude).unwrap_err().input(),
                input
            );
        }
    }

    #[test]
    fn equal_points_have_the_same_hash() {
        let hash = |latitude, longitude| {
            let mut hasher = std::hash::DefaultHasher::new();
            Point::new(latitude, longitude).unwrap().hash(&mut hasher);
            hasher.finish()
        };
        assert_eq!(hash(0.0, -0.0), hash(-0.0, 0.0));
        assert_ne!(hash(1.0, 2.0), hash(2.0, 1.0));
        assert_ne!(hash(1.0, 2.0), hash(1.0, 2.000_000_000_000_000_4));
    }

    #[test]
    fn json_is_checked_too() {
        let point = Point::new(25.77, -80.19).unwrap();
        let json = serde_json::to_string(&point).unwrap();
        assert_eq!(json, r#"{"latitude":25.77,"longitude":-80.19}"#);
        assert_eq!(serde_json::from_str::<Point>(&json).unwrap(), point);
        assert!(serde_json::from_str::<Point>(r#"{"latitude":95,"longitude":0}"#).is_err());
    }
}
