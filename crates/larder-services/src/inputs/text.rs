//! What every text must be before PostgreSQL can store it.

use crate::error::InvalidInput;

/// Refuses a text with a NUL, which PostgreSQL cannot store, and one of more than `max_chars`
/// characters.
pub(crate) fn check_text(
    input: &'static str,
    text: &str,
    max_chars: usize,
) -> Result<(), InvalidInput> {
    if text.contains('\0') {
        return Err(InvalidInput::new(
            input,
            text,
            "must not contain a NUL character",
        ));
    }
    // A text has at most as many characters as bytes, so most are not counted.
    if text.len() > max_chars {
        let chars = text.chars().count();
        if chars > max_chars {
            let rule = format!("must have at most {max_chars} characters, has {chars}");
            return Err(InvalidInput::new(input, text, rule));
        }
    }
    Ok(())
}

/// Declares a text that keeps its rules: its `new`, written beside it, checks them.
macro_rules! text_input {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(
            Clone, Debug, PartialEq, Eq, Hash,
            diesel::expression::AsExpression, serde::Serialize, serde::Deserialize,
        )]
        #[diesel(sql_type = diesel::sql_types::Text)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Error;

            fn try_from(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }

        impl TryFrom<&String> for $name {
            type Error = Error;

            fn try_from(text: &String) -> Result<Self> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self> {
                Self::new(&text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
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
    };
}

pub(crate) use text_input;
