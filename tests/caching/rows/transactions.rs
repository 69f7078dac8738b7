//! Rows that are written in transactions: those that were kept count, when they are.

use larder_database::{Database, Error};

use super::{add, add_on, assert_right, balance, hit, is_kept, keep, with};

const MORE: &str = "INSERT INTO accounts SELECT n, 100 FROM generate_series(3, 6) n";

#[tokio::test]
async fn a_transaction_takes_effect_when_it_commits() {
    let (_test, db) = with(MORE).await;
    keep(&db, &[1, 2]).await;
    let mut session = db.session().await.unwrap();
    session
        .transaction(async |conn| {
            add_on(conn, 1, 5).await?;
            assert_eq!(hit(&db, elsewhere(&db, 1)).await, (true, Some(100)));
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    assert_eq!(hit(&db, balance(&db, 1)).await, (false, Some(105)));
    assert!(is_kept(&db, 2).await);
}

/// A read of another task: the one that writes may read nothing from the cache.
async fn elsewhere(db: &Database, id: i32) -> Option<i64> {
    let db = db.clone();
    let read = tokio::spawn(async move { balance(&db, id).await });
    read.await.unwrap()
}

#[tokio::test]
async fn what_is_rolled_back_was_never_written() {
    let (_test, db) = with(MORE).await;
    keep(&db, &[1, 2]).await;
    let rolled_back = db
        .transaction(async |conn| {
            add_on(conn, 1, 5).await?;
            Err::<(), _>(Error::NotFound)
        })
        .await;
    assert!(rolled_back.is_err());
    assert!(is_kept(&db, 1).await && is_kept(&db, 2).await);
    assert_right(&db, 1..3, "a rollback").await;
}

#[tokio::test]
async fn savepoints_that_are_kept_count_and_others_do_not() {
    let (_test, db) = with(MORE).await;
    keep(&db, &[1, 2, 3, 4, 5, 6]).await;
    db.transaction(async |conn| {
        add_on(conn, 1, 5).await?;
        conn.transaction(async |conn| {
            add_on(conn, 2, 5).await?;
            let lost = conn
                .transaction(async |conn| {
                    add_on(conn, 3, 5).await?;
                    Err::<(), _>(Error::NotFound)
                })
                .await;
            assert!(lost.is_err());
            Ok::<_, Error>(())
        })
        .await?;
        let lost = conn
            .transaction(async |conn| {
                add_on(conn, 4, 5).await?;
                conn.transaction(async |conn| add_on(conn, 5, 5).await)
                    .await?;
                Err::<(), _>(Error::NotFound)
            })
            .await;
        assert!(lost.is_err());
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
    for id in [3, 4, 5, 6] {
        assert!(is_kept(&db, id).await, "account {id} was not written");
    }
    for id in [1, 2] {
        assert_eq!(hit(&db, balance(&db, id)).await, (false, Some(105)));
    }
    assert_right(&db, 1..=6, "savepoints").await;
}

#[tokio::test]
async fn a_row_and_its_table_in_one_transaction() {
    let (_test, db) = with(MORE).await;
    keep(&db, &[1, 2, 3]).await;
    db.transaction(async |conn| {
        add_on(conn, 1, 5).await?;
        let all = larder_database::sql("UPDATE accounts SET balance = 7 WHERE balance > 100");
        all.execute_on(conn).await?;
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
    for id in [1, 2, 3] {
        assert!(!is_kept(&db, id).await, "account {id}");
    }
    assert_eq!(balance(&db, 1).await, Some(7));
}

#[tokio::test]
async fn a_prepared_statement_that_runs_again_names_other_rows() {
    let (_test, db) = with(MORE).await;
    keep(&db, &[1, 2, 3]).await;
    db.transaction(async |conn| {
        for id in [1, 2, 1] {
            add_on(conn, id, 1).await?;
        }
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
    assert!(is_kept(&db, 3).await);
    assert_eq!(hit(&db, balance(&db, 1)).await, (false, Some(102)));
    assert_eq!(hit(&db, balance(&db, 2)).await, (false, Some(101)));
    add(&db, 3, 1).await;
    assert!(is_kept(&db, 1).await && is_kept(&db, 2).await);
    assert!(!is_kept(&db, 3).await);
}
