//! The rows of the table `users`, as they are read and as they are written.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::Serialize;

use super::PasswordHash;
use crate::error::{InvalidInput, Result};
use crate::ids::UserId;
use crate::inputs::check_text;
use crate::schema::users;

/// A user, as everyone may see one: without the password hash.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable, Identifiable, Serialize)]
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
    username: String,
    email: String,
    display_name: Option<String>,
    password_hash: PasswordHash,
}

impl NewUser {
    /// A user with a name, an address and a password hash. White space around the first two is
    /// removed.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where the name is not 1 to 100
    /// characters, or the address is longer than 254 characters or is not one part, an `@` and
    /// another part without white space.
    pub fn new(username: &str, email: &str, password_hash: PasswordHash) -> Result<Self> {
        let (username, email) = (username.trim(), email.trim());
        if username.is_empty() {
            return Err(InvalidInput::new("username", "", "must not be empty").into());
        }
        check_text("username", username, 100)?;
        check_text("email", email, 254)?;
        if !has_form_of_address(email) {
            return Err(InvalidInput::new("email", email, "must have the form name@host").into());
        }
        Ok(Self {
            username: username.to_owned(),
            email: email.to_owned(),
            display_name: None,
            password_hash,
        })
    }

    /// Gives the user a name to show, 200 characters at most; an empty one is none.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where it is too long.
    pub fn with_display_name(mut self, name: &str) -> Result<Self> {
        let name = name.trim();
        check_text("display_name", name, 200)?;
        self.display_name = (!name.is_empty()).then(|| name.to_owned());
        Ok(self)
    }
}

/// Whether a text looks like an address. Only a delivered mail can prove that it is one.
fn has_form_of_address(text: &str) -> bool {
    !text.contains(char::is_whitespace)
        && text
            .rsplit_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
}

#[cfg(test)]
mod tests {
    use diesel::debug_query;
    use diesel::pg::Pg;

    use super::*;
    use crate::error::Error;

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
        assert_eq!(new.display_name.as_deref(), Some("The Reader"));

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
