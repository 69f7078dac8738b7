//! Which restaurants and users of the database the rows of a batch name.

use std::collections::HashMap;
use std::hash::Hash;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_pool::Connection;

use super::{ReviewColumn, ReviewRow};
use crate::error::InvalidInput;
use crate::ids::{RestaurantId, UserId};
use crate::schema::{restaurants, users};
use crate::users::lower;

/// What the rows of a batch name, as far as the database has it.
#[derive(Debug, Default)]
pub(super) struct Known {
    restaurant_ids: HashMap<RestaurantId, RestaurantId>,
    restaurant_source_ids: HashMap<String, RestaurantId>,
    user_ids: HashMap<UserId, UserId>,
    usernames: HashMap<String, UserId>,
    /// In lower case.
    emails: HashMap<String, UserId>,
}

impl Known {
    /// Asks the database; not for what no row names.
    pub(super) async fn of(rows: &[ReviewRow], conn: &mut Connection) -> QueryResult<Self> {
        let mut known = Self::default();
        known.find_restaurants(rows, conn).await?;
        known.find_users(rows, conn).await?;
        Ok(known)
    }

    async fn find_restaurants(
        &mut self,
        rows: &[ReviewRow],
        conn: &mut Connection,
    ) -> QueryResult<()> {
        let source_ids = named(rows, |row| row.restaurant.source_id.as_deref());
        if !source_ids.is_empty() {
            let found = restaurants::table
                .filter(restaurants::source_id.eq_any(source_ids))
                .select((restaurants::source_id.assume_not_null(), restaurants::id))
                .load(conn)
                .await?;
            self.restaurant_source_ids = found.into_iter().collect();
        }
        let ids = named(rows, |row| row.restaurant.id);
        if !ids.is_empty() {
            let found = restaurants::table
                .filter(restaurants::id.eq_any(ids))
                .select((restaurants::id, restaurants::id))
                .load(conn)
                .await?;
            self.restaurant_ids = found.into_iter().collect();
        }
        Ok(())
    }

    async fn find_users(&mut self, rows: &[ReviewRow], conn: &mut Connection) -> QueryResult<()> {
        let ids = named(rows, |row| row.user.id);
        if !ids.is_empty() {
            let found = users::table
                .filter(users::id.eq_any(ids))
                .select((users::id, users::id))
                .load(conn)
                .await?;
            self.user_ids = found.into_iter().collect();
        }
        let usernames = named(rows, |row| row.user.username.as_deref());
        if !usernames.is_empty() {
            let found = users::table
                .filter(users::username.eq_any(usernames))
                .select((users::username, users::id))
                .load(conn)
                .await?;
            self.usernames = found.into_iter().collect();
        }
        let emails = named(rows, |row| {
            row.user.email.as_ref().map(|it| it.to_lowercase())
        });
        if !emails.is_empty() {
            let found = users::table
                .filter(lower(users::email).eq_any(emails))
                .select((lower(users::email), users::id))
                .load(conn)
                .await?;
            self.emails = found.into_iter().collect();
        }
        Ok(())
    }

    /// The restaurant that a row is about.
    pub(super) fn restaurant(&self, row: &ReviewRow) -> Result<RestaurantId, InvalidInput> {
        let key = &row.restaurant;
        one_of([
            Named::by(
                ReviewColumn::RestaurantId,
                key.id.as_ref(),
                &self.restaurant_ids,
            ),
            Named::by(
                ReviewColumn::RestaurantSourceId,
                key.source_id.as_ref(),
                &self.restaurant_source_ids,
            ),
        ])
    }

    /// The user who wrote it.
    pub(super) fn user(&self, row: &ReviewRow) -> Result<UserId, InvalidInput> {
        let key = &row.user;
        let email = key.email.as_ref().map(|email| email.to_lowercase());
        one_of([
            Named {
                column: "user_id",
                ..Named::by(ReviewColumn::Username, key.id.as_ref(), &self.user_ids)
            },
            Named::by(
                ReviewColumn::Username,
                key.username.as_ref(),
                &self.usernames,
            ),
            Named::by(ReviewColumn::Email, email.as_ref(), &self.emails),
        ])
    }
}

/// What the rows name, each once.
fn named<'r, K: Ord>(rows: &'r [ReviewRow], key: impl Fn(&'r ReviewRow) -> Option<K>) -> Vec<K> {
    let mut keys: Vec<K> = rows.iter().filter_map(key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// One key of a row.
struct Named<Id> {
    column: &'static str,
    /// The key, and what the database has under it; none where the row has none.
    key: Option<(String, Option<Id>)>,
}

impl<Id: Copy> Named<Id> {
    fn by<K: Eq + Hash + ToString>(
        column: ReviewColumn,
        key: Option<&K>,
        known: &HashMap<K, Id>,
    ) -> Self {
        Self {
            column: column.name(),
            key: key.map(|key| (key.to_string(), known.get(key).copied())),
        }
    }
}

/// What all keys of a row name, which has to be the same.
fn one_of<Id: Copy + Eq, const N: usize>(keys: [Named<Id>; N]) -> Result<Id, InvalidInput> {
    let mut found = None;
    for Named { column, key } in keys {
        let Some((text, id)) = key else { continue };
        let id = id.ok_or_else(|| InvalidInput::new(column, &text, "is not in the database"))?;
        if found.is_some_and(|found| found != id) {
            let rule = "is another than the one that the row names beside it";
            return Err(InvalidInput::new(column, &text, rule));
        }
        found = Some(id);
    }
    // The readers see to it; a source of the caller's own may not.
    found.ok_or_else(|| InvalidInput::new("record", "", "names none to whom it belongs"))
}
