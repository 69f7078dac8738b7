//! Row ids, a type for each table, so that one cannot stand where another belongs.

use std::fmt;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::BigInt;
use serde::{Deserialize, Serialize};

macro_rules! row_id {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            AsExpression, FromSqlRow, Serialize, Deserialize,
        )]
        #[diesel(sql_type = BigInt)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl From<i64> for $name {
            fn from(id: i64) -> Self {
                Self(id)
            }
        }

        impl ToSql<BigInt, Pg> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                ToSql::<BigInt, Pg>::to_sql(&self.0, out)
            }
        }

        impl FromSql<BigInt, Pg> for $name {
            fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                <i64 as FromSql<BigInt, Pg>>::from_sql(value).map(Self)
            }
        }
    };
}

row_id! {
    /// The id of a restaurant.
    RestaurantId
}

row_id! {
    /// The id of a user.
    UserId
}

row_id! {
    /// The id of a review.
    ReviewId
}

#[cfg(test)]
mod tests {
    use diesel::debug_query;
    use diesel::prelude::*;

    use super::*;
    use crate::schema::{restaurants, reviews};

    #[test]
    fn an_id_filters_its_column() {
        let query = restaurants::table
            .inner_join(reviews::table)
            .filter(restaurants::id.eq(RestaurantId(7)))
            .filter(reviews::user_id.eq_any([UserId(1), UserId(2)]))
            .select(reviews::id);
        let text = debug_query::<Pg, _>(&query).to_string();
        assert!(text.contains("RestaurantId(7)"), "{text}");
        assert!(text.contains("= ANY($2)"), "{text}");
    }

    #[test]
    fn an_id_is_a_plain_number_in_text_and_json() {
        assert_eq!(ReviewId(12).to_string(), "12");
        assert_eq!(serde_json::to_string(&ReviewId(12)).unwrap(), "12");
        assert_eq!(
            serde_json::from_str::<ReviewId>("12").unwrap(),
            ReviewId::from(12)
        );
    }
}
