//! Types that users have defined, as binds and as results, and arrays of them.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::serialize::{self, IsNull, Output, ToSql, WriteTuple};
use diesel::sql_types::{Integer, Record, Text};
use diesel_async::RunQueryDsl;
use larder_database::Database;
use larder_pool::Connection;
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;

use super::{CLIENTS, all_clients, behind, servers};

mod sql_types {
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

const SCHEMA: [&str; 5] = [
    "CREATE EXTENSION IF NOT EXISTS citext",
    "CREATE TYPE mood AS ENUM ('happy', 'hungry')",
    "CREATE TYPE pair AS (x int, y text)",
    "CREATE DOMAIN postcode AS text CHECK (VALUE ~ '^[0-9]{5}$')",
    "CREATE TABLE guests (
        id int PRIMARY KEY, mood mood NOT NULL, moods mood[] NOT NULL,
        pair pair NOT NULL, pairs pair[] NOT NULL,
        postcode postcode NOT NULL, postcodes postcode[] NOT NULL,
        name citext NOT NULL, names citext[] NOT NULL)",
];

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
struct Pair(i32, String);

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
struct Postcode(String);

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
struct Guest {
    id: i32,
    mood: Mood,
    moods: Vec<Mood>,
    pair: Pair,
    pairs: Vec<Pair>,
    postcode: Postcode,
    postcodes: Vec<Postcode>,
    name: String,
    names: Vec<String>,
}

fn guest(id: i32) -> Guest {
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

async fn guest_database() -> TestDatabase {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    for statement in SCHEMA {
        test.database().sql(statement).execute().await.unwrap();
    }
    test
}

/// Writes and reads a guest: each type as a bind, in a result, and in arrays of both.
async fn come_and_go(connection: &mut Connection, id: i32) -> QueryResult<()> {
    // As a bind and as a result in one statement, which also is a write with a log row.
    let written: Guest = diesel::insert_into(guests::table)
        .values(guest(id))
        .get_result(connection)
        .await?;
    assert_eq!(written, guest(id));
    let found: Guest = guests::table
        .filter(guests::id.eq(id))
        .filter(guests::mood.eq(Mood::Hungry))
        .filter(guests::moods.eq(vec![Mood::Happy, Mood::Hungry]))
        .filter(guests::pair.eq(Pair(id, "y".to_owned())))
        .filter(guests::postcode.eq(Postcode("12345".to_owned())))
        // Which case it is written in does not matter to this type.
        .filter(guests::name.eq(format!("GUEST {id}")))
        .filter(guests::names.contains(vec!["B".to_owned()]))
        .get_result(connection)
        .await?;
    assert_eq!(found, guest(id));
    let gone = diesel::delete(guests::table.find(id))
        .returning((guests::mood, guests::pairs))
        .get_result::<(Mood, Vec<Pair>)>(connection)
        .await?;
    assert_eq!(gone, (Mood::Hungry, guest(id).pairs));
    Ok(())
}

/// No server keeps a statement of anybody's.
async fn assert_no_names_left(db: &Database) {
    for _ in 0..4 {
        servers(db).await;
        let left: i64 = db
            .sql("SELECT count(*) FROM pg_prepared_statements")
            .fetch_scalar()
            .await
            .unwrap();
        assert_eq!(left, 0);
    }
}

#[tokio::test]
async fn types_of_users_are_bound_and_read_by_more_clients_than_servers() {
    let test = guest_database().await;
    let db = behind(&test, |_| {}).await;
    all_clients(|client| {
        let db = db.clone();
        async move {
            for round in 0..15 {
                let id = i32::try_from(client * 100 + round).unwrap();
                let mut session = db.session().await.unwrap();
                come_and_go(&mut session, id).await.unwrap();
                drop(session);
                db.transaction(async |conn| come_and_go(conn, id).await)
                    .await
                    .unwrap();
            }
        }
    })
    .await;
    assert_no_names_left(&db).await;
}

#[tokio::test]
async fn a_type_made_later_is_known_to_all_connections() {
    let test = guest_database().await;
    let db = behind(&test, |_| {}).await;
    // All connections are there, and each of them has looked up types.
    all_clients(|client| {
        let db = db.clone();
        async move {
            let mut session = db.session().await.unwrap();
            let id = i32::try_from(client).unwrap();
            come_and_go(&mut session, id).await.unwrap();
        }
    })
    .await;
    for statement in [
        "CREATE TYPE colour AS ENUM ('red', 'green')",
        "CREATE TYPE paint AS (colour colour, tins int)",
        "CREATE TABLE paints (id int, paint paint, colours colour[])",
    ] {
        test.database().sql(statement).execute().await.unwrap();
    }
    all_clients(|client| {
        let db = db.clone();
        async move {
            let write = "INSERT INTO paints VALUES (:id, ROW('red', 2), '{red,green}') \
                 RETURNING (paint).tins, paint, colours";
            let tins: i32 = db
                .sql(write)
                .bind("id", i32::try_from(client).unwrap())
                .fetch_scalar()
                .await
                .unwrap();
            assert_eq!(tins, 2);
        }
    })
    .await;
    // Each write was done once.
    let rows: i64 = db
        .sql("SELECT count(*) FROM paints")
        .fetch_scalar()
        .await
        .unwrap();
    assert_eq!(rows, CLIENTS as i64);
    assert_no_names_left(&db).await;
}
