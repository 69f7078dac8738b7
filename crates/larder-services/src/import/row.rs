//! From a CSV record to a restaurant, or to the reason why it is none.

use std::io::Read;

use super::RestaurantReader;
use super::columns::{Column, Header};
use super::report::RejectedRow;
use crate::error::{InvalidInput, Result, shortened};
use crate::restaurants::NewRestaurant;

/// One row of what is imported.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// A restaurant that keeps all rules.
    Accepted(Box<RestaurantRow>),
    /// A row that could not be read or breaks a rule.
    Rejected(RejectedRow),
}

/// A restaurant together with where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct RestaurantRow {
    /// The first line of its record in the file, counted from 1; of a generated restaurant its
    /// number.
    pub line: u64,
    /// The restaurant, which keeps all rules.
    pub restaurant: NewRestaurant,
}

impl Row {
    /// A row of its own for a restaurant, if that keeps the rules.
    pub(super) fn checked(line: u64, restaurant: NewRestaurant) -> Self {
        match restaurant.first_fault() {
            Ok(()) => Self::Accepted(Box::new(RestaurantRow { line, restaurant })),
            Err(fault) => Self::rejected(line, &fault),
        }
    }

    /// Reads the fields of a record that has as many as the header.
    pub(super) fn from_record(line: u64, header: &Header, record: &csv::ByteRecord) -> Self {
        let mut restaurant = NewRestaurant::default();
        for (column, field) in header.fields.iter().zip(record) {
            let Some(column) = *column else { continue };
            if let Err(fault) = set(&mut restaurant, column, field) {
                return Self::rejected(line, &fault);
            }
        }
        Self::checked(line, restaurant)
    }

    fn rejected(line: u64, fault: &InvalidInput) -> Self {
        Self::Rejected(RejectedRow {
            line,
            field: fault.input().to_owned(),
            value: fault.value().to_owned(),
            reason: fault.rule().to_owned(),
        })
    }

    /// Rejects a record as a whole.
    pub(super) fn broken(line: u64, record: &csv::ByteRecord, reason: String) -> Self {
        let fields: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
        Self::Rejected(RejectedRow {
            line,
            field: "record".to_owned(),
            value: shortened(&fields.join(",")),
            reason,
        })
    }
}

/// Where the rows of an import come from.
pub trait RowSource: Iterator<Item = Result<Row>> {
    /// The columns that the rows have. An import writes only these, so what the source does not
    /// have stays in the database as it is.
    fn columns(&self) -> Vec<Column> {
        Column::ALL.to_vec()
    }

    /// How many bytes were read so far; 0 where there is no file.
    fn bytes_read(&self) -> u64 {
        0
    }
}

impl<R: Read> RowSource for RestaurantReader<R> {
    fn columns(&self) -> Vec<Column> {
        Self::columns(self).collect()
    }

    fn bytes_read(&self) -> u64 {
        Self::bytes_read(self)
    }
}

impl<I: Iterator<Item = NewRestaurant>> RowSource for NumberedRestaurants<I> {}

/// Restaurants from elsewhere than a file as rows: checked, with their numbers for lines.
#[derive(Clone, Debug)]
pub struct NumberedRestaurants<I> {
    restaurants: I,
    number: u64,
}

impl<I> NumberedRestaurants<I> {
    pub(super) fn new(restaurants: I) -> Self {
        Self {
            restaurants,
            number: 0,
        }
    }
}

impl<I: Iterator<Item = NewRestaurant>> Iterator for NumberedRestaurants<I> {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        let restaurant = self.restaurants.next()?;
        self.number += 1;
        Some(Ok(Row::checked(self.number, restaurant)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.restaurants.size_hint()
    }
}

/// Puts a field's value in its place. White space around it is removed; what is empty then is
/// none.
fn set(new: &mut NewRestaurant, column: Column, field: &[u8]) -> Result<(), InvalidInput> {
    let name = column.name();
    let text = std::str::from_utf8(field).map_err(|_| {
        InvalidInput::new(name, String::from_utf8_lossy(field), "must be valid UTF-8")
    })?;
    let text = text.trim();
    let value = (!text.is_empty()).then_some(text);
    let owned = || value.map(str::to_owned);
    match column {
        // An empty one is refused by the rules, which a missing one would pass.
        Column::SourceId => new.source_id = Some(text.to_owned()),
        Column::Name => text.clone_into(&mut new.name),
        Column::Address => new.address = owned(),
        Column::City => new.city = owned(),
        Column::State => new.state = owned(),
        Column::ZipCode => new.zip_code = owned(),
        Column::Latitude => new.latitude = value.map(|text| degrees(name, text)).transpose()?,
        Column::Longitude => new.longitude = value.map(|text| degrees(name, text)).transpose()?,
        Column::Phone => new.phone = owned(),
        Column::Website => new.website = owned(),
        Column::Email => new.email = owned(),
        Column::Cuisine => new.cuisine = owned(),
        Column::KosherCategory => new.kosher_category = value.map(str::parse).transpose()?,
        Column::KosherSupervision => new.kosher_supervision = owned(),
        Column::CertifyingAgency => new.certifying_agency = owned(),
        Column::ListingType => new.listing_type = owned(),
        Column::PriceRange => new.price_range = owned(),
        Column::Description => new.description = owned(),
        Column::Hours => new.hours = owned(),
        Column::Status => new.status = value.map(str::parse).transpose()?.unwrap_or_default(),
    }
    Ok(())
}

fn degrees(name: &'static str, text: &str) -> Result<f64, InvalidInput> {
    text.parse()
        .map_err(|_| InvalidInput::new(name, text, "must be a number of degrees"))
}
