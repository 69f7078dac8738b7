//! What may be changed of a review by who wrote it.

use diesel::prelude::*;
use serde::Deserialize;

use super::Rating;
use super::model::check_texts;
use crate::changes::{not_null, present};
use crate::error::Result;
use crate::schema::reviews;

/// Changes to a review. What is `None` stays as it is, and what is `Some(None)` becomes null.
///
/// From JSON, a field that is not there stays as it is, and one that is null becomes null
/// (or is refused, where the column cannot be null).
///
/// ```
/// use larder_services::reviews::{Rating, ReviewChanges};
///
/// let changes = ReviewChanges {
///     rating: Some(Rating::new(4)?),
///     comment: Some(None),
///     ..ReviewChanges::default()
/// };
/// let same = serde_json::from_str(r#"{ "rating": 4, "comment": null }"#);
/// assert_eq!(changes, same.unwrap());
/// # Ok::<(), larder_services::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, AsChangeset, Deserialize)]
#[diesel(table_name = reviews)]
#[serde(default, deny_unknown_fields)]
pub struct ReviewChanges {
    /// Another rating.
    #[serde(deserialize_with = "not_null")]
    pub rating: Option<Rating>,
    /// Another title, 300 characters at most, or none.
    #[serde(deserialize_with = "present")]
    pub title: Option<Option<String>>,
    /// Another text, 20,000 characters at most, or none.
    #[serde(deserialize_with = "present")]
    pub comment: Option<Option<String>>,
}

impl ReviewChanges {
    /// Checks that the texts are no longer than they may be and have no NUL.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) with the first field that
    /// breaks a rule.
    pub fn check(&self) -> Result<()> {
        check_texts(
            self.title.as_ref().and_then(Option::as_deref),
            self.comment.as_ref().and_then(Option::as_deref),
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_checked_as_it_is_read() {
        let read = serde_json::from_value::<ReviewChanges>;
        assert_eq!(read(json!({})).unwrap(), ReviewChanges::default());
        for bad in [
            json!({ "rating": null }),
            json!({ "rating": 6 }),
            json!({ "status": "approved" }),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }
}
