//! One user with the number of reviews.

use diesel::dsl::count;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_pool::Connection;
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

pub(super) async fn find(id: UserId, conn: &mut Connection) -> QueryResult<Option<UserDetail>> {
    let shown = reviews::user_id
        .eq(users::id)
        .and(reviews::status.eq(ReviewStatus::Approved));
    users::table
        .left_join(reviews::table.on(shown))
        .filter(users::id.eq(id))
        .group_by(users::id)
        .select((User::as_select(), count(reviews::id.nullable())))
        .get_result(conn)
        .await
        .optional()
}
