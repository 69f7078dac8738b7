//! Keys of each type that a row can be known by.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types;
use diesel_async::RunQueryDsl;

use super::{LONG, hit, run, with};

/// A key of type `uuid`.
#[derive(Debug, Clone, Copy, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::Uuid)]
struct Identifier([u8; 16]);

impl ToSql<sql_types::Uuid, Pg> for Identifier {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        std::io::Write::write_all(out, &self.0)?;
        Ok(IsNull::No)
    }
}

impl FromSql<sql_types::Uuid, Pg> for Identifier {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(value.as_bytes().try_into()?))
    }
}

/// A test with a table whose key has this type, by statements of Diesel's.
macro_rules! keys_of {
    ($test:ident, $type:ident, $column:literal, $mine:expr, $other:expr) => {
        #[tokio::test]
        async fn $test() {
            diesel::table! {
                items (key) {
                    key -> $type,
                    value -> Integer,
                }
            }
            let table = concat!(
                "CREATE TABLE items (key ",
                $column,
                " PRIMARY KEY, value int NOT NULL)"
            );
            let (_test, db) = with(table).await;
            let (mine, other) = ($mine, $other);
            let read = || {
                let query = items::table.find(mine.clone()).select(items::value);
                let read = db.cached(query).ttl(LONG).first::<i32>();
                async { read.await.unwrap().as_deref().copied() }
            };
            let mut session = db.session().await.unwrap();
            for (key, value) in [(mine.clone(), 1), (other.clone(), 2)] {
                let row = (items::key.eq(key), items::value.eq(value));
                let insert = diesel::insert_into(items::table).values(row);
                insert.execute(&mut session).await.unwrap();
            }
            assert_eq!(read().await, Some(1));
            assert_eq!(hit(&db, read()).await, (true, Some(1)));

            let update = diesel::update(items::table.find(other.clone()));
            let update = update.set(items::value.eq(20));
            assert_eq!(update.execute(&mut session).await.unwrap(), 1);
            assert_eq!(
                hit(&db, read()).await,
                (true, Some(1)),
                "another was updated"
            );

            let update = diesel::update(items::table.find(mine.clone()));
            let update = update.set(items::value.eq(10));
            assert_eq!(update.execute(&mut session).await.unwrap(), 1);
            assert_eq!(hit(&db, read()).await, (false, Some(10)), "it was updated");

            let delete = diesel::delete(items::table.find(other.clone()));
            assert_eq!(delete.execute(&mut session).await.unwrap(), 1);
            assert_eq!(
                hit(&db, read()).await,
                (true, Some(10)),
                "another was deleted"
            );

            let delete = diesel::delete(items::table.find(mine.clone()));
            assert_eq!(delete.execute(&mut session).await.unwrap(), 1);
            assert_eq!(hit(&db, read()).await, (false, None), "it was deleted");

            let row = (items::key.eq(other.clone()), items::value.eq(3));
            let insert = diesel::insert_into(items::table).values(row);
            insert.execute(&mut session).await.unwrap();
            assert_eq!(hit(&db, read()).await, (true, None), "another was inserted");

            let row = (items::key.eq(mine.clone()), items::value.eq(4));
            let insert = diesel::insert_into(items::table).values(row);
            insert.execute(&mut session).await.unwrap();
            assert_eq!(hit(&db, read()).await, (false, Some(4)), "it was inserted");
        }
    };
}

keys_of!(a_smallint, SmallInt, "smallint", 7_i16, -7_i16);
keys_of!(an_integer, Integer, "integer", 7_i32, i32::MIN);
keys_of!(a_bigint, BigInt, "bigint", 7_i64, 7_i64 << 32);
keys_of!(
    a_uuid,
    Uuid,
    "uuid",
    Identifier([7; 16]),
    Identifier([8; 16])
);
keys_of!(bytes, Binary, "bytea", vec![0_u8, 255], vec![0_u8]);
keys_of!(a_text, Text, "text", "a".to_owned(), "A".to_owned());
keys_of!(
    a_varchar,
    Text,
    "varchar(20)",
    "menu".to_owned(),
    "menus".to_owned()
);

/// Reads and writes one table with an integer key, with parameters of these types.
macro_rules! mixed {
    ($db:expr, $read:ty, $write:ty) => {{
        let what = concat!(stringify!($read), " and ", stringify!($write));
        let read = || {
            let query = $db.sql("SELECT value FROM items WHERE key = :key");
            let query = query.bind("key", 1 as $read);
            query.cached().ttl(LONG).fetch_scalar::<i32>()
        };
        let write = async |key: $write| {
            let query = $db.sql("UPDATE items SET value = value + 1 WHERE key = :key");
            assert_eq!(query.bind("key", key).execute().await.unwrap(), 1);
        };
        let before = read().await.unwrap();
        write(2).await;
        let (is_hit, value) = hit(&$db, read()).await;
        assert_eq!((is_hit, value.unwrap()), (true, before), "{what}");
        write(1).await;
        let (is_hit, value) = hit(&$db, read()).await;
        assert_eq!((is_hit, value.unwrap()), (false, before + 1), "{what}");
    }};
}

#[tokio::test]
async fn a_number_is_the_same_key_whatever_type_it_is_bound_as() {
    for column in ["smallint", "integer", "bigint"] {
        // A database of its own: while a change of definitions is news, older writes count for
        // everything.
        let (_test, db) = with(&format!(
            "CREATE TABLE items (key {column} PRIMARY KEY, value int NOT NULL); \
             INSERT INTO items VALUES (1, 0), (2, 0)"
        ))
        .await;
        mixed!(db, i16, i16);
        mixed!(db, i16, i32);
        mixed!(db, i16, i64);
        mixed!(db, i32, i16);
        mixed!(db, i32, i32);
        mixed!(db, i32, i64);
        mixed!(db, i64, i16);
        mixed!(db, i64, i32);
        mixed!(db, i64, i64);
    }
}

#[tokio::test]
async fn a_key_of_another_kind_lets_the_table_count() {
    let (_test, db) = with("CREATE TABLE items (key bigint PRIMARY KEY, value int NOT NULL)").await;
    run(&db, "INSERT INTO items VALUES (1, 0), (2, 0)").await;
    let read = || {
        let query = db.sql("SELECT value FROM items WHERE key = :key");
        let read = query.bind("key", 1.0_f64).cached().ttl(LONG);
        async { read.fetch_scalar::<i32>().await.unwrap() }
    };
    let write = async |key: f64| {
        let query = db.sql("UPDATE items SET value = value + 1 WHERE key = :key");
        assert_eq!(query.bind("key", key).execute().await.unwrap(), 1);
    };
    assert_eq!(read().await, 0);
    write(2.0).await;
    assert_eq!(hit(&db, read()).await, (false, 0));
    write(1.0).await;
    assert_eq!(hit(&db, read()).await, (false, 1));
}

#[tokio::test]
async fn texts_that_a_collation_takes_for_one_are_one() {
    let (_test, db) = with(
        "CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
         CREATE TABLE items (key text COLLATE nocase PRIMARY KEY, value int NOT NULL); \
         INSERT INTO items VALUES ('a', 0)",
    )
    .await;
    let read = || {
        let query = db.sql("SELECT value FROM items WHERE key = :key");
        let read = query.bind("key", "a").cached().ttl(LONG);
        async { read.fetch_scalar::<i32>().await.unwrap() }
    };
    assert_eq!(read().await, 0);
    let query = db.sql("UPDATE items SET value = 1 WHERE key = :key");
    assert_eq!(query.bind("key", "A").execute().await.unwrap(), 1);
    assert_eq!(read().await, 1);
}
