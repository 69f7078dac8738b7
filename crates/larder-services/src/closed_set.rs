//! Enums for the columns that hold one of a few known texts.
//!
//! The columns are text with a check constraint; the enum is the same set on Rust's side, for
//! Diesel, serde and for people.

macro_rules! closed_set {
    (
        $(#[$docs:meta])*
        $name:ident, $column:literal {
            $($(#[$value_docs:meta])* $value:ident = $text:literal,)+
        }
    ) => {
        $(#[$docs])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash,
            diesel::expression::AsExpression, diesel::deserialize::FromSqlRow,
            serde::Serialize, serde::Deserialize,
        )]
        #[diesel(sql_type = diesel::sql_types::Text)]
        pub enum $name {
            $($(#[$value_docs])* #[serde(rename = $text)] $value,)+
        }

        impl $name {
            /// All values, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$value),+];

            /// The text that stands for the value in the database, in JSON and in CSV.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::error::InvalidInput;

            /// Reads the text of a value; upper and lower case are the same.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|value| value.as_str().eq_ignore_ascii_case(text))
                    .ok_or_else(|| $crate::error::InvalidInput::new(
                        $column,
                        text,
                        concat!("must be one of" $(, " ", $text)+),
                    ))
            }
        }

        impl diesel::serialize::ToSql<diesel::sql_types::Text, diesel::pg::Pg> for $name {
            fn to_sql<'b>(
                &'b self,
                out: &mut diesel::serialize::Output<'b, '_, diesel::pg::Pg>,
            ) -> diesel::serialize::Result {
                diesel::serialize::ToSql::<diesel::sql_types::Text, diesel::pg::Pg>::to_sql(
                    self.as_str(),
                    out,
                )
            }
        }

        impl diesel::deserialize::FromSql<diesel::sql_types::Text, diesel::pg::Pg> for $name {
            fn from_sql(value: diesel::pg::PgValue<'_>) -> diesel::deserialize::Result<Self> {
                let text = std::str::from_utf8(value.as_bytes())?;
                Ok(text.parse()?)
            }
        }
    };
}

pub(crate) use closed_set;

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use diesel::deserialize::FromSql;
    use diesel::pg::{Pg, PgValue};
    use diesel::sql_types::Text;

    use crate::restaurants::{KosherCategory, RestaurantStatus};

    fn read(text: &[u8]) -> diesel::deserialize::Result<RestaurantStatus> {
        let text_oid = NonZeroU32::new(25).unwrap();
        <RestaurantStatus as FromSql<Text, Pg>>::from_sql(PgValue::new(text, &text_oid))
    }

    #[test]
    fn a_value_is_its_text_everywhere() {
        for status in RestaurantStatus::ALL {
            assert_eq!(read(status.as_str().as_bytes()).unwrap(), *status);
            let json = serde_json::to_string(status).unwrap();
            assert_eq!(json, format!("\"{status}\""));
            assert_eq!(
                serde_json::from_str::<RestaurantStatus>(&json).unwrap(),
                *status
            );
        }
        assert_eq!(
            "DAIRY".parse::<KosherCategory>().unwrap(),
            KosherCategory::Dairy
        );
    }

    #[test]
    fn an_unknown_text_is_an_error_that_lists_the_known_ones() {
        assert!(read(b"open").is_err());
        let error = "open".parse::<RestaurantStatus>().unwrap_err();
        assert_eq!(error.input(), "status");
        assert_eq!(
            error.rule(),
            "must be one of active inactive pending closed"
        );
    }
}
