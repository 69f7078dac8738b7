//! Using the log with no more rights than a service needs.

use larder_database::ErrorKind;

use super::{Role, connect, plain, with_log};

#[tokio::test]
async fn what_is_granted_is_enough_and_no_more() {
    let test = with_log().await;
    let role = Role::create(&test).await;
    test.database().grant_log(&role.name).await.unwrap();
    test.database().grant_log(&role.name).await.unwrap();
    let db = role.open().await;
    db.check_log().await.unwrap();
    assert_eq!(db.log_status().await.unwrap().rows, Some(0));
    let client = connect(&role.url).await;
    client
        .batch_execute(
            "INSERT INTO larder.invalidation (slot, format, touched) \
             VALUES ((floor(extract(epoch FROM clock_timestamp()) / 3600)::int8 + 1) % 3, 1, '{16384}') \
             RETURNING xid::text; \
             SELECT * FROM larder.invalidation; SELECT * FROM larder.epoch; \
             INSERT INTO larder.switch (target, enabled) VALUES ('all', false); \
             SELECT * FROM larder.switch",
        )
        .await
        .unwrap();
    let row = client
        .query_one("SELECT larder.prune()", &[])
        .await
        .unwrap();
    assert!(row.get::<_, bool>(0));
    assert_eq!(db.log_status().await.unwrap().rows, Some(0));
    for more in [
        "DELETE FROM larder.invalidation",
        "TRUNCATE larder.invalidation_0",
        "INSERT INTO larder.invalidation_0 (slot, format, touched) VALUES (0, 1, '{}')",
        "UPDATE larder.epoch SET horizon = '0'",
        "UPDATE larder.switch SET enabled = true",
        "SELECT larder.renew_epoch()",
        "CREATE TABLE larder.mine (n int)",
    ] {
        let error = client.batch_execute(more).await.unwrap_err();
        let state = error.code().unwrap().code().to_owned();
        assert_eq!(state, "42501", "{more}: {error}");
    }
    role.remove().await;
}

#[tokio::test]
async fn each_right_that_is_missing_comes_with_its_grant() {
    let test = with_log().await;
    let role = Role::create(&test).await;
    let db = role.open().await;
    let status = db.log_status().await.unwrap();
    assert!(status.present);
    assert_eq!((status.version, status.rows), (None, None));
    assert_eq!(status.rights.len(), 8);
    let error = db.check_log().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LogRights);
    let command = format!("`larder cache install --grant {}`", role.name);
    assert!(error.to_string().contains(&command), "{error}");
    assert_eq!(
        db.install_log().await.unwrap_err().kind(),
        ErrorKind::LogRights
    );
    // One after the other they cure, and the last one cures it all.
    let client = plain(&test).await;
    for (cured, missing) in status.rights.iter().enumerate() {
        assert!(error.to_string().contains(&missing.grant), "{error}");
        assert!(db.check_log().await.is_err());
        client.batch_execute(&missing.grant).await.unwrap();
        let left = db.log_status().await.unwrap().rights;
        assert_eq!(left, status.rights[cured + 1..]);
    }
    db.check_log().await.unwrap();
    assert!(!db.install_log().await.unwrap());
    role.remove().await;
}

#[tokio::test]
async fn a_role_that_is_not_there_or_a_log_that_is_not_there_is_an_error() {
    let test = with_log().await;
    let error = test.database().grant_log("no\" one").await.unwrap_err();
    assert!(error.to_string().contains("no\" one"), "{error}");
    let client = plain(&test).await;
    client
        .batch_execute("DROP SCHEMA larder CASCADE")
        .await
        .unwrap();
    let error = test.database().grant_log("postgres").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LogMissing);
}
