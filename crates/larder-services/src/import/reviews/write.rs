//! Writing one batch of reviews.
//!
//! One statement takes a batch as one array for each column.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::Bool;
use larder_database::{Database, Sql, sql};

use super::keys::Known;
use super::{ReviewColumn, ReviewRow, ReviewSource};
use crate::error::{Error, Result};
use crate::ids::{RestaurantId, UserId};
use crate::import::RejectedRow;
use crate::reviews::ReviewStatus;

/// How the batches of an import are written.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    default_status: ReviewStatus,
    text: String,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) rejected: Vec<RejectedRow>,
    /// Rows whose review comes again in the batch.
    pub(super) duplicates: u64,
    /// The source ids of what is in the database now; none where a review has none.
    pub(super) written: Vec<Option<String>>,
    /// How many of these were not there before.
    pub(super) inserted: u64,
}

/// A row whose restaurant and user are known.
struct Resolved<'r> {
    row: &'r ReviewRow,
    restaurant: RestaurantId,
    user: UserId,
    source_id: Option<String>,
}

#[derive(QueryableByName)]
struct Written {
    #[diesel(sql_type = Bool)]
    inserted: bool,
}

impl Writer {
    pub(super) fn of(source: &impl ReviewSource) -> Self {
        Self {
            default_status: source.default_status(),
            text: text(&source.columns()),
        }
    }

    /// Writes a batch in a transaction of its own.
    pub(super) async fn write(&self, database: &Database, rows: &[ReviewRow]) -> Result<Outcome> {
        let written = database
            .transaction(async |conn| {
                let known = Known::of(rows, conn).await?;
                let mut outcome = Outcome::default();
                let batch = batch(rows, &known, &mut outcome);
                if !batch.is_empty() {
                    let written: Vec<Written> = self.statement(&batch).fetch_on(conn).await?;
                    outcome.inserted = written.iter().map(|row| u64::from(row.inserted)).sum();
                    outcome.written = batch.into_iter().map(|review| review.source_id).collect();
                }
                Ok::<_, larder_database::Error>(outcome)
            })
            .await;
        written.map_err(|source| Error::ImportBatch {
            what: "reviews",
            lines: lines(rows),
            source,
        })
    }

    fn statement(&self, batch: &[Resolved<'_>]) -> Sql {
        fn each<'r, T>(batch: &[Resolved<'r>], read: impl Fn(&Resolved<'r>) -> T) -> Vec<T> {
            batch.iter().map(read).collect()
        }
        let status =
            |review: &Resolved<'_>| review.row.status.unwrap_or(self.default_status).as_str();
        sql(self.text.as_str())
            .bind("source_id", each(batch, |review| review.source_id.clone()))
            .bind("restaurant_id", each(batch, |review| review.restaurant.0))
            .bind("user_id", each(batch, |review| review.user.0))
            .bind("rating", each(batch, |review| review.row.rating.get()))
            .bind("title", each(batch, |review| review.row.title.as_deref()))
            .bind(
                "comment",
                each(batch, |review| review.row.comment.as_deref()),
            )
            .bind("status", each(batch, status))
            .bind("created_at", each(batch, |review| review.row.created_at))
    }
}

/// The rows whose restaurants and users are known. Of those with the same source id the last one
/// counts, and stands where the first one stood.
fn batch<'r>(rows: &'r [ReviewRow], known: &Known, outcome: &mut Outcome) -> Vec<Resolved<'r>> {
    let mut batch: Vec<Resolved<'r>> = Vec::with_capacity(rows.len());
    let mut places = HashMap::new();
    for row in rows {
        let found = known
            .restaurant(row)
            .and_then(|restaurant| Ok((restaurant, known.user(row)?)));
        let (restaurant, user) = match found {
            Ok(found) => found,
            Err(fault) => {
                outcome.rejected.push(RejectedRow::new(row.line, &fault));
                continue;
            }
        };
        let source_id = source_id(row, restaurant, user);
        let review = Resolved {
            row,
            restaurant,
            user,
            source_id: source_id.clone(),
        };
        match source_id.and_then(|key| places.insert(key, batch.len())) {
            Some(place) => {
                outcome.duplicates += 1;
                if let Some(key) = &review.source_id {
                    places.insert(key.clone(), place);
                }
                batch[place] = review;
            }
            None => batch.push(review),
        }
    }
    batch
}

/// The key of a review that has none where it comes from: restaurant, user and time.
fn source_id(row: &ReviewRow, restaurant: RestaurantId, user: UserId) -> Option<String> {
    row.source_id.clone().or_else(|| {
        let time: DateTime<Utc> = row.created_at?;
        Some(format!("{restaurant}:{user}:{}", time.timestamp_micros()))
    })
}

fn lines(rows: &[ReviewRow]) -> std::ops::RangeInclusive<u64> {
    let line = |row: Option<&ReviewRow>| row.map(|row| row.line).unwrap_or_default();
    line(rows.first())..=line(rows.last())
}

/// The statement that writes any batch. Of a review that is there already it changes what the
/// source has.
fn text(columns: &[ReviewColumn]) -> String {
    let always = ["restaurant_id", "user_id", "rating"];
    let optional = [
        ReviewColumn::Title,
        ReviewColumn::Comment,
        ReviewColumn::Status,
        ReviewColumn::CreatedAt,
    ];
    let changed: Vec<&str> = always
        .into_iter()
        .chain(
            optional
                .into_iter()
                .filter(|column| columns.contains(column))
                .map(ReviewColumn::name),
        )
        .collect();
    let listed = |write: fn(&str) -> String| {
        let parts: Vec<String> = changed.iter().map(|name| write(name)).collect();
        parts.join(", ")
    };
    let assignments = listed(|name| format!("{name} = excluded.{name}"));
    let old = listed(|name| format!("reviews.{name}"));
    let new = listed(|name| format!("excluded.{name}"));
    // As for restaurants: locked in the order of the source ids, and a new row has no xmax.
    format!(
        "INSERT INTO reviews (source_id, restaurant_id, user_id, rating, title, comment, status, created_at) \
         SELECT source_id, restaurant_id, user_id, rating, title, comment, status, coalesce(created_at, now()) \
         FROM unnest(:source_id, :restaurant_id, :user_id, :rating, :title, :comment, :status, :created_at) \
         AS batch (source_id, restaurant_id, user_id, rating, title, comment, status, created_at) \
         ORDER BY source_id COLLATE \"C\" \
         ON CONFLICT (source_id) DO UPDATE SET {assignments}, updated_at = now() \
         WHERE ({old}) IS DISTINCT FROM ({new}) \
         RETURNING (xmax = 0) AS inserted"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_source_has_is_changed() {
        let text = text(&[ReviewColumn::Comment]);
        assert!(
            text.contains(
                "SET restaurant_id = excluded.restaurant_id, user_id = excluded.user_id, \
                 rating = excluded.rating, comment = excluded.comment, updated_at = now()"
            ),
            "{text}"
        );
    }
}
