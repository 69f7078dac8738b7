//! Rows that leave the process read as they did before, and nobody's bytes make them panic.

use chrono::{DateTime, Utc};
use diesel::deserialize::FromSqlRow;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::row::{Field, Row as _};
use diesel::sql_types::{
    Array, BigInt, Binary, Integer, Jsonb, Nullable, Text, Timestamptz, Untyped,
};
use diesel_async::SimpleAsyncConnection;
use futures::TryStreamExt;
use larder_pool::{ConnectOptions, OwnedQuery, Pool, PoolOptions, PortableRows, Row, Session};
use larder_testing::TestDatabase;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::accounts;

/// A session on a database with two types of its own.
async fn session() -> (TestDatabase, Pool, Session) {
    let test = accounts().await;
    let options = ConnectOptions::parse(test.url()).unwrap();
    let pool = Pool::open_lazily(options, PoolOptions::named("portable")).unwrap();
    let mut session = pool.session().await.unwrap();
    session
        .batch_execute(
            "CREATE TYPE mood AS ENUM ('glad', 'sad'); CREATE TYPE place AS (number int, street text)",
        )
        .await
        .unwrap();
    (test, pool, session)
}

async fn rows(pool: &Pool, session: &mut Session, sql: &str) -> Vec<Row> {
    let query = OwnedQuery::of(&diesel::sql_query(sql), pool).unwrap();
    let rows = session.load_owned(query).await.unwrap();
    rows.try_collect().await.unwrap()
}

/// Out of the process and in again.
fn travelled(rows: &[Row]) -> PortableRows {
    let bytes = postcard::to_stdvec(&PortableRows::of(rows)).unwrap();
    postcard::from_bytes(&bytes).unwrap()
}

type Seen = (String, String, u32, Option<Vec<u8>>);

/// All that Diesel can see of a row.
fn seen(row: &Row) -> Vec<Seen> {
    let fields = (0..row.field_count()).map(|index| {
        let field = row.get(index).unwrap();
        let value = field.value().map(|value| value.as_bytes().to_vec());
        assert_eq!(field.is_null(), value.is_none());
        if let Some(value) = field.value() {
            assert_eq!(value.get_oid().get(), field.type_oid());
        }
        let name = field.field_name().unwrap().to_owned();
        // The first of this name.
        let first = row.get(name.as_str()).unwrap();
        let first = first.value().map(|value| value.as_bytes().to_vec());
        let position =
            (0..=index).find(|index| row.get(*index).unwrap().field_name() == Some(&name));
        let by_index = row.get(position.unwrap()).unwrap();
        assert_eq!(
            first,
            by_index.value().map(|value| value.as_bytes().to_vec())
        );
        (name, field.type_name().to_owned(), field.type_oid(), value)
    });
    assert!(row.get(row.field_count()).is_none());
    assert!(row.get("no such column").is_none());
    fields.collect()
}

