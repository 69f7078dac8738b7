//! One user with the number of reviews.

use diesel::dsl::{AsSelect, auto_type, count};
use diesel::pg::Pg;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::User;
use crate::ids::UserId;
use crate::reviews::ReviewStatus;
use crate::schema::{reviews, users};

/// A user with the number of reviews.
#[derive(Clone, Debug, PartialEq, Queryable, Serialize, Deserialize)]
pub struct UserDetail {
    /// The user.
    pub user: User,
    /// How many approved reviews the user has written.
    pub review_count: i64,
}

#[auto_type]
pub(super) fn query(id: UserId) -> _ {
    let approved: ReviewStatus = ReviewStatus::Approved;
    let user: AsSelect<User, Pg> = User::as_select();
    let shown = reviews::user_id
        .eq(users::id)
        .and(reviews::status.eq(approved));
    users::table
        .left_join(reviews::table.on(shown))
        .filter(users::id.eq(id))
        .group_by(users::id)
        .select((user, count(reviews::id.nullable())))
}
