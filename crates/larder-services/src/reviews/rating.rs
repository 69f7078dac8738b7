//! A rating: one to five.

use std::fmt;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::SmallInt;
use serde::{Deserialize, Serialize};

use crate::error::{Error, InvalidInput, Result};

/// How good a user found a restaurant: 1 (worst) to 5 (best).
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    AsExpression,
    FromSqlRow,
    Serialize,
    Deserialize,
)]
#[diesel(sql_type = SmallInt)]
#[serde(try_from = "i16", into = "i16")]
pub struct Rating(i16);

impl Rating {
    /// The best: 5.
    pub const BEST: Self = Self(5);

    /// 4.
    pub(crate) const GOOD: Self = Self(4);

    /// 3.
    pub(crate) const FAIR: Self = Self(3);

    /// From this on, a rating is positive.
    pub(crate) const LEAST_POSITIVE: Self = Self(4);

    /// Up to this, a rating is negative.
    pub(crate) const MOST_NEGATIVE: Self = Self(2);

    /// Takes a rating from 1 to 5.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for any other number.
    pub fn new(rating: i16) -> Result<Self> {
        if (1..=5).contains(&rating) {
            Ok(Self(rating))
        } else {
            Err(InvalidInput::new("rating", rating, "must be from 1 to 5").into())
        }
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> i16 {
        self.0
    }
}

impl TryFrom<i16> for Rating {
    type Error = Error;

    fn try_from(rating: i16) -> Result<Self> {
        Self::new(rating)
    }
}

impl From<Rating> for i16 {
    fn from(rating: Rating) -> Self {
        rating.0
    }
}

impl fmt::Display for Rating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl ToSql<SmallInt, Pg> for Rating {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<SmallInt, Pg>::to_sql(&self.0, out)
    }
}

impl FromSql<SmallInt, Pg> for Rating {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self::new(<i16 as FromSql<SmallInt, Pg>>::from_sql(value)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_to_five() {
        for good in 1..=5 {
            assert_eq!(Rating::new(good).unwrap().get(), good);
        }
        for bad in [i16::MIN, -1, 0, 6, i16::MAX] {
            assert!(Rating::new(bad).is_err());
        }
        assert!(serde_json::from_str::<Rating>("6").is_err());
        assert_eq!(
            serde_json::to_string(&Rating::new(4).unwrap()).unwrap(),
            "4"
        );
    }
}
