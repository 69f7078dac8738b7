//! The rows of the table `restaurants`, as they are read and as they are written.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use crate::closed_set::closed_set;
use crate::ids::RestaurantId;
use crate::inputs::Point;
use crate::schema::restaurants;

closed_set! {
    /// Whether a restaurant is shown. Reads for the public show active ones only.
    RestaurantStatus, "status" {
        /// Shown.
        Active = "active",
        /// Hidden for now.
        Inactive = "inactive",
        /// Not yet looked at.
        Pending = "pending",
        /// Gone out of business.
        Closed = "closed",
    }
}

impl Default for RestaurantStatus {
    /// Active, as in the table.
    fn default() -> Self {
        Self::Active
    }
}

closed_set! {
    /// What a kosher restaurant serves.
    KosherCategory, "kosher_category" {
        /// Meat.
        Meat = "meat",
        /// Dairy.
        Dairy = "dairy",
        /// Neither meat nor dairy.
        Pareve = "pareve",
        /// Fish.
        Fish = "fish",
        /// Kosher, but it is not known what kind.
        Unknown = "unknown",
    }
}

/// A restaurant, as the table holds it.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable, Identifiable, Serialize, Deserialize)]
#[diesel(table_name = restaurants, check_for_backend(diesel::pg::Pg))]
pub struct Restaurant {
    /// Its id.
    pub id: RestaurantId,
    /// Its key in the system that it was imported from; no two restaurants have the same.
    pub source_id: Option<String>,
    /// Its name.
    pub name: String,
    /// Street and number.
    pub address: Option<String>,
    /// City, or a part of a large one.
    pub city: Option<String>,
    /// State or province.
    pub state: Option<String>,
    /// Postal code.
    pub zip_code: Option<String>,
    /// Degrees north, -90 to 90; present exactly when the longitude is.
    pub latitude: Option<f64>,
    /// Degrees east, -180 to 180; present exactly when the latitude is.
    pub longitude: Option<f64>,
    /// Telephone number, as written by its source.
    pub phone: Option<String>,
    /// Address of its web site.
    pub website: Option<String>,
    /// Where mail reaches it.
    pub email: Option<String>,
    /// The kitchen, for example "Bakery".
    pub cuisine: Option<String>,
    /// What it serves, where it is kosher.
    pub kosher_category: Option<KosherCategory>,
    /// How it is supervised, where it is kosher.
    pub kosher_supervision: Option<String>,
    /// The agency that certifies it.
    pub certifying_agency: Option<String>,
    /// The kind of listing, for example "restaurant" or "caterer".
    pub listing_type: Option<String>,
    /// How dear it is, as written by its source, for example "$$".
    pub price_range: Option<String>,
    /// What it says of itself.
    pub description: Option<String>,
    /// Opening hours, as written by its source.
    pub hours: Option<String>,
    /// Whether it is shown.
    pub status: RestaurantStatus,
    /// When the row was written first.
    pub created_at: DateTime<Utc>,
    /// When the row was written last.
    pub updated_at: DateTime<Utc>,
    /// When it was deleted; a deleted restaurant is found by nobody.
    pub deleted_at: Option<DateTime<Utc>>,
}

impl Restaurant {
    /// Where it is; none where the table has no coordinates.
    #[must_use]
    pub fn location(&self) -> Option<Point> {
        Point::new(self.latitude?, self.longitude?).ok()
    }
}

/// A restaurant to be written: inserted, or all of its columns put in place of another's.
///
/// What is `None` is written as null, in an update too. The time of an update is not a part of
/// it: whoever updates sets `updated_at` beside it.
///
/// ```
/// use larder_services::restaurants::NewRestaurant;
///
/// let new = NewRestaurant {
///     city: Some("Miami".to_owned()),
///     latitude: Some(25.77),
///     longitude: Some(-80.19),
///     ..NewRestaurant::named("Harbor Noodle House")
/// };
/// new.check()?;
/// # Ok::<(), larder_services::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Insertable, AsChangeset, Serialize, Deserialize)]
#[diesel(table_name = restaurants, treat_none_as_null = true)]
pub struct NewRestaurant {
    /// Its key in the system that it comes from, 200 characters at most.
    pub source_id: Option<String>,
    /// Its name, 1 to 300 characters.
    pub name: String,
    /// Street and number.
    pub address: Option<String>,
    /// City, or a part of a large one.
    pub city: Option<String>,
    /// State or province.
    pub state: Option<String>,
    /// Postal code.
    pub zip_code: Option<String>,
    /// Degrees north, -90 to 90; only together with the longitude.
    pub latitude: Option<f64>,
    /// Degrees east, -180 to 180; only together with the latitude.
    pub longitude: Option<f64>,
    /// Telephone number.
    pub phone: Option<String>,
    /// Address of its web site.
    pub website: Option<String>,
    /// Where mail reaches it.
    pub email: Option<String>,
    /// The kitchen, for example "Bakery".
    pub cuisine: Option<String>,
    /// What it serves, where it is kosher.
    pub kosher_category: Option<KosherCategory>,
    /// How it is supervised, where it is kosher.
    pub kosher_supervision: Option<String>,
    /// The agency that certifies it.
    pub certifying_agency: Option<String>,
    /// The kind of listing.
    pub listing_type: Option<String>,
    /// How dear it is.
    pub price_range: Option<String>,
    /// What it says of itself.
    pub description: Option<String>,
    /// Opening hours.
    pub hours: Option<String>,
    /// Whether it is shown; active unless said otherwise.
    pub status: RestaurantStatus,
}

impl NewRestaurant {
    /// An active restaurant of which only the name is known.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use diesel::debug_query;
    use diesel::pg::Pg;

    use super::*;

    #[test]
    fn a_new_restaurant_inserts_and_replaces() {
        let new = NewRestaurant::named("Harbor Noodle House");
        let insert = diesel::insert_into(restaurants::table)
            .values(&new)
            .returning(Restaurant::as_returning());
        let text = debug_query::<Pg, _>(&insert).to_string();
        assert!(text.contains("INSERT INTO \"restaurants\""), "{text}");
        assert!(text.contains("\"deleted_at\""), "{text}");

        let update = diesel::update(restaurants::table.find(RestaurantId(1)))
            .set((&new, restaurants::updated_at.eq(diesel::dsl::now)));
        let text = debug_query::<Pg, _>(&update).to_string();
        assert!(text.contains("\"phone\" = $"), "{text}");
    }
}