fn all(rows: &[Row]) -> Vec<Vec<Seen>> {
    rows.iter().map(seen).collect()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn or_null<T: std::fmt::Debug>(
    value: impl Strategy<Value = T>,
    write: impl Fn(T) -> String,
) -> impl Strategy<Value = String> {
    proptest::option::of(value).prop_map(move |value| value.map_or("NULL".to_owned(), &write))
}

/// A SELECT of one row with columns of many types, two of the same name.
fn select() -> impl Strategy<Value = String> {
    let text = || "[^\\x00\\\\]{0,12}";
    (
        or_null(any::<i32>(), |number| format!("'{number}'")),
        or_null(any::<i64>(), |number| format!("'{number}'")),
        or_null(text(), |text| quoted(&text)),
        or_null(
            proptest::collection::vec(proptest::option::of(any::<i32>()), 0..4),
            |list| {
                let list = list.iter();
                let list: Vec<_> = list
                    .map(|one| one.map_or("NULL".to_owned(), |one| one.to_string()))
                    .collect();
                format!("'{{{}}}'", list.join(","))
            },
        ),
        or_null(text(), |text| {
            quoted(&serde_json::json!({ "text": text }).to_string().replace("\\u0000", ""))
        }),
        or_null((any::<i64>(), 0..20_u32), |(number, scale)| {
            format!("{number}::numeric / 10::numeric ^ {scale}")
        }),
        or_null(0..4_000_000_000_i64, |seconds| format!("to_timestamp({seconds})")),
        or_null(any::<bool>(), |glad| quoted(if glad { "glad" } else { "sad" })),
        or_null((any::<i32>(), text()), |(number, street)| {
            format!("ROW('{number}', {})", quoted(&street))
        }),
        or_null(proptest::collection::vec(any::<u8>(), 0..300), |bytes| {
            let bytes: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("'\\x{bytes}'")
        }),
    )
        .prop_map(|(int, big, text, list, json, numeric, at, mood, place, bytes)| {
            format!(
                "SELECT {int}::int AS number, {big}::bigint AS number, {text}::text AS \"a Text\", \
                 {list}::int[] AS list, {json}::jsonb AS json, {numeric}::numeric AS numeric, \
                 {at}::timestamptz AS at, {mood}::mood AS mood, {place}::place AS place, \
                 {bytes}::bytea AS bytes"
            )
        })
}

#[test]
fn rows_of_many_types_read_as_they_did_before() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (_test, pool, session) = runtime.block_on(session());
    let session = std::cell::RefCell::new(session);
    let config = Config {
        failure_persistence: None,
        ..Config::with_cases(128)
    };
    let selects = proptest::collection::vec(select(), 1..6);
    TestRunner::new(config)
        .run(&selects, |selects| {
            let sql = selects.join(" UNION ALL ");
            let live = runtime.block_on(rows(&pool, &mut session.borrow_mut(), &sql));
            prop_assert_eq!(live.len(), selects.len());
            let portable = travelled(&live);
            let digest = PortableRows::of(&live).digest();
            prop_assert_eq!(portable.len(), live.len());
            prop_assert_eq!(portable.digest(), digest);
            let mut kept = portable.into_rows();
            prop_assert_eq!(all(&kept), all(&live));
            // Kept rows can leave as well, in another order, and one less is not the same.
            kept.rotate_left(1);
            prop_assert_eq!(travelled(&kept).digest(), digest);
            kept.pop();
            prop_assert_ne!(PortableRows::of(&kept).digest(), digest);
            Ok(())
        })
        .unwrap();
    drop(session);
    drop(pool);
}

#[derive(QueryableByName, Debug, PartialEq)]
struct Named {
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = Nullable<Text>)]
    text: Option<String>,
}

#[tokio::test]
async fn diesel_decodes_kept_rows_by_index_and_by_name() {
    let (_test, pool, mut session) = session().await;
    let sql = "SELECT 7 AS number, NULL::text AS text, '{1,NULL}'::int[] AS list, \
        '{\"a\": 1}'::jsonb AS json, to_timestamp(5) AS at, ''::bytea AS bytes, 8::bigint AS number";
    type Types = (
        Integer,
        Nullable<Text>,
        Array<Nullable<Integer>>,
        Jsonb,
        Timestamptz,
        Nullable<Binary>,
        BigInt,
    );
    type Values = (
        i32,
        Option<String>,
        Vec<Option<i32>>,
        serde_json::Value,
        DateTime<Utc>,
        Option<Vec<u8>>,
        i64,
    );
    let live = rows(&pool, &mut session, sql).await;
    let kept = travelled(&live).into_rows();
    let values = <Values as FromSqlRow<Types, Pg>>::build_from_row(&kept[0]).unwrap();
    let expected = (
        7,
        None,
        vec![Some(1), None],
        serde_json::json!({ "a": 1 }),
        DateTime::from_timestamp(5, 0).unwrap(),
        Some(Vec::new()),
        8,
    );
    assert_eq!(values, expected);
    let named = <Named as FromSqlRow<Untyped, Pg>>::build_from_row(&kept[0]).unwrap();
    assert_eq!(
        named,
        Named {
            number: 7,
            text: None
        }
    );
}

#[tokio::test]
async fn rows_without_columns_are_counted() {
    let (_test, pool, mut session) = session().await;
    let live = rows(&pool, &mut session, "SELECT FROM accounts").await;
    let portable = travelled(&live);
    assert_eq!(portable.len(), 2);
    assert_ne!(portable.digest(), travelled(&live[..1]).digest());
    assert_eq!(all(&portable.into_rows()), [[], []]);
    assert!(travelled(&[]).is_empty());
    assert!(travelled(&[]).into_rows().is_empty());
}

