//! Reading inspections of a health department from CSV: each graded one is a review.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::row::{self, RestaurantKey, ReviewRow, ReviewSource, UserKey};
use super::{InspectionColumn, ReviewColumn};
use crate::error::{InvalidInput, Result};
use crate::ids::UserId;
use crate::import::Row;
use crate::import::header::Header;
use crate::import::records::{self, Records, text};
use crate::reviews::{Rating, ReviewStatus};

/// Reads inspections of a health department from CSV, one record at a time, and makes a review of
/// each that has a grade.
///
/// | inspection | review |
/// |---|---|
/// | grade A, B, C | rating 5, 4, 3; title "Grade A" |
/// | grade "Not Yet Graded", P or Z (pending) | none: the row is rejected, and the report says so |
/// | score, the fewer the better | comment "Inspection score: 12" |
/// | date | written at the beginning of that day (UTC) |
/// | restaurant and date | source id, as in `30075445:2014-03-03` |
///
/// Of two inspections of a restaurant on one day the later row counts. The reviews are approved,
/// and by one user, the [inspector](Self::INSPECTOR), unless [`by`](Self::by) names another.
///
/// ```
/// use larder_services::import::Row;
/// use larder_services::import::reviews::InspectionReader;
///
/// let file = "restaurant_source_id,date,grade,score\n\
///             30075445,2014-03-03,A,2\n\
///             30075445,2014-09-01,P,12\n";
/// let mut rows = InspectionReader::new(file.as_bytes(), "example.csv")?;
/// let Some(Row::Accepted(review)) = rows.next().transpose()? else { panic!() };
/// assert_eq!(review.source_id.as_deref(), Some("30075445:2014-03-03"));
/// assert_eq!(review.rating.get(), 5);
/// let Some(Row::Rejected(row)) = rows.next().transpose()? else { panic!() };
/// assert_eq!((row.line, row.field.as_str()), (3, "grade"));
/// # Ok::<(), larder_services::Error>(())
/// ```
#[derive(Debug)]
pub struct InspectionReader<R> {
    records: Records<R, InspectionColumn>,
    by: Option<UserId>,
}

impl InspectionReader<File> {
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

impl<R> InspectionReader<R> {
    /// The name of the user who writes the reviews. The import makes this user where there is
    /// none: not active, so that nobody logs in as it.
    pub const INSPECTOR: &'static str = "inspector";

    /// The address by which the import knows that user again. Names under `invalid` are kept for
    /// such use: no mail goes there, and nobody can verify it.
    pub const INSPECTOR_EMAIL: &'static str = "inspector@larder.invalid";

    /// Names the user who writes the reviews.
    #[must_use]
    pub fn by(self, user: UserId) -> Self {
        let by = Some(user);
        Self { by, ..self }
    }
}

impl<R: Read> InspectionReader<R> {
    /// Takes what is to be read, with the name that errors call it by, and reads its header.
    /// Reading is buffered.
    ///
    /// # Errors
    /// As [`open`](InspectionReader::open).
    pub fn new(input: R, file: &str) -> Result<Self> {
        Ok(Self {
            records: Records::new(input, file)?,
            by: None,
        })
    }
}

impl<R: Read> Iterator for InspectionReader<R> {
    type Item = Result<Row<ReviewRow>>;

    fn next(&mut self) -> Option<Self::Item> {
        let by = match self.by {
            Some(id) => UserKey {
                id: Some(id),
                ..UserKey::default()
            },
            None => UserKey {
                email: Some(Self::INSPECTOR_EMAIL.to_owned()),
                ..UserKey::default()
            },
        };
        let row = self
            .records
            .next_row(|line, header, record| review(line, by, header, record))?;
        Some(row.map_err(Into::into))
    }
}

impl<R: Read> ReviewSource for InspectionReader<R> {
    fn columns(&self) -> Vec<ReviewColumn> {
        let mut columns = vec![ReviewColumn::Title, ReviewColumn::CreatedAt];
        if self.records.header().has(InspectionColumn::Score) {
            columns.push(ReviewColumn::Comment);
        }
        columns
    }

    fn default_status(&self) -> ReviewStatus {
        ReviewStatus::Approved
    }

    fn ignored_columns(&self) -> Vec<String> {
        self.records.header().ignored.clone()
    }

    fn bytes_read(&self) -> u64 {
        self.records.bytes_read()
    }

    fn is_by_inspector(&self) -> bool {
        self.by.is_none()
    }
}

/// A restaurant's key, a colon and a day are no longer than a source id may be.
const MAX_RESTAURANT_CHARS: usize = 189;

fn review(
    line: u64,
    by: UserKey,
    header: &Header<InspectionColumn>,
    record: &csv::ByteRecord,
) -> Result<ReviewRow, InvalidInput> {
    let (mut restaurant, mut day, mut grade, mut score) = ("", "", "", "");
    for (column, field) in header.named(record) {
        let text = text(column.name(), field)?;
        match column {
            InspectionColumn::RestaurantSourceId => restaurant = text,
            InspectionColumn::Date => day = text,
            InspectionColumn::Grade => grade = text,
            InspectionColumn::Score => score = text,
        }
    }
    let name = InspectionColumn::RestaurantSourceId.name();
    let source_id = row::source_id(name, restaurant)?;
    crate::inputs::check_text(name, restaurant, MAX_RESTAURANT_CHARS)?;
    let created_at = row::day(InspectionColumn::Date.name(), day)?;
    let (grade, rating) = rating(grade)?;
    Ok(ReviewRow {
        line,
        source_id: Some(format!("{source_id}:{}", created_at.date_naive())),
        restaurant: RestaurantKey {
            id: None,
            source_id: Some(source_id),
        },
        user: by,
        rating,
        title: Some(format!("Grade {grade}")),
        comment: comment(score)?,
        status: None,
        created_at: Some(created_at),
    })
}

/// The grade as it is shown, and the rating that stands for it.
fn rating(grade: &str) -> Result<(char, Rating), InvalidInput> {
    let fault = |rule| InvalidInput::new(InspectionColumn::Grade.name(), grade, rule);
    let graded = match grade.to_ascii_uppercase().as_str() {
        "A" => ('A', Rating::BEST),
        "B" => ('B', Rating::GOOD),
        "C" => ('C', Rating::FAIR),
        "P" | "Z" => return Err(fault("is no grade: it is pending")),
        "" | "NOT YET GRADED" => return Err(fault("is no grade yet")),
        _ => return Err(fault("must be one of A B C")),
    };
    Ok(graded)
}

fn comment(score: &str) -> Result<Option<String>, InvalidInput> {
    if score.is_empty() {
        return Ok(None);
    }
    let name = InspectionColumn::Score.name();
    let score: i32 = score
        .parse()
        .map_err(|_| InvalidInput::new(name, score, "must be a whole number"))?;
    Ok(Some(format!("Inspection score: {score}")))
}
