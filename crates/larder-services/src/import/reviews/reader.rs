//! Reading reviews from CSV, one record at a time.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::ReviewColumn;
use super::row::{self, RestaurantKey, ReviewRow, ReviewSource, UserKey};
use crate::error::{InvalidInput, Result};
use crate::ids::RestaurantId;
use crate::import::Row;
use crate::import::header::Header;
use crate::import::records::{self, Records, text};
use crate::reviews::{Rating, ReviewStatus, check_texts};

/// Reads reviews from CSV, one record at a time, as
/// [`RestaurantReader`](crate::import::RestaurantReader) reads restaurants.
///
/// The header has names of [`ReviewColumn`]s. Restaurants and users are those of the database,
/// which finds them out as it writes. A time is RFC 3339, or a day.
#[derive(Debug)]
pub struct ReviewReader<R> {
    records: Records<R, ReviewColumn>,
    status: ReviewStatus,
}

impl ReviewReader<File> {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// [`ErrorKind::Csv`](crate::ErrorKind::Csv) where it cannot be opened or read, or where its
    /// header lacks required columns, has one twice or is not UTF-8.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let (file, name) = records::open(path.as_ref())?;
        Self::new(file, &name)
    }
}

impl<R: Read> ReviewReader<R> {
    /// Takes what is to be read, with the name that errors call it by, and reads its header.
    /// Reading is buffered.
    ///
    /// # Errors
    /// As [`open`](ReviewReader::open).
    pub fn new(input: R, file: &str) -> Result<Self> {
        Ok(Self {
            records: Records::new(input, file)?,
            status: ReviewStatus::default(),
        })
    }

    /// Sets the status of new reviews whose row says nothing of it: pending unless set.
    #[must_use]
    pub fn status(self, status: ReviewStatus) -> Self {
        Self { status, ..self }
    }
}

impl<R: Read> Iterator for ReviewReader<R> {
    type Item = Result<Row<ReviewRow>>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.records.next_row(review)?;
        Some(row.map_err(Into::into))
    }
}

impl<R: Read> ReviewSource for ReviewReader<R> {
    fn columns(&self) -> Vec<ReviewColumn> {
        self.records.header().columns().collect()
    }

    fn default_status(&self) -> ReviewStatus {
        self.status
    }

    fn ignored_columns(&self) -> Vec<String> {
        self.records.header().ignored.clone()
    }

    fn bytes_read(&self) -> u64 {
        self.records.bytes_read()
    }
}

fn review(
    line: u64,
    header: &Header<ReviewColumn>,
    record: &csv::ByteRecord,
) -> Result<ReviewRow, InvalidInput> {
    let mut source_id = None;
    let mut restaurant = RestaurantKey::default();
    let mut user = UserKey::default();
    let mut rating = None;
    let (mut title, mut comment, mut status, mut created_at) = (None, None, None, None);
    for (column, field) in header.named(record) {
        let name = column.name();
        let text = text(name, field)?;
        if text.is_empty() {
            continue;
        }
        match column {
            ReviewColumn::SourceId => source_id = Some(row::source_id(name, text)?),
            ReviewColumn::RestaurantSourceId => {
                restaurant.source_id = Some(row::source_id(name, text)?);
            }
            ReviewColumn::RestaurantId => restaurant.id = Some(restaurant_id(name, text)?),
            ReviewColumn::Username => user.username = Some(key(name, text)?),
            ReviewColumn::Email => user.email = Some(key(name, text)?),
            ReviewColumn::Rating => rating = Some(read_rating(name, text)?),
            ReviewColumn::Title => title = Some(text.to_owned()),
            ReviewColumn::Comment => comment = Some(text.to_owned()),
            ReviewColumn::Status => status = Some(text.parse()?),
            ReviewColumn::CreatedAt => created_at = Some(row::time(name, text)?),
        }
    }
    check_texts(title.as_deref(), comment.as_deref())?;
    if restaurant == RestaurantKey::default() {
        return Err(absent(first_of(
            header,
            ReviewColumn::RestaurantSourceId,
            ReviewColumn::RestaurantId,
        )));
    }
    if user == UserKey::default() {
        return Err(absent(first_of(
            header,
            ReviewColumn::Username,
            ReviewColumn::Email,
        )));
    }
    Ok(ReviewRow {
        line,
        source_id,
        restaurant,
        user,
        rating: rating.ok_or_else(|| absent(ReviewColumn::Rating))?,
        title,
        comment,
        status,
        created_at,
    })
}

/// The one of two columns that the file has.
fn first_of(header: &Header<ReviewColumn>, one: ReviewColumn, other: ReviewColumn) -> ReviewColumn {
    if header.has(one) { one } else { other }
}

fn absent(column: ReviewColumn) -> InvalidInput {
    InvalidInput::new(column.name(), "", "must not be empty")
}

/// A text that a row of the database is found by.
fn key(name: &'static str, text: &str) -> Result<String, InvalidInput> {
    crate::inputs::check_text(name, text, 254)?;
    Ok(text.to_owned())
}

fn restaurant_id(name: &'static str, text: &str) -> Result<RestaurantId, InvalidInput> {
    text.parse()
        .map(RestaurantId)
        .map_err(|_| InvalidInput::new(name, text, "must be a whole number"))
}

fn read_rating(name: &'static str, text: &str) -> Result<Rating, InvalidInput> {
    let rating = text
        .parse()
        .ok()
        .and_then(|rating| Rating::new(rating).ok());
    rating.ok_or_else(|| InvalidInput::new(name, text, "must be a whole number from 1 to 5"))
}
