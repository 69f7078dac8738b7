//! Statements before they are sent: each of a user's once, and no other.

use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::Integer;
use diesel_async::{RunQueryDsl, SaveChangesDsl, SimpleAsyncConnection};
use futures::TryStreamExt;
use larder_database::sql;
use larder_pool::{Connection, OwnedQuery};

use super::{CALLER, Observed, ROW};
use crate::support::{accounts, withdraw};

#[derive(Identifiable, AsChangeset, Queryable)]
#[diesel(table_name = accounts)]
struct Account {
    id: i32,
    balance: i64,
}

/// Runs a statement on every path that there is; gives what is told of each.
async fn on_every_path(conn: &mut Connection, observed: &Observed) -> Vec<&'static str> {
    let find = || accounts::table.find(1);
    let mut expected = Vec::new();
    find().get_result::<(i32, i64)>(conn).await.unwrap();
    expected.push("select[1]");
    withdraw(conn, 1, 1).await.unwrap();
    expected.push("update[1]");
    sql("SELECT :one::int")
        .bind("one", 1)
        .fetch_scalar_on::<i32>(conn)
        .await
        .unwrap();
    expected.push("select[1]");
    diesel::sql_query("DELETE FROM accounts WHERE id = $1")
        .bind::<Integer, _>(9)
        .execute(conn)
        .await
        .unwrap();
    expected.push("delete[9]");
    conn.batch_execute("SET work_mem = '4MB'").await.unwrap();
    expected.push("set");
    let query = || OwnedQuery::of(&find(), &observed.pool).unwrap();
    let rows = conn.load_owned(query()).await.unwrap();
    rows.try_collect::<Vec<_>>().await.unwrap();
    expected.push("select[1]");
    let (_, rows) = conn.load_owned_as_of(query()).await.unwrap();
    rows.try_collect::<Vec<_>>().await.unwrap();
    expected.push("select[1]");
    let mut stream = find().load_stream::<(i32, i64)>(conn).await.unwrap();
    while stream.try_next().await.unwrap().is_some() {}
    drop(stream);
    expected.push("select[1]");
    let account = Account { id: 1, balance: 50 };
    SaveChangesDsl::<Connection>::save_changes::<Account>(&account, conn)
        .await
        .unwrap();
    expected.push("update[1]");
    conn.batch_execute("COPY (SELECT 1) TO '/dev/null'")
        .await
        .unwrap();
    expected.push("copy");
    diesel::sql_query("DECLARE held CURSOR WITH HOLD FOR SELECT 1")
        .execute(conn)
        .await
        .unwrap();
    expected.push("declare");
    diesel::sql_query("FETCH held").execute(conn).await.unwrap();
    expected.push("fetch");
    expected
}

/// What is told at the beginning of statements on every path, in the same words at the end of each.
fn lines(expected: &[&str], ending: &str) -> Vec<String> {
    let line = |statement: &&str| format!("begins {statement}{ending}");
    expected.iter().map(line).collect()
}

#[tokio::test]
async fn each_is_told_once_on_every_path() {
    let observed = Observed::start().await;
    let mut session = observed.session().await;
    let expected = on_every_path(&mut session, &observed).await;
    let told = observed.witness.take(&["begins"]);
    assert_eq!(told, lines(&expected, ""));
}

#[tokio::test]
async fn so_it_is_in_a_transaction_and_with_companions() {
    let observed = Observed::start_with(Some(ROW)).await;
    let ran = observed.pool.transaction(async |conn| {
        let expected = on_every_path(conn, &observed).await;
        conn.transaction(async |conn| withdraw(conn, 2, 1).await)
            .await?;
        let given_up = conn.transaction(async |conn| {
            withdraw(conn, 2, 1).await?;
            Err::<(), _>(DieselError::RollbackTransaction)
        });
        given_up.await.unwrap_err();
        Ok::<_, DieselError>([&expected[..], &["update[2]", "update[2]"]].concat())
    });
    let expected = ran.await.unwrap();
    let told = observed.witness.take(&["begins"]);
    assert_eq!(told, lines(&expected, " in a transaction"));

    // By themselves, on the same connection: what was changed of its session is undone.
    let mut session = observed.session().await;
    let expected = on_every_path(&mut session, &observed).await;
    let told = observed.witness.take(&["begins"]);
    assert_eq!(told, lines(&expected, ""));
}

#[tokio::test]
async fn it_is_told_before_anything_is_sent() {
    let observed = Observed::start_with(Some(ROW)).await;
    let mut session = observed.session().await;
    withdraw(&mut session, 1, 1).await.unwrap();
    let kinds = ["begins", "asked", "ended"];
    let all = ["begins update[1]", "asked update[1]", "ended update"];
    assert_eq!(observed.witness.take(&kinds), all);
    // What cannot be prepared begins too.
    let wrong = diesel::sql_query("SELECT nothing FROM nowhere");
    wrong.execute(&mut session).await.unwrap_err();
    let all = ["begins select", "ended select"];
    assert_eq!(observed.witness.take(&kinds), all);
    // What nobody has begun to wait for does not.
    drop(withdraw(&mut session, 1, 1));
    let unread = session.batch_execute("SELECT 1");
    drop(unread);
    assert_eq!(observed.witness.take(&kinds), [] as [&str; 0]);
}

#[tokio::test]
async fn the_observer_is_in_the_task_of_the_caller() {
    let observed = Observed::start_with(Some(ROW)).await;
    let run = async {
        let mut session = observed.session().await;
        session.batch_execute("SELECT 1").await.unwrap();
        let written = session.transaction(async |conn| withdraw(conn, 1, 1).await);
        written.await.unwrap();
        let given_up = session.transaction(async |conn| {
            withdraw(conn, 2, 1).await?;
            Err::<(), _>(DieselError::RollbackTransaction)
        });
        given_up.await.unwrap_err();
    };
    CALLER.scope("it", run).await;
    let told = observed.witness.take(&["begins", "transaction"]);
    let all = [
        "begins select by it",
        "transaction Began by it",
        "begins update[1] in a transaction by it",
        "transaction Committed by it",
        "transaction Began by it",
        "begins update[2] in a transaction by it",
        "transaction RolledBack by it",
    ];
    assert_eq!(told, all);
}

#[tokio::test]
async fn after_the_search_path_was_changed_names_are_unclear() {
    let observed = Observed::start().await;
    let mut session = observed.session().await;
    for text in ["SELECT 1", "SET search_path = elsewhere", "SELECT 1"] {
        session.batch_execute(text).await.unwrap();
    }
    drop(session);
    // Restored, it means what it meant.
    let mut session = observed.session().await;
    session.batch_execute("SELECT 1").await.unwrap();
    // Of several in one text the first ones are over when the last one begins.
    let text = "SET search_path = elsewhere; SELECT 1";
    session.batch_execute(text).await.unwrap();
    let mut told = observed.witness.take(&["begins"]);
    let last = told.pop().unwrap();
    assert!(last.ends_with(", unclear"), "{last}");
    let all = [
        "begins select",
        "begins set",
        "begins select, unclear",
        "begins select",
    ];
    assert_eq!(told, all);
}
