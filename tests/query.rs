//! Raw SQL: named parameters, rows, JSON.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use larder_database::{Error, ErrorKind, sql};
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;

use crate::support::accounts;

#[derive(Debug, PartialEq, diesel::QueryableByName)]
struct Account {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = BigInt)]
    balance: i64,
}

#[derive(Debug, PartialEq, diesel::QueryableByName)]
struct Words {
    #[diesel(sql_type = Text)]
    said: String,
    #[diesel(sql_type = Nullable<Text>)]
    unsaid: Option<String>,
}

#[tokio::test]
async fn rows_by_name() {
    let test = accounts().await;
    let rich: Vec<Account> = test
        .database()
        .sql("SELECT * FROM accounts WHERE balance >= :least AND id <> :not ORDER BY id")
        .bind("least", 50_i64)
        .bind("not", 2)
        .fetch()
        .await
        .unwrap();
    assert_eq!(
        rich,
        [Account {
            id: 1,
            balance: 100
        }]
    );
}

#[tokio::test]
async fn a_value_is_never_part_of_the_text() {
    let test = accounts().await;
    let hostile = "'); DROP TABLE accounts; --";
    let words: Vec<Words> = test
        .database()
        .sql("SELECT :said::text AS said, :unsaid AS unsaid")
        .bind("said", hostile)
        .bind("unsaid", None::<String>)
        .fetch()
        .await
        .unwrap();
    assert_eq!(
        words,
        [Words {
            said: hostile.to_owned(),
            unsaid: None
        }]
    );
    let left: i64 = test
        .database()
        .sql("SELECT count(*) FROM accounts")
        .fetch_scalar()
        .await
        .unwrap();
    assert_eq!(left, 2);
}

#[tokio::test]
async fn colons_that_are_no_parameters_reach_the_server_as_they_are() {
    let test = accounts().await;
    let text: String = test
        .database()
        .sql(
            r#"SELECT concat_ws('|', (array[10,20,30])[1:2]::text, E'it\'s :no', U&'d\0061t:a', $tag$ :nor $tag$,
                 '12:30'::time, :yes /* :neither /* :nested */ */) -- :nobody"#,
        )
        .bind("yes", "yes")
        .fetch_scalar()
        .await
        .unwrap();
    assert_eq!(text, "{10,20}|it's :no|dat:a| :nor |12:30:00|yes");
}

#[tokio::test]
async fn one_name_may_stand_in_several_places() {
    let test = accounts().await;
    let count: i64 = test
        .database()
        .sql("SELECT count(*) FROM accounts WHERE id = :id OR balance = :id")
        .bind("id", 1)
        .fetch_scalar()
        .await
        .unwrap();
    assert_eq!(count, 1);
}

#[tokio::test]
async fn missing_and_unused_parameters_are_named_together() {
    let test = accounts().await;
    let error = test
        .database()
        .sql("SELECT * FROM accounts WHERE id = :id AND balance = :balance")
        .bind("id", 1)
        .bind("balanse", 2)
        .execute()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Sql);
    let text = error.to_string();
    assert!(
        text.contains("balance") && text.contains("balanse"),
        "{text}"
    );
}

#[tokio::test]
async fn every_kind_of_value_goes_there_and_back() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let db = test.database();
    macro_rules! there_and_back {
        ($($value:expr => $type:ty),* $(,)?) => {$(
            let value: $type = $value;
            let back: $type = db.sql("SELECT :value").bind("value", value.clone()).fetch_scalar().await.unwrap();
            assert_eq!(back, value, stringify!($type));
        )*};
    }
    there_and_back! {
        -7 => i16,
        i32::MIN => i32,
        i64::MAX => i64,
        0.1 => f32,
        f64::MIN_POSITIVE => f64,
        true => bool,
        "köşk \u{1f35e}".to_owned() => String,
        vec![0, 255, 7] => Vec<u8>,
        NaiveDate::from_ymd_opt(1, 1, 1).unwrap() => NaiveDate,
        "2026-01-02T03:04:05.678901Z".parse().unwrap() => DateTime<Utc>,
        serde_json::json!({"a": [1, null, "x"]}) => serde_json::Value,
        None => Option<i64>,
        Some("x".to_owned()) => Option<String>,
        vec![1, 2, 3] => Vec<i64>,
        vec!["a".to_owned(), String::new()] => Vec<String>,
        Some(vec![1]) => Option<Vec<i32>>,
    }
}

