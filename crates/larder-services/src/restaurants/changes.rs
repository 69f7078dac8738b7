//! What may be changed of a restaurant.

use diesel::prelude::*;
use serde::Deserialize;

use super::{KosherCategory, NewRestaurant};
use crate::changes::{not_null, present};
use crate::error::Result;
use crate::inputs::Point;
use crate::schema::restaurants;

/// Changes to a restaurant. What is `None` stays as it is, and what is `Some(None)` becomes null.
/// The status has a method of its own:
/// [`set_status`](super::RestaurantService::set_status).
///
/// From JSON, a field that is not there stays as it is, and one that is null becomes null
/// (or is refused, where the column cannot be null).
///
/// ```
/// use larder_services::restaurants::RestaurantChanges;
///
/// let changes = RestaurantChanges {
///     name: Some("Harbor Noodle House".to_owned()),
///     phone: Some(None),
///     ..RestaurantChanges::default()
/// };
/// changes.check()?;
/// let same = serde_json::from_str(r#"{ "name": "Harbor Noodle House", "phone": null }"#);
/// assert_eq!(changes, same.unwrap());
/// # Ok::<(), larder_services::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, AsChangeset, Deserialize)]
#[diesel(table_name = restaurants)]
#[serde(default, deny_unknown_fields)]
pub struct RestaurantChanges {
    /// Another key in the system that it comes from, or none.
    #[serde(deserialize_with = "present")]
    pub source_id: Option<Option<String>>,
    /// Another name.
    #[serde(deserialize_with = "not_null")]
    pub name: Option<String>,
    /// Street and number.
    #[serde(deserialize_with = "present")]
    pub address: Option<Option<String>>,
    /// City, or a part of a large one.
    #[serde(deserialize_with = "present")]
    pub city: Option<Option<String>>,
    /// State or province.
    #[serde(deserialize_with = "present")]
    pub state: Option<Option<String>>,
    /// Postal code.
    #[serde(deserialize_with = "present")]
    pub zip_code: Option<Option<String>>,
    /// Another place: latitude and longitude change together.
    #[diesel(skip_update)]
    #[serde(deserialize_with = "present")]
    pub location: Option<Option<Point>>,
    /// Telephone number.
    #[serde(deserialize_with = "present")]
    pub phone: Option<Option<String>>,
    /// Address of its web site.
    #[serde(deserialize_with = "present")]
    pub website: Option<Option<String>>,
    /// Where mail reaches it.
    #[serde(deserialize_with = "present")]
    pub email: Option<Option<String>>,
    /// The kitchen, for example "Bakery".
    #[serde(deserialize_with = "present")]
    pub cuisine: Option<Option<String>>,
    /// What it serves, where it is kosher.
    #[serde(deserialize_with = "present")]
    pub kosher_category: Option<Option<KosherCategory>>,
    /// How it is supervised, where it is kosher.
    #[serde(deserialize_with = "present")]
    pub kosher_supervision: Option<Option<String>>,
    /// The agency that certifies it.
    #[serde(deserialize_with = "present")]
    pub certifying_agency: Option<Option<String>>,
    /// The kind of listing.
    #[serde(deserialize_with = "present")]
    pub listing_type: Option<Option<String>>,
    /// How dear it is.
    #[serde(deserialize_with = "present")]
    pub price_range: Option<Option<String>>,
    /// What it says of itself.
    #[serde(deserialize_with = "present")]
    pub description: Option<Option<String>>,
    /// Opening hours.
    #[serde(deserialize_with = "present")]
    pub hours: Option<Option<String>>,
}

impl RestaurantChanges {
    /// Checks that what is written keeps the rules of a [`NewRestaurant`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) with the first field that
    /// breaks a rule.
    pub fn check(&self) -> Result<()> {
        self.clone().into_new().check()
    }

    /// A new restaurant of what is written. What is not keeps every rule.
    fn into_new(self) -> NewRestaurant {
        NewRestaurant {
            source_id: self.source_id.flatten(),
            address: self.address.flatten(),
            city: self.city.flatten(),
            state: self.state.flatten(),
            zip_code: self.zip_code.flatten(),
            phone: self.phone.flatten(),
            website: self.website.flatten(),
            email: self.email.flatten(),
            cuisine: self.cuisine.flatten(),
            kosher_category: self.kosher_category.flatten(),
            kosher_supervision: self.kosher_supervision.flatten(),
            certifying_agency: self.certifying_agency.flatten(),
            listing_type: self.listing_type.flatten(),
            price_range: self.price_range.flatten(),
            description: self.description.flatten(),
            hours: self.hours.flatten(),
            ..NewRestaurant::named(self.name.unwrap_or_else(|| "unchanged".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_text_is_checked() {
        for field in [
            "source_id",
            "name",
            "address",
            "city",
            "state",
            "zip_code",
            "phone",
            "website",
            "email",
            "cuisine",
            "kosher_supervision",
            "certifying_agency",
            "listing_type",
            "price_range",
            "description",
            "hours",
        ] {
            let changes: RestaurantChanges =
                serde_json::from_value(json!({ field: "\0" })).unwrap();
            let text = changes.check().unwrap_err().to_string();
            assert!(text.starts_with(&format!("accept {field} ")), "{text}");
        }
        RestaurantChanges::default().check().unwrap();
    }

    #[test]
    fn json_is_checked_as_it_is_read() {
        let read = serde_json::from_value::<RestaurantChanges>;
        let moved = read(json!({ "location": { "latitude": 1.0, "longitude": 2.0 } })).unwrap();
        assert_eq!(moved.location, Some(Point::new(1.0, 2.0).ok()));
        assert_eq!(
            read(json!({ "location": null })).unwrap().location,
            Some(None)
        );
        for bad in [
            json!({ "location": { "latitude": 91.0, "longitude": 2.0 } }),
            json!({ "name": null }),
            json!({ "status": "active" }),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }
}
