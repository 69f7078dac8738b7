//! A place in a list of the newest first.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{Error, InvalidInput, Result};

/// A place in a list that is ordered by time and id, to go on after. A list gives it, as
/// [`Page::next`](crate::Page::next); as a text it may travel in a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor {
    time: DateTime<Utc>,
    id: i64,
}

impl Cursor {
    /// The place of a row. The time is one of the database, in whole microseconds.
    pub(crate) fn at(time: DateTime<Utc>, id: i64) -> Self {
        Self { time, id }
    }

    pub(crate) fn time(self) -> DateTime<Utc> {
        self.time
    }

    pub(crate) fn id(self) -> i64 {
        self.id
    }
}

impl fmt::Display for Cursor {
    /// Microseconds since 1970, and the id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.time.timestamp_micros(), self.id)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    /// Reads a place that a list gave.
    fn from_str(text: &str) -> Result<Self> {
        let place = || {
            let (time, id) = text.split_once('_')?;
            let time = DateTime::from_timestamp_micros(time.parse().ok()?)?;
            Some(Self::at(time, id.parse().ok()?))
        };
        let rule = "must be a place that a list has given";
        place().ok_or_else(|| InvalidInput::new("cursor", text, rule).into())
    }
}

impl TryFrom<&str> for Cursor {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self> {
        text.parse()
    }
}

impl TryFrom<&String> for Cursor {
    type Error = Error;

    fn try_from(text: &String) -> Result<Self> {
        text.parse()
    }
}

impl TryFrom<String> for Cursor {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_no_list_gave_is_refused() {
        for bad in [
            "",
            "7",
            "_",
            "7_",
            "_7",
            "7_x",
            "x_7",
            "7_7_7",
            "9223372036854775807_1",
        ] {
            let error = bad.parse::<Cursor>().unwrap_err();
            assert!(
                error.to_string().starts_with("accept cursor"),
                "{bad}: {error}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_place_survives_as_text_and_as_json(micros in -8_000_000_000_000_000_i64..8_000_000_000_000_000, id: i64) {
            let place = Cursor::at(DateTime::from_timestamp_micros(micros).unwrap(), id);
            prop_assert_eq!(place.to_string().parse::<Cursor>().unwrap(), place);
            let json = serde_json::to_string(&place).unwrap();
            prop_assert_eq!(serde_json::from_str::<Cursor>(&json).unwrap(), place);
        }
    }
}
