//! A review as it is imported: it names its restaurant and its user by what its source knows.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

use super::ReviewColumn;
use crate::error::{InvalidInput, Result};
use crate::ids::{RestaurantId, UserId};
use crate::import::Row;
use crate::reviews::{Rating, ReviewStatus};

/// A review together with where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewRow {
    /// The first line of its record in the file, counted from 1.
    pub line: u64,
    /// Its key in the system that it comes from, 1 to 200 characters.
    ///
    /// Where there is none, restaurant, user and time are the key, as in `7:2:1393804800000000`
    /// (ids, and microseconds since 1970). Where there is no time either, it is always a new one.
    pub source_id: Option<String>,
    /// The restaurant that it is about.
    pub restaurant: RestaurantKey,
    /// Who wrote it.
    pub user: UserKey,
    /// How good the restaurant was found.
    pub rating: Rating,
    /// Its title, 300 characters at most.
    pub title: Option<String>,
    /// Its text, 20,000 characters at most.
    pub comment: Option<String>,
    /// What moderation said of it; where there is none, what the source says of all.
    pub status: Option<ReviewStatus>,
    /// When it was written; where there is none, when it is imported.
    pub created_at: Option<DateTime<Utc>>,
}

/// What a restaurant is known by. One of both is enough; both have to be of the same restaurant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestaurantKey {
    /// Its id here.
    pub id: Option<RestaurantId>,
    /// Its key in the system that it was imported from.
    pub source_id: Option<String>,
}

/// What a user is known by. One of these is enough; all that are there have to be of the same
/// user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserKey {
    /// The id here.
    pub id: Option<UserId>,
    /// The name.
    pub username: Option<String>,
    /// The address; upper and lower case are the same.
    pub email: Option<String>,
}

/// Where the rows of an import of reviews come from.
pub trait ReviewSource: Iterator<Item = Result<Row<ReviewRow>>> {
    /// Which of title, comment, status and time the rows have. An import changes only these of a
    /// review that is there already, beside its rating.
    fn columns(&self) -> Vec<ReviewColumn>;

    /// The status of a new review whose row says nothing of it.
    fn default_status(&self) -> ReviewStatus {
        ReviewStatus::default()
    }

    /// The names of the columns of the file that are not understood.
    fn ignored_columns(&self) -> Vec<String> {
        Vec::new()
    }

    /// How many bytes were read so far; 0 where there is no file.
    fn bytes_read(&self) -> u64 {
        0
    }

    /// Whether the reviews are by [`InspectionReader::INSPECTOR`](super::InspectionReader), who is
    /// made where there is none.
    fn is_by_inspector(&self) -> bool {
        false
    }
}

/// A source id that the table takes.
pub(super) fn source_id(name: &'static str, text: &str) -> Result<String, InvalidInput> {
    if text.is_empty() {
        return Err(InvalidInput::new(name, text, "must not be empty"));
    }
    crate::inputs::check_text(name, text, 200)?;
    Ok(text.to_owned())
}

/// A day, as in `2014-03-03`: its beginning in UTC.
pub(super) fn day(name: &'static str, text: &str) -> Result<DateTime<Utc>, InvalidInput> {
    let rule = "must be a day such as 2014-03-03";
    let day: NaiveDate = text
        .parse()
        .map_err(|_| InvalidInput::new(name, text, rule))?;
    plausible(name, text, day.and_time(NaiveTime::MIN).and_utc())
}

/// A day, or a time with its zone, as in `2014-03-03T12:30:00Z`.
pub(super) fn time(name: &'static str, text: &str) -> Result<DateTime<Utc>, InvalidInput> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return plausible(name, text, time.to_utc());
    }
    let rule = "must be a day such as 2014-03-03, or a time such as 2014-03-03T12:30:00Z";
    day(name, text).map_err(|_| InvalidInput::new(name, text, rule))
}

/// Refuses what lies ahead: such a review would be the newest for ever. A day is left for clocks
/// and zones.
fn plausible(
    name: &'static str,
    text: &str,
    time: DateTime<Utc>,
) -> Result<DateTime<Utc>, InvalidInput> {
    let latest = Utc::now().checked_add_days(Days::new(1));
    if latest.is_some_and(|latest| time > latest) {
        return Err(InvalidInput::new(name, text, "must not be in the future"));
    }
    if time < DateTime::UNIX_EPOCH {
        return Err(InvalidInput::new(name, text, "must be 1970 or later"));
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_day_or_has_a_zone() {
        let read = |text| time("created_at", text).map(|time| time.to_rfc3339());
        assert_eq!(read("2014-03-03").unwrap(), "2014-03-03T00:00:00+00:00");
        assert_eq!(
            read("2014-03-03T01:30:00+02:00").unwrap(),
            "2014-03-02T23:30:00+00:00"
        );
        for bad in [
            "",
            "2014-3",
            "2014-02-30",
            "03/03/2014",
            "2014-03-03T01:30:00",
            "9999-01-01",
            "1969-12-31T23:59:59Z",
            "99999999-01-01",
        ] {
            assert_eq!(read(bad).unwrap_err().value(), bad);
        }
        assert!(time("created_at", &Utc::now().to_rfc3339()).is_ok());
    }
}