#[tokio::test]
async fn a_column_of_another_type_is_refused_by_name() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let db = test.database();
    let error = db
        .sql("SELECT 3 AS price")
        .fetch_scalar::<String>()
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`price` is of type int4"), "{text}");
    // The number of bytes is the same, the meaning is not.
    assert!(
        db.sql("SELECT 1.5::float8")
            .fetch_scalar::<i64>()
            .await
            .is_err()
    );
    assert!(
        db.sql("SELECT 7::int8")
            .fetch_scalar::<f64>()
            .await
            .is_err()
    );
    assert!(db.sql("SELECT now()").fetch_scalar::<i64>().await.is_err());
    // What is text under another name is text.
    for text in ["'a'::varchar", "'a'::name", "'a'", "'a'::char(1)"] {
        let back: String = db
            .sql(format!("SELECT {text}"))
            .fetch_scalar()
            .await
            .unwrap();
        assert_eq!(back, "a", "{text}");
    }
}

#[tokio::test]
async fn rows_as_json_have_the_types_of_the_server() {
    let test = accounts().await;
    let rows = test
        .database()
        .sql("SELECT id, balance, balance / 3.0 AS third, NULL AS nothing, array[1,2] AS list, '2026-01-02'::date AS day
              FROM accounts WHERE id = :id; -- the last word")
        .bind("id", 1)
        .fetch_json()
        .await
        .unwrap();
    assert_eq!(
        rows,
        [serde_json::json!({
            "id": 1, "balance": 100, "third": 33.333_333_333_333_336, "nothing": null, "list": [1, 2], "day": "2026-01-02"
        })]
    );
    let written = test
        .database()
        .sql("UPDATE accounts SET balance = balance + 1 RETURNING id, balance")
        .fetch_json()
        .await
        .unwrap();
    assert_eq!(written.len(), 2);
    assert_eq!(written[0]["balance"], 101);
}

#[tokio::test]
async fn json_of_several_statements_is_refused_and_runs_none() {
    let test = accounts().await;
    let error = test
        .database()
        .sql("DELETE FROM accounts RETURNING id; SELECT 1")
        .fetch_json()
        .await
        .unwrap_err();
    assert_eq!(error.sql_state().unwrap().as_str(), "42601");
    assert_eq!(crate::support::balance(test.database(), 1).await, 100);
}

#[tokio::test]
async fn a_write_returns_its_id_or_its_rows_and_counts_what_it_touched() {
    let test = accounts().await;
    let id: i32 = test
        .database()
        .sql("INSERT INTO accounts VALUES (:id, 5) RETURNING id")
        .bind("id", 3)
        .fetch_scalar()
        .await
        .unwrap();
    assert_eq!(id, 3);
    let rows: Vec<Account> = test
        .database()
        .sql("UPDATE accounts SET balance = 0 WHERE id = ANY(:ids) RETURNING *")
        .bind("ids", vec![1, 3])
        .returning()
        .await
        .unwrap();
    assert_eq!(rows.len(), 2);
    let touched = test
        .database()
        .sql("DELETE FROM accounts")
        .execute()
        .await
        .unwrap();
    assert_eq!(touched, 3);
    let nothing = test
        .database()
        .sql("SELECT id FROM accounts")
        .fetch_scalar::<i32>()
        .await
        .unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn raw_sql_takes_part_in_a_transaction() {
    let test = accounts().await;
    let result: Result<(), Error> = test
        .database()
        .transaction(async |conn| {
            sql("UPDATE accounts SET balance = 0")
                .execute_on(conn)
                .await?;
            let rows: Vec<Account> = sql("SELECT * FROM accounts WHERE balance = :none")
                .bind("none", 0_i64)
                .fetch_on(conn)
                .await?;
            assert_eq!(rows.len(), 2);
            Err(Error::NotFound)
        })
        .await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(crate::support::balance(test.database(), 1).await, 100);
}

#[tokio::test]
async fn values_are_not_in_what_debug_prints() {
    let statement = sql("SELECT :token").bind("token", "s3cret");
    let text = format!("{statement:?}");
    assert!(text.contains("token") && !text.contains("s3cret"), "{text}");
}
