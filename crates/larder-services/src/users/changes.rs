//! What may be changed of a user.

use diesel::prelude::*;
use serde::Deserialize;

use super::PasswordHash;
use crate::changes::{not_null, present};
use crate::inputs::{DisplayName, Email, Username};
use crate::schema::users;

/// Changes to a user. What is `None` stays as it is.
///
/// From JSON, a field that is not there stays as it is, and one that is null becomes null
/// (or is refused, where the column cannot be null). A password hash is never read from there.
///
/// ```
/// use larder_services::inputs::Email;
/// use larder_services::users::UserChanges;
///
/// let changes = UserChanges {
///     email: Some(Email::new("reader@example.com")?),
///     display_name: Some(None),
///     ..UserChanges::default()
/// };
/// let same = serde_json::from_str(r#"{ "email": "reader@example.com", "display_name": null }"#);
/// assert_eq!(changes, same.unwrap());
/// # Ok::<(), larder_services::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, AsChangeset, Deserialize)]
#[diesel(table_name = users)]
#[serde(default, deny_unknown_fields)]
pub struct UserChanges {
    /// Another name in the system.
    #[serde(deserialize_with = "not_null")]
    pub username: Option<Username>,
    /// Another address. It is not verified, unless only upper and lower case differ.
    #[serde(deserialize_with = "not_null")]
    pub email: Option<Email>,
    /// Another name to show, or none.
    #[serde(deserialize_with = "present")]
    pub display_name: Option<Option<DisplayName>>,
    /// The hash of another password.
    #[serde(skip)]
    pub password_hash: Option<PasswordHash>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_checked_as_it_is_read() {
        let read = serde_json::from_value::<UserChanges>;
        assert_eq!(read(json!({})).unwrap(), UserChanges::default());
        for bad in [
            json!({ "username": null }),
            json!({ "email": null }),
            json!({ "email": "nowhere" }),
            json!({ "display_name": " " }),
            json!({ "password_hash": "x" }),
            json!({ "is_verified": true }),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }
}
