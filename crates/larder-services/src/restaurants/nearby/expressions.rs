//! Places and distances in SQL, as expressions of Diesel over the table `restaurants`.
//!
//! The table's index is on `point(longitude, latitude)`: only that very expression uses it.

use diesel::QueryResult;
use diesel::expression::{ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Bool, Double};

use crate::geography::{BoundingBox, EARTH_RADIUS_KM};
use crate::inputs::Point;
use crate::schema::restaurants;

/// The great-circle distance of a restaurant in kilometers: the haversine formula, as
/// [`distance`](crate::geography::distance) has it. Null where the restaurant has no coordinates;
/// [`InBoxes`] leaves those out.
#[derive(Debug, Clone, Copy)]
pub(super) struct DistanceKilometers(pub(super) Point);

/// The distance on a map of degrees, by which the index can order. It is no distance on the earth,
/// and it does not know that east and west meet.
#[derive(Debug, Clone, Copy)]
pub(super) struct DistanceOnMap(pub(super) Point);

/// Whether a restaurant lies in one of some boxes.
#[derive(Debug, Clone)]
pub(super) struct InBoxes(pub(super) Vec<BoundingBox>);

impl QueryFragment<Pg> for DistanceKilometers {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let Point {
            latitude,
            longitude,
        } = &self.0;
        out.push_sql("(2 * ");
        out.push_bind_param::<Double, _>(&EARTH_RADIUS_KM)?;
        out.push_sql(" * asin(sqrt(least(1, power(sin(radians(restaurants.latitude - ");
        out.push_bind_param::<Double, _>(latitude)?;
        out.push_sql(") / 2), 2) + cos(radians(");
        out.push_bind_param::<Double, _>(latitude)?;
        out.push_sql(
            ")) * cos(radians(restaurants.latitude)) * power(sin(radians(restaurants.longitude - ",
        );
        out.push_bind_param::<Double, _>(longitude)?;
        out.push_sql(") / 2), 2)))))");
        Ok(())
    }
}

impl QueryFragment<Pg> for DistanceOnMap {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let Point {
            latitude,
            longitude,
        } = &self.0;
        out.push_sql("point(restaurants.longitude, restaurants.latitude) <-> ");
        push_point(&mut out, longitude, latitude)
    }
}

impl QueryFragment<Pg> for InBoxes {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("(");
        for (number, found) in self.0.iter().enumerate() {
            if number > 0 {
                out.push_sql(" OR ");
            }
            out.push_sql("point(restaurants.longitude, restaurants.latitude) <@ box(");
            push_point(&mut out, &found.west, &found.south)?;
            out.push_sql(", ");
            push_point(&mut out, &found.east, &found.north)?;
            out.push_sql(")");
        }
        out.push_sql(")");
        Ok(())
    }
}

fn push_point<'b>(out: &mut AstPass<'_, 'b, Pg>, x: &'b f64, y: &'b f64) -> QueryResult<()> {
    out.push_sql("point(");
    out.push_bind_param::<Double, _>(x)?;
    out.push_sql(", ");
    out.push_bind_param::<Double, _>(y)?;
    out.push_sql(")");
    Ok(())
}

macro_rules! expression_over_restaurants {
    ($($name:ident: $sql_type:ty, always_the_same_text: $same:literal;)+) => {$(
        impl Expression for $name {
            type SqlType = $sql_type;
        }

        impl AppearsOnTable<restaurants::table> for $name {}

        impl SelectableExpression<restaurants::table> for $name {}

        impl ValidGrouping<()> for $name {
            type IsAggregate = is_aggregate::No;
        }

        impl QueryId for $name {
            type QueryId = Self;
            const HAS_STATIC_QUERY_ID: bool = $same;
        }
    )+};
}

expression_over_restaurants! {
    DistanceKilometers: Double, always_the_same_text: true;
    DistanceOnMap: Double, always_the_same_text: true;
    // There is one box or there are two.
    InBoxes: Bool, always_the_same_text: false;
}
