//! The restaurants that a term finds, the best first.
//!
//! What has the term comes first: its words in name, cuisine, kosher category or kind of listing,
//! or the term as a part of name or cuisine. Only where that does not fill the list is it
//! completed with names and cuisines that look like the term, for those who mistyped it.

use std::sync::Arc;
use std::time::Duration;

use diesel::QueryResult;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_macros::operation;
use larder_pool::Connection;

use super::Restaurant;
use super::service::is_visible;
use crate::error::{Error, Result};
use crate::inputs::{Limit, Offset, SearchTerm};
use crate::schema::restaurants;
use crate::service::{HasService, Service};

use expressions::{HasTerm, LooksLike, Match, Rank, Resemblance};

mod expressions;

/// A search by a term; made by [`RestaurantService::search`](super::RestaurantService::search).
#[derive(Debug)]
#[must_use = "nothing is searched until it is loaded"]
pub struct Search {
    service: Service,
    term: Result<SearchTerm>,
    limit: Result<Limit>,
    offset: Result<Offset>,
}

impl HasService for Search {
    fn service(&self) -> &Service {
        &self.service
    }
}

impl Search {
    pub(super) fn new(service: Service, term: Result<SearchTerm>) -> Self {
        Self {
            service,
            term,
            limit: Limit::new(20),
            offset: Ok(Offset::default()),
        }
    }

    /// How many restaurants to find at most: 1 to 1,000, 20 unless set.
    pub fn limit(mut self, limit: impl TryInto<Limit, Error: Into<Error>>) -> Self {
        self.limit = limit.try_into().map_err(Into::into);
        self
    }

    /// How many better ones to pass over: 0 to 100,000, none unless set.
    pub fn offset(mut self, offset: impl TryInto<Offset, Error: Into<Error>>) -> Self {
        self.offset = offset.try_into().map_err(Into::into);
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
    /// Kept for two minutes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where the term is empty, longer
    /// than 200 characters or has a NUL, or the limit is out of range;
    /// [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    #[operation("search")]
    pub async fn load(self) -> Result<Arc<[Restaurant]>> {
        let service = self.service.clone();
        let wanted = self.checked()?;
        let read = service.cached_read("search", &wanted);
        let read = read.ttl(Duration::from_mins(2));
        let found: Arc<Arc<[_]>> = read
            .load(async move |conn| wanted.find(conn).await.map(Into::into))
            .await?;
        Ok(Arc::clone(&found))
    }

    /// Finds the same on a connection, inside a transaction for instance.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    ///
    /// # Cancel safety
    /// As [`load`](Self::load).
    #[operation("search")]
    pub async fn load_on(self, conn: &mut Connection) -> Result<Arc<[Restaurant]>> {
        Ok(self.checked()?.find(conn).await?.into())
    }

    fn checked(self) -> Result<Wanted> {
        Ok(Wanted {
            term: self.term?,
            limit: self.limit?,
            offset: self.offset?,
        })
    }
}

/// What is searched for, and which part of what is found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub(super) term: SearchTerm,
    pub(super) limit: Limit,
    pub(super) offset: Offset,
}

impl Wanted {
    pub(super) async fn find(&self, conn: &mut Connection) -> QueryResult<Vec<Restaurant>> {
        let Some(wanted) = Match::of(&self.term) else {
            return Ok(Vec::new());
        };
        let (limit, offset) = (self.limit.get(), self.offset.get());
        let mut found = having(&wanted, limit, offset, conn).await?;
        let have = i64::try_from(found.len()).unwrap_or(i64::MAX);
        if wanted.may_resemble() && have < limit {
            // Those that only resemble the term follow on those that have it.
            let having = if have > 0 || offset == 0 {
                offset + have
            } else {
                how_many_have(&wanted, conn).await?
            };
            let (limit, offset) = (limit - have, (offset - having).max(0));
            let resembling = resembling(&self.term, &wanted, having == 0, limit, offset, conn);
            found.extend(resembling.await?);
        }
        Ok(found)
    }
}

/// How many restaurants have the term.
async fn how_many_have(wanted: &Match, conn: &mut Connection) -> QueryResult<i64> {
    restaurants::table
        .filter(is_visible())
        .filter(HasTerm(wanted))
        .count()
        .get_result(conn)
        .await
}

/// What has the term.
async fn having(
    wanted: &Match,
    limit: i64,
    offset: i64,
    conn: &mut Connection,
) -> QueryResult<Vec<Restaurant>> {
    restaurants::table
        .filter(is_visible())
        .filter(HasTerm(wanted))
        .order((Rank(wanted).desc(), restaurants::name, restaurants::id))
        .limit(limit)
        .offset(offset)
        .select(Restaurant::as_select())
        .load(conn)
        .await
}

/// What looks like the term and has it not.
async fn resembling(
    term: &SearchTerm,
    wanted: &Match,
    loosely: bool,
    limit: i64,
    offset: i64,
    conn: &mut Connection,
) -> QueryResult<Vec<Restaurant>> {
    restaurants::table
        .filter(is_visible())
        .filter(LooksLike {
            term: term.as_str(),
            loosely,
        })
        // Where there is no cuisine, it may be unknown whether it has the term: it has not.
        .filter(HasTerm(wanted).is_distinct_from(true))
        .order((
            Resemblance(term.as_str()).desc(),
            restaurants::name,
            restaurants::id,
        ))
        .limit(limit)
        .offset(offset)
        .select(Restaurant::as_select())
        .load(conn)
        .await
}
