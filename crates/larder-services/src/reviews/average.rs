//! The mean of ratings in SQL, as an expression of Diesel over the table `reviews`.

use diesel::QueryResult;
use diesel::expression::{ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Double, Nullable};

use crate::schema::reviews;

/// The mean of the ratings of a group; null where there are none. Diesel's `avg` is a numeric,
/// which needs a big-number library.
#[derive(Debug, Clone, Copy, QueryId)]
pub(crate) struct AverageRating;

impl QueryFragment<Pg> for AverageRating {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("avg(reviews.rating)::double precision");
        Ok(())
    }
}

impl Expression for AverageRating {
    type SqlType = Nullable<Double>;
}

impl<From> AppearsOnTable<From> for AverageRating where reviews::rating: AppearsOnTable<From> {}

impl<From> SelectableExpression<From> for AverageRating where Self: AppearsOnTable<From> {}

impl<GroupBy> ValidGrouping<GroupBy> for AverageRating {
    type IsAggregate = is_aggregate::Yes;
}
