//! Great-circle distances, and the boxes of latitude and longitude that hold a circle.

use crate::inputs::{Distance, Point, Radius, kilometers};

/// The mean radius of the earth in kilometers: the value R1 of the International Union of
/// Geodesy and Geophysics, (2a + b) / 3 of the GRS 80 ellipsoid. The real earth differs from a
/// sphere of this radius by at most 0.6 % of a distance.
pub const EARTH_RADIUS_KM: f64 = 6371.0088;

/// The great-circle distance between two points, by the haversine formula.
///
/// ```
/// use larder_services::geography::distance;
/// use larder_services::inputs::Point;
///
/// let miami = Point::new(25.7617, -80.1918)?;
/// let new_york = Point::new(40.7128, -74.0060)?;
/// assert_eq!(distance(miami, new_york).as_kilometers().round(), 1758.0);
/// # Ok::<(), larder_services::Error>(())
/// ```
#[must_use]
pub fn distance(from: Point, to: Point) -> Distance {
    let (from_latitude, to_latitude) = (from.latitude().to_radians(), to.latitude().to_radians());
    let half_latitude = (to_latitude - from_latitude) / 2.0;
    let half_longitude = (to.longitude() - from.longitude()).to_radians() / 2.0;
    let haversine = half_latitude.sin().powi(2)
        + from_latitude.cos() * to_latitude.cos() * half_longitude.sin().powi(2);
    // Rounding may carry it just beyond 1 for points opposite to each other.
    kilometers(2.0 * EARTH_RADIUS_KM * haversine.min(1.0).sqrt().asin())
}

/// A part of the earth between two latitudes and two longitudes, its edges included. It does not
/// cross the antimeridian: `west` is at most `east`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundingBox {
    /// The least latitude in it.
    pub south: f64,
    /// The least longitude in it.
    pub west: f64,
    /// The greatest latitude in it.
    pub north: f64,
    /// The greatest longitude in it.
    pub east: f64,
}

impl BoundingBox {
    /// Whether a point lies in it.
    #[must_use]
    pub fn contains(&self, point: Point) -> bool {
        (self.south..=self.north).contains(&point.latitude())
            && (self.west..=self.east).contains(&point.longitude())
    }
}

/// By how many degrees a box is larger than needed, so that rounding loses no point: 0.1 m.
const MARGIN_DEGREES: f64 = 1e-6;

/// The boxes that together hold every point within a radius: one, or two where the circle
/// crosses the antimeridian. Around a pole it is one box of all longitudes.
///
/// The boxes hold points outside the circle too: an index finds candidates by them, and
/// [`distance`] decides.
#[must_use]
pub fn bounding_boxes(center: Point, radius: Radius) -> Vec<BoundingBox> {
    let reach = (radius.distance().as_kilometers() / EARTH_RADIUS_KM).to_degrees() + MARGIN_DEGREES;
    let south = (center.latitude() - reach).max(-90.0);
    let north = (center.latitude() + reach).min(90.0);
    let boxed = |west, east| BoundingBox {
        south,
        west,
        north,
        east,
    };

    // The widest point of a circle is nearer to the pole than its center: the meridian that
    // touches the circle there makes a right angle with its radius. Where there is no such point
    // the circle holds a pole; next to that, rounding may say so first.
    let widest = reach.to_radians().sin() / center.latitude().to_radians().cos();
    if south <= -90.0 || north >= 90.0 || widest >= 1.0 {
        return vec![boxed(-180.0, 180.0)];
    }
    let half_width = widest.asin().to_degrees() + MARGIN_DEGREES;
    let (west, east) = (
        center.longitude() - half_width,
        center.longitude() + half_width,
    );
    if west <= -180.0 {
        vec![boxed(west + 360.0, 180.0), boxed(-180.0, east)]
    } else if east >= 180.0 {
        vec![boxed(west, 180.0), boxed(-180.0, east - 360.0)]
    } else {
        vec![boxed(west, east)]
    }
}

#[cfg(test)]
mod tests;
