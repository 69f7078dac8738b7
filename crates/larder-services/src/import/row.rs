//! From a CSV record to a restaurant, or to the reason why it is none.

use std::io::Read;

use serde::Serialize;

use super::RestaurantReader;
use super::columns::Column;
use super::header::Header;
use super::records::text;
use crate::error::{InvalidInput, Result};
use crate::restaurants::NewRestaurant;

/// One row of what is imported.
#[derive(Clone, Debug, PartialEq)]
pub enum Row<T = RestaurantRow> {
    /// A row that keeps all rules.
    Accepted(Box<T>),
    /// A row that could not be read or breaks a rule.
    Rejected(RejectedRow),
}

/// A row that was not imported, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RejectedRow {
    /// The first line of the record in the file, counted from 1.
    pub line: u64,
    /// The column whose value is at fault, or `record` where the whole record is.
    pub field: String,
    /// The value, shortened to 200 characters; what is not UTF-8 in it is replaced.
    pub value: String,
    /// What is wrong with it.
    pub reason: String,
}

impl RejectedRow {
    /// The row of a line that has this fault.
    pub(super) fn new(line: u64, fault: &InvalidInput) -> Self {
        Self {
            line,
            field: fault.input().to_owned(),
            value: fault.value().to_owned(),
            reason: fault.rule().to_owned(),
        }
    }
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

impl RestaurantRow {
    /// A row of its own for a restaurant, if that keeps the rules.
    fn checked(line: u64, restaurant: NewRestaurant) -> Result<Self, InvalidInput> {
        restaurant.first_fault()?;
        Ok(Self { line, restaurant })
    }

    /// Reads the fields of a record that has as many as the header.
    pub(super) fn from_record(
        line: u64,
        header: &Header<Column>,
        record: &csv::ByteRecord,
    ) -> Result<Self, InvalidInput> {
        let mut restaurant = NewRestaurant::default();
        for (column, field) in header.named(record) {
            set(&mut restaurant, column, field)?;
        }
        Self::checked(line, restaurant)
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
        Some(Ok(match RestaurantRow::checked(self.number, restaurant) {
            Ok(row) => Row::Accepted(Box::new(row)),
            Err(fault) => Row::Rejected(RejectedRow::new(self.number, &fault)),
        }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.restaurants.size_hint()
    }
}

/// Puts a field's value in its place. White space around it is removed; what is empty then is
/// none.
fn set(new: &mut NewRestaurant, column: Column, field: &[u8]) -> Result<(), InvalidInput> {
    let name = column.name();
    let text = text(name, field)?;
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
