//! What a lane gives is what a connection of the pool gives, whatever its type.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::TryStreamExt;

use super::{NOTES, laned, lanes, notes, words};

diesel::table! {
    things (id) {
        id -> Integer,
        flag -> Bool,
        small -> SmallInt,
        large -> BigInt,
        single -> Float,
        double -> Double,
        name -> Text,
        short -> Varchar,
        bytes -> Binary,
        day -> Date,
        time_of_day -> Time,
        moment -> Timestamp,
        instant -> Timestamptz,
        facts -> Jsonb,
        text_facts -> Json,
        tags -> Array<Nullable<Text>>,
        numbers -> Array<Integer>,
        mood -> crate::lanes::equality::Mood,
    }
}

#[derive(diesel::sql_types::SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(name = "mood"))]
pub struct Mood;

/// A type of the user's, as its text.
#[derive(
    Debug, Clone, PartialEq, diesel::deserialize::FromSqlRow, diesel::expression::AsExpression,
)]
#[diesel(sql_type = Mood)]
struct MoodText(String);

impl diesel::deserialize::FromSql<Mood, diesel::pg::Pg> for MoodText {
    fn from_sql(value: diesel::pg::PgValue<'_>) -> diesel::deserialize::Result<Self> {
        Ok(Self(String::from_utf8(value.as_bytes().to_vec())?))
    }
}

impl diesel::serialize::ToSql<Mood, diesel::pg::Pg> for MoodText {
    fn to_sql<'b>(
        &'b self,
        out: &mut diesel::serialize::Output<'b, '_, diesel::pg::Pg>,
    ) -> diesel::serialize::Result {
        std::io::Write::write_all(out, self.0.as_bytes())?;
        Ok(diesel::serialize::IsNull::No)
    }
}

#[derive(Debug, PartialEq, Queryable)]
struct Thing {
    id: i32,
    flag: bool,
    small: i16,
    large: i64,
    single: f32,
    double: f64,
    name: String,
    short: String,
    bytes: Vec<u8>,
    day: NaiveDate,
    time_of_day: NaiveTime,
    moment: NaiveDateTime,
    instant: DateTime<Utc>,
    facts: serde_json::Value,
    text_facts: serde_json::Value,
    tags: Vec<Option<String>>,
    numbers: Vec<i32>,
    mood: MoodText,
}

const THINGS: [&str; 3] = [
    "CREATE TYPE mood AS ENUM ('calm', 'wild')",
    "CREATE TABLE things (id int PRIMARY KEY, flag bool NOT NULL, small int2 NOT NULL,
        large int8 NOT NULL, single float4 NOT NULL, double float8 NOT NULL, name text NOT NULL,
        short varchar(9) NOT NULL, bytes bytea NOT NULL, day date NOT NULL,
        time_of_day time NOT NULL, moment timestamp NOT NULL, instant timestamptz NOT NULL,
        facts jsonb NOT NULL, text_facts json NOT NULL, tags text[] NOT NULL,
        numbers int[] NOT NULL, mood mood NOT NULL)",
    "INSERT INTO things VALUES
        (1, true, -3, 9223372036854775807, 1.5, 0.1, 'köşk', 'abc', '\\x00ff', '1999-12-31',
         '23:59:59.999999', '2026-01-02 03:04:05.678901', '2026-01-02 03:04:05.678901+09',
         '{\"a\": [1, null]}', '{\"b\": 1.50}', '{köşk,NULL,\"\"}', '{1,-2}', 'wild'),
        (2, false, 0, 0, 0, 'NaN', '', '', '', '0001-01-01', '00:00', '2000-01-01', '2000-01-01',
         'null', '[]', '{}', '{}', 'calm')",
];

#[tokio::test]
async fn every_type_comes_as_from_a_connection_of_the_pool() {
    let test = notes().await;
    for statement in THINGS {
        test.database().sql(statement).execute().await.unwrap();
    }
    let db = laned(&test, |_| {}).await;
    let query = things::table.order(things::id);
    let before = lanes(&db).reads;
    let by_lane: Vec<Thing> = query.load(&mut db.reader()).await.unwrap();
    assert_eq!(lanes(&db).reads, before + 1);
    let by_pool: Vec<Thing> = query.load(&mut db.session().await.unwrap()).await.unwrap();
    assert_eq!(format!("{by_lane:?}"), format!("{by_pool:?}"));
    assert_eq!(by_lane.len(), 2);

    // The first one finds out which number the type has.
    for _ in 0..2 {
        let wild = things::mood.eq(MoodText("wild".to_owned()));
        let ids: Vec<i32> = things::table
            .filter(wild)
            .select(things::id)
            .load(&mut db.reader())
            .await
            .unwrap();
        assert_eq!(ids, [1]);
    }
    assert_eq!(lanes(&db).reads, before + 2);
}

#[tokio::test]
async fn binds_rows_and_absent_rows_come_as_from_a_connection_of_the_pool() {
    let test = notes().await;
    let db = laned(&test, |_| {}).await;
    let before = lanes(&db).reads;
    let mut reader = db.reader();
    let some: Vec<(i32, String)> = notes::table
        .filter(notes::id.eq_any(vec![3, 1, 2_000]))
        .order(notes::id)
        .load(&mut reader)
        .await
        .unwrap();
    assert_eq!(some, [(1, words(1)), (3, words(3))]);
    let none: Option<String> = notes::table
        .find(0)
        .select(notes::words)
        .first(&mut reader)
        .await
        .optional()
        .unwrap();
    assert_eq!(none, None);
    let boxed = notes::table
        .into_boxed()
        .filter(notes::words.like("note 99%"));
    let count: i64 = boxed.count().get_result(&mut reader).await.unwrap();
    assert_eq!(count, 11);
    let all: Vec<i32> = notes::table
        .select(notes::id)
        .order(notes::id)
        .load_stream::<i32>(&mut reader)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(all, (1..=NOTES).collect::<Vec<_>>());
    let maximum: Option<i32> = notes::table
        .select(diesel::dsl::max(notes::id))
        .get_result(&mut reader)
        .await
        .unwrap();
    assert_eq!(maximum, Some(NOTES));
    assert_eq!(lanes(&db).reads, before + 5);
}

#[tokio::test]
async fn a_raw_read_that_comes_again_travels_on_a_lane() {
    let test = notes().await;
    let db = laned(&test, |_| {}).await;
    let before = lanes(&db).reads;
    for round in 0..3 {
        let text: String = db
            .sql("SELECT words FROM notes WHERE id = :id")
            .bind("id", 7)
            .fetch_scalar()
            .await
            .unwrap();
        assert_eq!(text, words(7));
        assert_eq!(lanes(&db).reads, before + round);
    }
    for _ in 0..2 {
        let json = db
            .sql("SELECT * FROM notes WHERE id <= :id ORDER BY id")
            .bind("id", 2)
            .fetch_json()
            .await
            .unwrap();
        let expected = serde_json::json!([
            {"id": 1, "words": "note 1"},
            {"id": 2, "words": "note 2"},
        ]);
        assert_eq!(serde_json::Value::from(json), expected);
    }
    assert_eq!(lanes(&db).reads, before + 3);
}
