//! The values that name the rows of writes.

use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use larder_database::sql;

use super::{Observed, ROW, close};
use crate::support::{accounts, withdraw};

#[tokio::test]
async fn a_write_by_itself_tells_the_row_that_it_names() {
    for companion in [None, Some(ROW)] {
        let observed = Observed::start_with(companion).await;
        let mut session = observed.session().await;
        withdraw(&mut session, 1, 30).await.unwrap();
        assert_eq!(
            observed.writes(),
            ["asked update[1]", "committed update[1]"]
        );
        close(&mut session, 2).await.unwrap();
        assert_eq!(
            observed.writes(),
            ["asked delete[2]", "committed delete[2]"]
        );
        // The answer to a write that fails does not say what it did before.
        withdraw(&mut session, 1, 300).await.unwrap_err();
        let told = observed.writes();
        assert_eq!(told[0], "asked update[1]");
        assert_eq!(told.len(), if companion.is_some() { 1 } else { 2 });
    }
}

#[tokio::test]
async fn all_rows_of_a_statement_with_several_are_told() {
    let observed = Observed::start().await;
    let mut session = observed.session().await;
    observed.witness.inserts(&[0, 2, 4]);
    let row = |id: i32| (accounts::id.eq(id), accounts::balance.eq(7_i64));
    diesel::insert_into(accounts::table)
        .values(vec![row(11), row(12), row(13)])
        .execute(&mut session)
        .await
        .unwrap();
    assert_eq!(observed.writes()[1], "committed insert[11 12 13]");
    // A parameter that is not there.
    diesel::insert_into(accounts::table)
        .values(vec![row(14), row(15)])
        .execute(&mut session)
        .await
        .unwrap();
    assert_eq!(observed.writes()[1], "committed insert?");
    // Nothing asked for is known.
    observed.witness.inserts(&[]);
    let insert = "INSERT INTO accounts SELECT max(id) + 1, 0 FROM accounts";
    session.batch_execute(insert).await.unwrap();
    assert_eq!(observed.writes()[1], "committed insert[]");
}

#[tokio::test]
async fn a_transaction_tells_the_rows_of_all_runs_of_a_statement_once() {
    for companion in [None, Some(ROW)] {
        let observed = Observed::start_with(companion).await;
        let written = observed.pool.transaction(async |conn| {
            withdraw(conn, 2, 10).await?;
            close(conn, 7).await?;
            withdraw(conn, 1, 10).await?;
            withdraw(conn, 2, 20).await
        });
        written.await.unwrap();
        let all = "update[2 1] delete[7]";
        assert_eq!(
            observed.writes(),
            [format!("asked {all}"), format!("committed {all}")]
        );
    }
}

#[tokio::test]
async fn savepoints_that_are_kept_tell_their_rows_and_others_do_not() {
    let observed = Observed::start().await;
    let written = observed.pool.transaction(async |conn| {
        withdraw(conn, 1, 10).await?;
        conn.transaction(async |conn| {
            withdraw(conn, 2, 10).await?;
            conn.transaction(async |conn| close(conn, 8).await).await
        })
        .await?;
        let given_up = conn.transaction(async |conn| {
            withdraw(conn, 3, 10).await?;
            close(conn, 9).await?;
            Err::<(), _>(DieselError::RollbackTransaction)
        });
        given_up.await.unwrap_err();
        withdraw(conn, 4, 10).await
    });
    written.await.unwrap();
    let all = "update[1 2 4] delete[8]";
    assert_eq!(
        observed.writes(),
        [format!("asked {all}"), format!("committed {all}")]
    );
}

#[tokio::test]
async fn one_run_whose_row_is_not_known_leaves_none_known() {
    let observed = Observed::start().await;
    let pay = |id: Option<i32>| {
        sql("UPDATE accounts SET balance = balance - :amount WHERE id = :id")
            .bind("amount", 1_i64)
            .bind("id", id)
    };
    for ids in [[Some(1), None, Some(2)], [None, Some(1), Some(2)]] {
        // In one level, and across savepoints.
        for nested in [false, true] {
            let written = observed.pool.transaction(async |conn| {
                for id in ids {
                    if nested {
                        let paid = conn.transaction(async |conn| {
                            pay(id)
                                .execute_on(conn)
                                .await
                                .map_err(|_| DieselError::NotFound)
                        });
                        paid.await?;
                    } else {
                        pay(id)
                            .execute_on(conn)
                            .await
                            .map_err(|_| DieselError::NotFound)?;
                    }
                }
                Ok::<_, DieselError>(())
            });
            written.await.unwrap();
            assert_eq!(observed.writes(), ["asked update?", "committed update?"]);
        }
    }
    let mut session = observed.session().await;
    pay(None).execute_on(&mut session).await.unwrap();
    assert_eq!(observed.writes()[1], "committed update?");
}

