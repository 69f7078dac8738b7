//! A password's hash, which can be stored and checked but not printed.

use std::fmt;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;

use crate::error::{InvalidInput, Result};

/// The hash of a password, as the program's password hashing wrote it.
///
/// It has no `Display` and cannot be serialized, and its `Debug` hides it.
#[derive(Clone, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a hash.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where it is empty or has a
    /// NUL; the error does not contain it.
    pub fn new(hash: impl Into<String>) -> Result<Self> {
        let hash = hash.into();
        if hash.is_empty() || hash.contains('\0') {
            return Err(
                InvalidInput::new("password_hash", "", "must be a text without NUL").into(),
            );
        }
        Ok(Self(hash))
    }

    /// The hash itself, to check a password against.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash([hidden])")
    }
}

impl ToSql<Text, Pg> for PasswordHash {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<Text, Pg>::to_sql(&self.0, out)
    }
}

impl FromSql<Text, Pg> for PasswordHash {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        <String as FromSql<Text, Pg>>::from_sql(value).map(Self)
    }
}