#[tokio::test]
async fn the_digest_tells_apart_what_differs() {
    let (_test, pool, mut session) = session().await;
    let results = [
        "SELECT WHERE false",
        "SELECT 'a' AS x, 'bc' AS y",
        "SELECT 'ab' AS x, 'c' AS y",
        "SELECT 'c' AS x, 'ab' AS y",
        "SELECT '' AS x, 'abc' AS y",
        "SELECT NULL AS x, 'abc' AS y",
        "SELECT 'abc' AS x, NULL AS y",
        "SELECT 'abc' AS x, NULL AS z",
        "SELECT 'abc'::varchar AS x, NULL AS y",
        "SELECT 'a' AS x, 'bc' AS y FROM generate_series(1, 2)",
        "SELECT 'ab' AS x, 'c' AS y FROM generate_series(1, 2)",
        "SELECT 'a' AS x, 'bc' AS y FROM generate_series(1, 3)",
        "VALUES ('a', 'bc'), ('a', 'bc'), ('ab', 'c')",
        "VALUES ('a', 'bc'), ('ab', 'c'), ('ab', 'c')",
        "VALUES ('ab', 'c')",
    ];
    let mut digests = std::collections::HashMap::new();
    for sql in results {
        let live = rows(&pool, &mut session, sql).await;
        let other = digests.insert(PortableRows::of(&live).digest(), sql);
        assert_eq!(other, None, "the same as {sql}");
    }
    let there = rows(&pool, &mut session, "VALUES (1, ''), (2, NULL), (1, '')").await;
    let back = rows(&pool, &mut session, "VALUES (1, ''), (1, ''), (2, NULL)").await;
    assert_eq!(
        PortableRows::of(&there).digest(),
        PortableRows::of(&back).digest()
    );
}

#[tokio::test]
async fn a_value_costs_a_byte_more_than_itself() {
    let (_test, pool, mut session) = session().await;
    let live = rows(
        &pool,
        &mut session,
        "SELECT n, NULL AS x FROM generate_series(1, 1000) n",
    )
    .await;
    let bytes = postcard::to_stdvec(&PortableRows::of(&live)).unwrap();
    assert!(bytes.len() < 6_050, "{}", bytes.len());
    // Formats of text have no bytes, and take them all the same.
    let text = serde_json::to_string(&PortableRows::of(&live)).unwrap();
    let portable: PortableRows = serde_json::from_str(&text).unwrap();
    assert_eq!(all(&portable.into_rows()), all(&live));
}

type WrittenColumn = (String, String, u32);

/// Reads what somebody wrote: columns and values.
fn read(columns: usize, values: &[u8]) -> Result<PortableRows, postcard::Error> {
    let column: WrittenColumn = ("a".to_owned(), "int4".to_owned(), 23);
    read_written(&(vec![column; columns], values.to_vec()))
}

fn read_written(written: &(Vec<WrittenColumn>, Vec<u8>)) -> Result<PortableRows, postcard::Error> {
    postcard::from_bytes(&postcard::to_stdvec(written).unwrap())
}

#[test]
fn lengths_that_cannot_be_are_refused() {
    // A NULL and a value of one byte, so that the others fail for their own reason.
    assert_eq!(read(2, &[0, 2, 7]).unwrap().len(), 1);
    assert_eq!(read(1, &[0, 2, 7]).unwrap().len(), 2);
    assert_eq!(read(0, &[0, 0]).unwrap().len(), 2);
    let huge = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01];
    // Without its highest bit it would fit.
    let too_huge = [
        0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02, 7,
    ];
    let refused: [(usize, &[u8]); 9] = [
        // A value that is longer than what is left.
        (1, &[3, 7]),
        (1, &[0, 3, 7]),
        (1, &huge),
        (1, &too_huge),
        // A length that does not end, or is written in more bytes than it needs.
        (1, &[0x80]),
        (1, &[0x80, 0x00]),
        // Half a row.
        (2, &[0]),
        (2, &[0, 2, 7, 0]),
        // A row without columns that has a value.
        (0, &[0, 2, 7]),
    ];
    for (columns, values) in refused {
        assert!(
            read(columns, values).is_err(),
            "{columns} columns, {values:?}"
        );
    }
    let untyped = ("a".to_owned(), "int4".to_owned(), 0);
    assert!(read_written(&(vec![untyped], vec![0])).is_err());
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(4096) })]

    #[test]
    fn no_bytes_make_a_panic(
        columns in 0..4_usize,
        values in proptest::collection::vec(prop_oneof![0..6_u8, any::<u8>()], 0..24),
        noise in proptest::collection::vec(any::<u8>(), 0..48),
    ) {
        for portable in [read(columns, &values).ok(), postcard::from_bytes(&noise).ok()] {
            let Some(portable) = portable else { continue };
            let digest = portable.digest();
            let kept = portable.into_rows();
            for row in &kept {
                seen(row);
                let _ = <(Option<i32>, Option<String>) as FromSqlRow<
                    (Nullable<Integer>, Nullable<Text>),
                    Pg,
                >>::build_from_row(row);
            }
            // What was read is written in one way only.
            if !kept.is_empty() {
                prop_assert_eq!(PortableRows::of(&kept).digest(), digest);
            }
        }
    }
}
