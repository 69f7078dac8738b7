//! What is recorded of statements.

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures::TryStreamExt;
use larder_database::sql;
use larder_pool::Recorded;

use super::{Observed, ROW, bracketed, verb};
use crate::support::{accounts, withdraw};

fn shown(recorded: &Recorded) -> String {
    let keys = recorded.keys.as_ref();
    let keys = keys.map_or_else(|| "?".to_owned(), |keys| bracketed(keys.values()));
    let rows = recorded.rows;
    let rows = rows.map_or_else(|| "unread".to_owned(), |rows| rows.to_string());
    format!("{}{keys}: {rows}", verb(&recorded.profile))
}

#[tokio::test]
async fn a_recording_tells_the_rows_that_reads_and_writes_name_and_how_many_came() {
    for companion in [None, Some(ROW)] {
        let observed = Observed::start_with(companion).await;
        let mut session = observed.session().await;
        let balance = |id: i32| accounts::table.find(id).select(accounts::balance);
        balance(2).get_result::<i64>(&mut session).await.unwrap();
        session.start_recording();
        for id in [1, 9] {
            let found = balance(id).get_result::<i64>(&mut session).await;
            assert_eq!(found.optional().unwrap(), (id == 1).then_some(100));
        }
        let all = accounts::table.select(accounts::balance);
        all.load::<i64>(&mut session).await.unwrap();
        withdraw(&mut session, 1, 30).await.unwrap();
        let returning = sql("UPDATE accounts SET balance = :b WHERE id = :id RETURNING balance")
            .bind("b", 5_i64)
            .bind("id", 2);
        returning
            .fetch_scalar_on::<i64>(&mut session)
            .await
            .unwrap();
        withdraw(&mut session, 1, 300).await.unwrap_err();
        session.batch_execute("SELECT 1").await.unwrap();
        let in_transaction = session.transaction(async |conn| {
            withdraw(conn, 1, 30).await?;
            balance(1).get_result::<i64>(conn).await
        });
        assert_eq!(in_transaction.await.unwrap(), 40);
        let recording = session.finish_recording();
        let recorded: Vec<_> = recording.statements.iter().map(shown).collect();
        let expected = [
            "select[1]: 1",
            "select[9]: 0",
            "select?: 2",
            "update[1]: 0",
            "update[2]: 1",
            "update[1]: unread",
            "select?: 0",
            "update[1]: 0",
            "select[1]: 1",
        ];
        assert_eq!(recorded, expected);
    }
}

#[tokio::test]
async fn rows_that_nobody_read_to_the_end_are_not_counted() {
    let observed = Observed::start().await;
    let mut session = observed.session().await;
    session.start_recording();
    let many = diesel::sql_query(
        "SELECT n::int AS id, 0::bigint AS balance FROM generate_series(1, 100000) n",
    );
    let mut rows = many.load_stream::<Account>(&mut session).await.unwrap();
    assert_eq!(rows.try_next().await.unwrap().unwrap().id, 1);
    drop(rows);
    let recording = session.finish_recording();
    let recorded: Vec<_> = recording.statements.iter().map(shown).collect();
    assert_eq!(recorded, ["select?: unread"]);
    // What ends after a recording belongs to no other one.
    session.start_recording();
    session.batch_execute("SELECT 1").await.unwrap();
    assert_eq!(session.finish_recording().statements.len(), 1);
}

#[derive(QueryableByName)]
#[diesel(table_name = accounts)]
struct Account {
    id: i32,
    #[expect(dead_code, reason = "the table has it")]
    balance: i64,
}
