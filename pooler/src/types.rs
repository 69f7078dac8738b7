//! Types that users have defined: an enum, a composite, a domain, one of an extension, and arrays
//! of them.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::serialize::{self, IsNull, Output, ToSql, WriteTuple};
use diesel::sql_types::{Integer, Record, Text};

pub(crate) mod sql_types {
    #[derive(diesel::query_builder::QueryId, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "mood"))]
    pub struct Mood;

    #[derive(diesel::query_builder::QueryId, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "pair"))]
    pub struct Pair;

    #[derive(diesel::query_builder::QueryId, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "postcode"))]
    pub struct Postcode;
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::{Mood as MoodSql, Pair as PairSql, Postcode as PostcodeSql};

    guests (id) {
        id -> Integer,
        mood -> MoodSql,
        moods -> Array<MoodSql>,
        pair -> PairSql,
        pairs -> Array<PairSql>,
        postcode -> PostcodeSql,
        postcodes -> Array<PostcodeSql>,
        name -> Citext,
        names -> Array<Citext>,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::Mood)]
pub(crate) enum Mood {
    Happy,
    Hungry,
}

impl ToSql<sql_types::Mood, Pg> for Mood {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let label: &[u8] = match self {
            Self::Happy => b"happy",
            Self::Hungry => b"hungry",
        };
        std::io::Write::write_all(out, label)?;
        Ok(IsNull::No)
    }
}

impl FromSql<sql_types::Mood, Pg> for Mood {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        match bytes.as_bytes() {
            b"happy" => Ok(Self::Happy),
            b"hungry" => Ok(Self::Hungry),
            _ => Err("not a mood".into()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::Pair)]
pub(crate) struct Pair(pub(crate) i32, pub(crate) String);

impl ToSql<sql_types::Pair, Pg> for Pair {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        WriteTuple::<(Integer, Text)>::write_tuple(&(self.0, &*self.1), &mut out.reborrow())
    }
}

impl FromSql<sql_types::Pair, Pg> for Pair {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        let (x, y) = FromSql::<Record<(Integer, Text)>, Pg>::from_sql(bytes)?;
        Ok(Self(x, y))
    }
}

#[derive(Debug, Clone, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::Postcode)]
pub(crate) struct Postcode(pub(crate) String);

impl ToSql<sql_types::Postcode, Pg> for Postcode {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <String as ToSql<Text, Pg>>::to_sql(&self.0, out)
    }
}

impl FromSql<sql_types::Postcode, Pg> for Postcode {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        <String as FromSql<Text, Pg>>::from_sql(bytes).map(Self)
    }
}

#[derive(Debug, Clone, PartialEq, Insertable, Queryable)]
#[diesel(table_name = guests)]
pub(crate) struct Guest {
    pub(crate) id: i32,
    pub(crate) mood: Mood,
    pub(crate) moods: Vec<Mood>,
    pub(crate) pair: Pair,
    pub(crate) pairs: Vec<Pair>,
    pub(crate) postcode: Postcode,
    pub(crate) postcodes: Vec<Postcode>,
    pub(crate) name: String,
    pub(crate) names: Vec<String>,
}

/// A guest with a value of each type.
pub(crate) fn guest(id: i32) -> Guest {
    Guest {
        id,
        mood: Mood::Hungry,
        moods: vec![Mood::Happy, Mood::Hungry],
        pair: Pair(id, "y".to_owned()),
        pairs: vec![Pair(1, "one".to_owned()), Pair(2, String::new())],
        postcode: Postcode("12345".to_owned()),
        postcodes: vec![Postcode("00000".to_owned())],
        name: format!("Guest {id}"),
        names: vec!["A".to_owned(), "b".to_owned()],
    }
}
