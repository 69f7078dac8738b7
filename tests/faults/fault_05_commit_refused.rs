//! COMMIT answers with an error.

use diesel_async::RunQueryDsl;
use larder_database::{ErrorClass, ErrorKind};

use crate::support::{accounts, backend, balance, open, withdraw};

#[tokio::test]
async fn fault_05_the_error_of_commit_is_the_cause_and_the_pool_goes_on() {
    let test = accounts().await;
    test.database()
        .sql(
            "CREATE TABLE owners (account int REFERENCES accounts \
             DEFERRABLE INITIALLY DEFERRED)",
        )
        .execute()
        .await
        .unwrap();
    let db = open(&test, |options| options.pool.size = 1).await;
    let before = backend(&mut db.session().await.unwrap()).await;

    let error = db
        .transaction(async |conn| {
            withdraw(conn, 1, 30).await?;
            diesel::sql_query("INSERT INTO owners VALUES (9)")
                .execute(conn)
                .await
        })
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Pool(larder_pool::ErrorKind::CommitRefused)
    );
    assert_eq!(error.sql_state().unwrap().as_str(), "23503");
    assert_eq!(error.class(), ErrorClass::Constraint);
    assert_eq!(error.constraint(), Some("owners_account_fkey"));
    assert_eq!(balance(&db, 1).await, 100);

    db.transaction(async |conn| withdraw(conn, 1, 30).await)
        .await
        .unwrap();
    assert_eq!(balance(&db, 1).await, 70);
    // Nothing was wrong with the connection.
    assert_eq!(backend(&mut db.session().await.unwrap()).await, before);
}
