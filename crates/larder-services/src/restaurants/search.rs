//! The restaurants that a term finds, the best first.
//!
//! What has the term comes first: its words in name, cuisine, kosher category or kind of listing,
//! or the term as a part of name or cuisine. Only where that does not fill the list is it
//! completed with names and cuisines that look like the term, for those who mistyped it.

use diesel::QueryResult;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_database::Database;
use larder_pool::Connection;

use super::Restaurant;
use super::service::is_visible;
use crate::error::{Error, Result};
use crate::ids::RestaurantId;
use crate::inputs::{Limit, SearchTerm};
use crate::schema::restaurants;

use expressions::{HasTerm, LooksLike, Match, Rank, Resemblance};

mod expressions;

/// A search by a term; made by [`RestaurantService::search`](super::RestaurantService::search).
#[derive(Debug)]
#[must_use = "nothing is searched until it is loaded"]
pub struct Search {
    database: Database,
    term: Result<SearchTerm>,
    limit: Result<Limit>,
}

impl Search {
    pub(super) fn new(database: Database, term: Result<SearchTerm>) -> Self {
        Self {
            database,
            term,
            limit: Limit::new(20),
        }
    }

    /// How many restaurants to find at most: 1 to 1,000, 20 unless set.
    pub fn limit(mut self, limit: impl TryInto<Limit, Error: Into<Error>>) -> Self {
        self.limit = limit.try_into().map_err(Into::into);
        self
    }

    /// Finds active restaurants. Every character of the term means itself, and upper and lower
    /// case are the same.
    ///
    /// First come those that have the term, in this order: the name is the term, begins with it,
    /// has it in it, has it not (but its words, or the cuisine has it). Within each the rank
    /// decides that PostgreSQL's `ts_rank` gives, where a word in the name weighs most, then one
    /// in the cuisine, then in category and kind; then the name, then the id.
    ///
    /// Where these are fewer than the limit, those follow whose name or cuisine looks like the
    /// term, the most similar first: where a part of the name or of the cuisine has a
    /// `word_similarity` of 0.6, or the whole cuisine a `similarity` of 0.3; and where nothing at
    /// all has the term, the whole name too. These are the thresholds of `pg_trgm` unless the
    /// server is set otherwise.
    ///
    /// A term with no three letters or digits in a row, such as "bo" or "a 1", is searched for at
    /// the beginnings of words, and nothing similar: no index could find it elsewhere. A term
    /// with no letter or digit finds nothing.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where the term is empty, longer
    /// than 200 characters or has a NUL, or the limit is out of range;
    /// [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn load(self) -> Result<Vec<Restaurant>> {
        let (term, limit) = (self.term?, self.limit?);
        let reading = async |conn: &mut Connection| find(&term, limit, conn).await;
        Ok(self.database.read(reading).await?)
    }
}

pub(super) async fn find(
    term: &SearchTerm,
    limit: Limit,
    conn: &mut Connection,
) -> QueryResult<Vec<Restaurant>> {
    let Some(wanted) = Match::of(term) else {
        return Ok(Vec::new());
    };
    let mut found = having(&wanted, limit, conn).await?;
    let missing = limit.get() - i64::try_from(found.len()).unwrap_or(i64::MAX);
    if wanted.may_resemble() && missing > 0 {
        found.extend(resembling(term, &found, missing, conn).await?);
    }
    Ok(found)
}

/// What has the term.
async fn having(
    wanted: &Match,
    limit: Limit,
    conn: &mut Connection,
) -> QueryResult<Vec<Restaurant>> {
    restaurants::table
        .filter(is_visible())
        .filter(HasTerm(wanted))
        .order((Rank(wanted).desc(), restaurants::name, restaurants::id))
        .limit(limit.get())
        .select(Restaurant::as_select())
        .load(conn)
        .await
}

/// What looks like the term and was not found by it.
async fn resembling(
    term: &SearchTerm,
    found: &[Restaurant],
    limit: i64,
    conn: &mut Connection,
) -> QueryResult<Vec<Restaurant>> {
    let ids: Vec<RestaurantId> = found.iter().map(|restaurant| restaurant.id).collect();
    restaurants::table
        .filter(is_visible())
        .filter(LooksLike {
            term: term.as_str(),
            loosely: found.is_empty(),
        })
        .filter(restaurants::id.ne_all(ids))
        .order((
            Resemblance(term.as_str()).desc(),
            restaurants::name,
            restaurants::id,
        ))
        .limit(limit)
        .select(Restaurant::as_select())
        .load(conn)
        .await
}
