//! The rules that a restaurant to be written must keep. The table checks the most important ones
//! too; here they are checked first, so that the fault can be named.

use super::NewRestaurant;
use crate::error::{InvalidInput, Result};
use crate::inputs::{Point, check_text};

impl NewRestaurant {
    /// Checks what a restaurant must be before it can be written: a name, texts of bounded
    /// length without NUL, and either both coordinates, in range, or none.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) with the first field that
    /// breaks a rule.
    pub fn check(&self) -> Result<()> {
        Ok(self.first_fault()?)
    }

    /// The same, with the fault itself.
    pub(crate) fn first_fault(&self) -> Result<(), InvalidInput> {
        for (field, text) in [
            ("source_id", self.source_id.as_deref()),
            ("name", Some(&self.name)),
        ] {
            if text.is_some_and(|text| text.trim().is_empty()) {
                return Err(InvalidInput::new(field, "", "must not be empty"));
            }
        }
        for (field, text, max_chars) in self.texts() {
            check_text(field, text.unwrap_or_default(), max_chars)?;
        }
        match (self.latitude, self.longitude) {
            (None, None) => Ok(()),
            (Some(latitude), Some(longitude)) => Point::check(latitude, longitude),
            (Some(_), None) => Err(InvalidInput::new(
                "longitude",
                "",
                "must be there where a latitude is",
            )),
            (None, Some(_)) => Err(InvalidInput::new(
                "latitude",
                "",
                "must be there where a longitude is",
            )),
        }
    }

    /// The text columns, each with the most characters that it may have. Indexed columns have
    /// the limits of the table's constraints; the others have room for any honest value.
    fn texts(&self) -> [(&'static str, Option<&str>, usize); 16] {
        [
            ("source_id", self.source_id.as_deref(), 200),
            ("name", Some(&self.name), 300),
            ("address", self.address.as_deref(), 500),
            ("city", self.city.as_deref(), 200),
            ("state", self.state.as_deref(), 200),
            ("zip_code", self.zip_code.as_deref(), 50),
            ("phone", self.phone.as_deref(), 100),
            ("website", self.website.as_deref(), 2_000),
            ("email", self.email.as_deref(), 320),
            ("cuisine", self.cuisine.as_deref(), 200),
            (
                "kosher_supervision",
                self.kosher_supervision.as_deref(),
                500,
            ),
            ("certifying_agency", self.certifying_agency.as_deref(), 500),
            ("listing_type", self.listing_type.as_deref(), 200),
            ("price_range", self.price_range.as_deref(), 50),
            ("description", self.description.as_deref(), 20_000),
            ("hours", self.hours.as_deref(), 5_000),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(new: &NewRestaurant) -> InvalidInput {
        new.first_fault().unwrap_err()
    }

    #[test]
    fn a_name_alone_is_enough() {
        NewRestaurant::named("Harbor Noodle House").check().unwrap();
    }

    #[test]
    fn every_rule_names_its_field() {
        let good = NewRestaurant::named("A");
        let cases = [
            (
                "name",
                NewRestaurant {
                    name: " ".into(),
                    ..good.clone()
                },
            ),
            (
                "name",
                NewRestaurant {
                    name: "x".repeat(301),
                    ..good.clone()
                },
            ),
            (
                "source_id",
                NewRestaurant {
                    source_id: Some(String::new()),
                    ..good.clone()
                },
            ),
            (
                "city",
                NewRestaurant {
                    city: Some("a\0b".into()),
                    ..good.clone()
                },
            ),
            (
                "cuisine",
                NewRestaurant {
                    cuisine: Some("x".repeat(201)),
                    ..good.clone()
                },
            ),
            (
                "longitude",
                NewRestaurant {
                    latitude: Some(1.0),
                    ..good.clone()
                },
            ),
            (
                "latitude",
                NewRestaurant {
                    longitude: Some(1.0),
                    ..good.clone()
                },
            ),
            (
                "latitude",
                NewRestaurant {
                    latitude: Some(90.1),
                    longitude: Some(0.0),
                    ..good.clone()
                },
            ),
            (
                "longitude",
                NewRestaurant {
                    latitude: Some(0.0),
                    longitude: Some(f64::NAN),
                    ..good
                },
            ),
        ];
        for (field, new) in cases {
            assert_eq!(fault(&new).input(), field, "{new:?}");
        }
    }

    #[test]
    fn length_is_counted_in_characters() {
        NewRestaurant::named("é".repeat(300)).check().unwrap();
    }
}
