//! The rows of the table `reviews`, as they are read and as they are written.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::Rating;
use crate::closed_set::closed_set;
use crate::error::{InvalidInput, Result};
use crate::ids::{RestaurantId, ReviewId, UserId};
use crate::inputs::check_text;
use crate::restaurants::Restaurant;
use crate::schema::reviews;
use crate::users::User;

closed_set! {
    /// What moderation said of a review.
    ReviewStatus, "status" {
        /// Not yet looked at.
        Pending = "pending",
        /// May be shown.
        Approved = "approved",
        /// May not be shown.
        Rejected = "rejected",
    }
}

impl Default for ReviewStatus {
    /// Pending, as in the table.
    fn default() -> Self {
        Self::Pending
    }
}

/// A review, as the table holds it.
#[derive(
    Clone,
    Debug,
    PartialEq,
    Queryable,
    Selectable,
    Identifiable,
    Associations,
    Serialize,
    Deserialize,
)]
#[diesel(table_name = reviews, check_for_backend(diesel::pg::Pg))]
#[diesel(belongs_to(Restaurant), belongs_to(User))]
pub struct Review {
    /// Its id.
    pub id: ReviewId,
    /// The restaurant that it is about.
    pub restaurant_id: RestaurantId,
    /// Who wrote it.
    pub user_id: UserId,
    /// How good the restaurant was found.
    pub rating: Rating,
    /// Its title.
    pub title: Option<String>,
    /// Its text.
    pub comment: Option<String>,
    /// What moderation said of it.
    pub status: ReviewStatus,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When the row was written last.
    pub updated_at: DateTime<Utc>,
    /// Its key in the system that it was imported from; no two reviews have the same.
    pub source_id: Option<String>,
}

/// A review to be written: inserted, or its columns put in place of another's. What is `None` is
/// written as null, in an update too.
#[derive(Clone, Debug, PartialEq, Insertable, AsChangeset, Serialize, Deserialize)]
#[diesel(table_name = reviews, treat_none_as_null = true)]
pub struct NewReview {
    /// The restaurant that it is about.
    pub restaurant_id: RestaurantId,
    /// Who writes it.
    pub user_id: UserId,
    /// How good the restaurant was found.
    pub rating: Rating,
    /// Its title, 300 characters at most.
    pub title: Option<String>,
    /// Its text, 20,000 characters at most.
    pub comment: Option<String>,
    /// What moderation said of it; pending unless said otherwise.
    pub status: ReviewStatus,
}

impl NewReview {
    /// A pending review that is only a rating.
    #[must_use]
    pub fn rated(restaurant_id: RestaurantId, user_id: UserId, rating: Rating) -> Self {
        Self {
            restaurant_id,
            user_id,
            rating,
            title: None,
            comment: None,
            status: ReviewStatus::default(),
        }
    }

    /// Checks that the texts are no longer than they may be and have no NUL.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) with the first field that
    /// breaks a rule.
    pub fn check(&self) -> Result<()> {
        Ok(check_texts(self.title.as_deref(), self.comment.as_deref())?)
    }
}

/// The rules for the texts of a review, new or changed.
pub(crate) fn check_texts(title: Option<&str>, comment: Option<&str>) -> Result<(), InvalidInput> {
    check_text("title", title.unwrap_or_default(), 300)?;
    check_text("comment", comment.unwrap_or_default(), 20_000)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use diesel::debug_query;
    use diesel::pg::Pg;

    use super::*;

    #[test]
    fn texts_have_limits() {
        let new = NewReview::rated(RestaurantId(1), UserId(2), Rating::new(5).unwrap());
        new.check().unwrap();
        assert!(
            NewReview {
                title: Some("x".repeat(301)),
                ..new.clone()
            }
            .check()
            .is_err()
        );
        assert!(
            NewReview {
                comment: Some("\0".into()),
                ..new
            }
            .check()
            .is_err()
        );
    }

    #[test]
    fn a_restaurants_reviews_are_found_by_association() {
        let query = reviews::table
            .filter(reviews::restaurant_id.eq(RestaurantId(3)))
            .filter(reviews::status.eq(ReviewStatus::Approved))
            .filter(reviews::rating.ge(Rating::new(4).unwrap()))
            .select(Review::as_select());
        let text = debug_query::<Pg, _>(&query).to_string();
        assert!(
            text.contains("RestaurantId(3), Approved, Rating(4)"),
            "{text}"
        );
    }
}