#[tokio::test]
async fn what_is_sent_as_text_names_no_row() {
    let observed = Observed::start().await;
    let mut session = observed.session().await;
    let text = "UPDATE accounts SET balance = 5 WHERE id = 1";
    session.batch_execute(text).await.unwrap();
    assert_eq!(observed.writes()[1], "committed update?");
    diesel::sql_query(text).execute(&mut session).await.unwrap();
    assert_eq!(observed.writes()[1], "committed update?");
    // Several at once are asked for as what they are together, and no value is known.
    session
        .batch_execute(&format!("{text}; {text}"))
        .await
        .unwrap();
    let told = observed.writes();
    assert!(told[1].ends_with('?'), "{told:?}");
}

#[tokio::test]
async fn more_rows_than_are_kept_are_not_known() {
    let observed = Observed::start().await;
    for (most, is_known) in [(128, true), (129, false)] {
        let written = observed.pool.transaction(async |conn| {
            for id in 1..=most {
                close(conn, id).await?;
                // The same once more is not one more.
                close(conn, 1).await?;
            }
            Ok::<_, DieselError>(())
        });
        written.await.unwrap();
        let told = &observed.writes()[1];
        assert_eq!(
            told.starts_with("committed delete[1 2 "),
            is_known,
            "{told}"
        );
        assert_eq!(told == "committed delete?", !is_known);
    }
}

#[tokio::test]
async fn reads_are_not_asked_for_their_rows() {
    let observed = Observed::start().await;
    let mut session = observed.session().await;
    let balance = accounts::table.find(1).select(accounts::balance);
    assert_eq!(balance.get_result::<i64>(&mut session).await.unwrap(), 100);
    assert_eq!(observed.witness.take(&["keys"]), [] as [&str; 0]);
    withdraw(&mut session, 1, 10).await.unwrap();
    assert_eq!(observed.witness.take(&["keys"]), ["keys of update"]);
}

mod unknown_type {
    //! A type whose object id the pool has to ask for.

    use super::*;

    #[derive(diesel::query_builder::QueryId, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "postcode"))]
    struct Postcode;

    #[derive(Debug, diesel::expression::AsExpression)]
    #[diesel(sql_type = Postcode)]
    struct Code(&'static str);

    impl diesel::serialize::ToSql<Postcode, diesel::pg::Pg> for Code {
        fn to_sql<'b>(
            &'b self,
            out: &mut diesel::serialize::Output<'b, '_, diesel::pg::Pg>,
        ) -> diesel::serialize::Result {
            use std::io::Write;
            out.write_all(self.0.as_bytes())?;
            Ok(diesel::serialize::IsNull::No)
        }
    }

    #[tokio::test]
    async fn a_row_is_known_once_the_type_of_its_key_is() {
        let observed = Observed::start().await;
        observed
            .prepare(
                "CREATE DOMAIN postcode AS text; CREATE TABLE places (code postcode PRIMARY KEY)",
            )
            .await;
        let mut session = observed.session().await;
        let insert = |code: &'static str| {
            diesel::sql_query("INSERT INTO places VALUES ($1)").bind::<Postcode, _>(Code(code))
        };
        insert("12345").execute(&mut session).await.unwrap();
        assert_eq!(observed.writes(), ["asked insert?", "committed insert?"]);
        insert("23456").execute(&mut session).await.unwrap();
        let domain: i64 = observed
            .test
            .database()
            .sql("SELECT 'postcode'::regtype::oid::bigint")
            .fetch_scalar()
            .await
            .unwrap();
        assert_eq!(
            observed.writes()[1],
            format!("committed insert[{domain}:23456]")
        );
    }
}
