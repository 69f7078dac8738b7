//! The rows of the table `users`, as they are read and as they are written.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::PasswordHash;
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::inputs::{DisplayName, Email, Username};
use crate::schema::users;

/// A user, as everyone may see one: without the password hash.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable, Identifiable, Serialize, Deserialize)]
#[diesel(table_name = users, check_for_backend(diesel::pg::Pg))]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Its name in the system; no two users have the same.
    pub username: String,
    /// Its address; no two users have the same, however the letters are written.
    pub email: String,
    /// The name to show.
    pub display_name: Option<String>,
    /// Whether the address is known to be the user's.
    pub is_verified: bool,
    /// Whether the user may log in.
    pub is_active: bool,
    /// When the user was created.
    pub created_at: DateTime<Utc>,
    /// When the row was written last.
    pub updated_at: DateTime<Utc>,
    /// When the user logged in last.
    pub last_login: Option<DateTime<Utc>>,
}

/// A user together with the password hash, for authentication only. It cannot be serialized.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = users, check_for_backend(diesel::pg::Pg))]
pub struct Credentials {
    /// The user.
    #[diesel(embed)]
    pub user: User,
    /// What the password is checked against.
    pub password_hash: PasswordHash,
}

/// A user to be created: active, not verified.
#[derive(Clone, Debug, PartialEq, Insertable)]
#[diesel(table_name = users)]
pub struct NewUser {
    username: Username,
    email: Email,
    display_name: Option<DisplayName>,
    password_hash: PasswordHash,
}

impl NewUser {
    /// A user with a name, an address and a password hash. The first two may be texts.
    ///
    /// ```
    /// use larder_services::users::{NewUser, PasswordHash};
    ///
    /// let hash = PasswordHash::new("$argon2id$v=19$...")?;
    /// let new = NewUser::new("reader", "reader@example.com", hash)?.with_display_name("The Reader")?;
    /// # drop(new);
    /// # Ok::<(), larder_services::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where the name is no
    /// [`Username`] or the address no [`Email`].
    pub fn new(
        username: impl TryInto<Username, Error: Into<Error>>,
        email: impl TryInto<Email, Error: Into<Error>>,
        password_hash: PasswordHash,
    ) -> Result<Self> {
        Ok(Self {
            username: username.try_into().map_err(Into::into)?,
            email: email.try_into().map_err(Into::into)?,
            display_name: None,
            password_hash,
        })
    }

    /// Gives the user a name to show, 200 characters at most; an empty one is none.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where it is no
    /// [`DisplayName`].
    pub fn with_display_name(mut self, name: &str) -> Result<Self> {
        let name = name.trim();
        self.display_name = (!name.is_empty())
            .then(|| DisplayName::new(name))
            .transpose()?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use diesel::debug_query;
    use diesel::pg::Pg;

    use super::*;

    fn hash() -> PasswordHash {
        PasswordHash::new("$argon2id$secret").unwrap()
    }

    #[test]
    fn the_hash_is_never_printed() {
        let new = NewUser::new("reader", "reader@example.com", hash()).unwrap();
        let insert = diesel::insert_into(users::table)
            .values(&new)
            .returning(User::as_returning());
        for text in [
            format!("{new:?}"),
            debug_query::<Pg, _>(&insert).to_string(),
        ] {
            assert!(text.contains("reader@example.com"), "{text}");
            assert!(!text.contains("argon2id"), "{text}");
        }
        assert_eq!(hash().expose(), "$argon2id$secret");
        assert!(PasswordHash::new("").is_err());
    }

    #[test]
    fn a_user_is_read_without_the_hash() {
        let text = debug_query::<Pg, _>(&users::table.select(User::as_select())).to_string();
        assert!(!text.contains("password_hash"), "{text}");
        let text = debug_query::<Pg, _>(&users::table.select(Credentials::as_select())).to_string();
        assert!(text.contains("password_hash"), "{text}");
    }

    #[test]
    fn a_new_user_keeps_the_rules() {
        let new = NewUser::new(" reader ", " a@b ", hash()).unwrap();
        assert_eq!(
            (new.username.as_str(), new.email.as_str()),
            ("reader", "a@b")
        );
        let new = new.with_display_name(" The Reader ").unwrap();
        assert_eq!(new.display_name, DisplayName::new("The Reader").ok());
        let new = new.with_display_name(" ").unwrap();
        assert_eq!(new.display_name, None);

        for (username, email, input) in [
            ("", "a@b", "username"),
            ("a\0", "a@b", "username"),
            ("a", "nowhere", "email"),
            ("a", "@b", "email"),
            ("a", "a@", "email"),
            ("a", "a b@c", "email"),
        ] {
            match NewUser::new(username, email, hash()) {
                Err(Error::InvalidInput(fault)) => assert_eq!(fault.input(), input),
                other => panic!("{username:?} {email:?} gave {other:?}"),
            }
        }
    }
}
