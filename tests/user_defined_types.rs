//! User-defined types, enums, composites and domains, as binds and as results.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::serialize::{self, IsNull, Output, ToSql, WriteTuple};
use diesel::sql_types::{Integer, Record, Text};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use larder_pool::Session;
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;

mod sql_types {
    #[derive(diesel::query_builder::QueryId, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "mood"))]
    pub struct Mood;

    #[derive(diesel::query_builder::QueryId, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "pair", schema = "public"))]
    pub struct Pair;

    #[derive(diesel::query_builder::QueryId, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "shelf"))]
    pub struct Shelf;

    #[derive(diesel::query_builder::QueryId, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "postcode"))]
    pub struct Postcode;
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::{Mood as MoodSql, Pair as PairSql, Postcode as PostcodeSql};

    feelings (id) {
        id -> Integer,
        mood -> MoodSql,
        moods -> Array<MoodSql>,
        pair -> PairSql,
        postcode -> PostcodeSql,
    }
}

const SCHEMA: &str = "
    CREATE TYPE mood AS ENUM ('happy', 'hungry');
    CREATE TYPE pair AS (x int, y text);
    CREATE TYPE shelf AS (moods mood[], first pair);
    CREATE DOMAIN postcode AS text CHECK (VALUE ~ '^[0-9]{5}$');
    CREATE TABLE feelings (
        id int PRIMARY KEY, mood mood NOT NULL, moods mood[] NOT NULL, pair pair NOT NULL, postcode postcode NOT NULL
    );";

async fn feeling_database() -> (TestDatabase, Session) {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let mut session = test.database().session().await.unwrap();
    session.batch_execute(SCHEMA).await.unwrap();
    (test, session)
}

#[derive(Debug, Clone, Copy, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::Mood)]
enum Mood {
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
struct Pair(i32, Option<String>);

impl ToSql<sql_types::Pair, Pg> for Pair {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        WriteTuple::<(Integer, diesel::sql_types::Nullable<Text>)>::write_tuple(
            &(self.0, self.1.as_deref()),
            &mut out.reborrow(),
        )
    }
}

impl FromSql<sql_types::Pair, Pg> for Pair {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        type Fields = Record<(Integer, diesel::sql_types::Nullable<Text>)>;
        let (x, y) = FromSql::<Fields, Pg>::from_sql(bytes)?;
        Ok(Self(x, y))
    }
}

/// A composite with an array of enums and another composite inside: its bytes carry
/// the ids of three user-defined types.
#[derive(Debug, Clone, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::Shelf)]
struct Shelf(Vec<Mood>, Pair);

type ShelfFields = (diesel::sql_types::Array<sql_types::Mood>, sql_types::Pair);

impl ToSql<sql_types::Shelf, Pg> for Shelf {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        WriteTuple::<ShelfFields>::write_tuple(&(&self.0, &self.1), &mut out.reborrow())
    }
}

impl FromSql<sql_types::Shelf, Pg> for Shelf {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        let (moods, first) = FromSql::<Record<ShelfFields>, Pg>::from_sql(bytes)?;
        Ok(Self(moods, first))
    }
}

#[derive(Debug, Clone, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::Postcode)]
struct Postcode(String);

impl ToSql<sql_types::Postcode, Pg> for Postcode {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<Text, Pg>::to_sql(&self.0, out)
    }
}

impl FromSql<sql_types::Postcode, Pg> for Postcode {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        FromSql::<Text, Pg>::from_sql(bytes).map(Self)
    }
}

type Feeling = (i32, Mood, Vec<Mood>, Pair, Postcode);

fn feeling(id: i32) -> Feeling {
    (
        id,
        Mood::Hungry,
        vec![Mood::Happy, Mood::Hungry],
        Pair(7, Some("a\"b,(c)".to_owned())),
        Postcode("10462".to_owned()),
    )
}

#[tokio::test]
async fn enums_composites_and_domains_as_binds_and_results() {
    let (_test, mut conn) = feeling_database().await;
    let (id, mood, moods, pair, postcode) = feeling(1);
    diesel::insert_into(feelings::table)
        .values((
            feelings::id.eq(id),
            feelings::mood.eq(mood),
            feelings::moods.eq(&moods),
            feelings::pair.eq(&pair),
            feelings::postcode.eq(&postcode),
        ))
        .execute(&mut conn)
        .await
        .unwrap();
    let back: Feeling = feelings::table
        .filter(feelings::mood.eq(Mood::Hungry))
        .filter(feelings::pair.eq(&pair))
        .filter(feelings::moods.contains(vec![Mood::Happy]))
        .filter(feelings::postcode.eq(&postcode))
        .get_result(&mut conn)
        .await
        .unwrap();
    assert_eq!(back, feeling(1));
    let none: Vec<i32> = feelings::table
        .filter(feelings::mood.eq(Mood::Happy))
        .select(feelings::id)
        .load(&mut conn)
        .await
        .unwrap();
    assert!(none.is_empty());
}

#[tokio::test]
async fn types_inside_types_get_their_real_ids() {
    let (test, mut conn) = feeling_database().await;
    let shelf = Shelf(
        vec![Mood::Happy, Mood::Hungry],
        Pair(1, Some("x".to_owned())),
    );
    // The first time the ids have to be looked up, the second time they are known, on
    // another connection of the same pool too.
    for session in [&mut conn, &mut test.database().session().await.unwrap()] {
        for _ in 0..2 {
            let back: Shelf = diesel::select((&shelf).into_sql::<sql_types::Shelf>())
                .get_result(session)
                .await
                .unwrap();
            assert_eq!(back, shelf);
        }
    }
}

#[tokio::test]
async fn a_type_made_again_under_its_name_is_found_again() {
    let (_test, mut conn) = feeling_database().await;
    let mood = |mood: Mood| diesel::select(mood.into_sql::<sql_types::Mood>());
    assert_eq!(
        mood(Mood::Happy)
            .get_result::<Mood>(&mut conn)
            .await
            .unwrap(),
        Mood::Happy
    );
    conn.batch_execute("DROP TYPE mood CASCADE; CREATE TYPE mood AS ENUM ('hungry', 'happy')")
        .await
        .unwrap();
    // The prepared statement of the old type fails once and is given up.
    let _ = mood(Mood::Happy).get_result::<Mood>(&mut conn).await;
    assert_eq!(
        mood(Mood::Hungry)
            .get_result::<Mood>(&mut conn)
            .await
            .unwrap(),
        Mood::Hungry
    );
}

#[tokio::test]
async fn a_type_that_does_not_exist_is_named() {
    let (_test, mut conn) = feeling_database().await;
    conn.batch_execute("DROP TYPE mood CASCADE").await.unwrap();
    let error = diesel::select(Mood::Happy.into_sql::<sql_types::Mood>())
        .get_result::<Mood>(&mut conn)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("\"mood\" does not exist"),
        "{error}"
    );
}

#[tokio::test]
async fn a_large_result_of_a_type_that_is_not_known_yet_arrives() {
    #[derive(QueryableByName)]
    struct Felt {
        #[diesel(sql_type = sql_types::Mood)]
        mood: Mood,
    }

    let (_test, mut conn) = feeling_database().await;
    let query = "SELECT 'happy'::mood AS mood FROM generate_series(1, 200000)";
    let moods = diesel::sql_query(query).load::<Felt>(&mut conn);
    let moods = tokio::time::timeout(crate::support::PATIENCE, moods)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(moods.len(), 200_000);
    assert!(moods.iter().all(|felt| felt.mood == Mood::Happy));
}
