//! Installing: once, at the same time, by those who may not, beside another version.

use larder_database::{CacheMode, Error, ErrorKind};

use super::{Role, plain, with_log, without_log};
use crate::support::open;

#[tokio::test]
async fn the_second_time_nothing_changes() {
    let test = with_log().await;
    let before = test.database().log_status().await.unwrap();
    assert!(before.present && before.rights.is_empty());
    assert_eq!(before.version, Some(1));
    before.check().unwrap();
    assert!(!test.database().install_log().await.unwrap());
    let after = test.database().log_status().await.unwrap();
    assert_eq!(after.epoch, before.epoch);
    test.database().check_log().await.unwrap();
}

#[tokio::test]
async fn of_those_that_start_at_the_same_time_one_installs() {
    let test = without_log().await;
    let other = open(&test, |options| options.cache.mode = CacheMode::Local).await;
    let (one, two, three) = tokio::join!(
        test.database().install_log(),
        other.install_log(),
        other.install_log()
    );
    let made = [one.unwrap(), two.unwrap(), three.unwrap()];
    assert_eq!(made.iter().filter(|made| **made).count(), 1, "{made:?}");
}

#[tokio::test]
async fn without_a_log_the_error_names_the_command() {
    let test = without_log().await;
    let status = test.database().log_status().await.unwrap();
    assert!(!status.present);
    assert_eq!(status.epoch, None);
    let error = test.database().check_log().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LogMissing);
    let text = error.to_string();
    assert!(text.contains("`larder cache install`"), "{text}");
    assert!(text.contains("cache.mode"), "{text}");
}

#[tokio::test]
async fn a_role_without_rights_is_told_which_it_needs() {
    let test = without_log().await;
    let role = Role::create(&test).await;
    let db = role.open().await;
    let error = db.install_log().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LogRights);
    let text = error.to_string();
    let grant = format!(
        "GRANT CREATE ON DATABASE {} TO {}",
        test.url().rsplit('/').next().unwrap(),
        role.name
    );
    assert!(text.contains(&grant), "{text}");
    // The cure cures.
    plain(&test).await.batch_execute(&grant).await.unwrap();
    assert!(db.install_log().await.unwrap());
    db.check_log().await.unwrap();
    role.remove().await;
}

#[tokio::test]
async fn the_schema_of_another_role_is_not_built_upon() {
    let test = without_log().await;
    let role = Role::create(&test).await;
    plain(&test)
        .await
        .batch_execute(&format!(
            "CREATE SCHEMA larder; GRANT ALL ON SCHEMA larder TO {}",
            role.name
        ))
        .await
        .unwrap();
    let db = role.open().await;
    let text = db.install_log().await.unwrap_err().to_string();
    assert!(text.contains("ALTER SCHEMA larder OWNER TO"), "{text}");
    role.remove().await;
}

#[tokio::test]
async fn the_log_of_a_newer_larder_is_refused() {
    let test = with_log().await;
    plain(&test)
        .await
        .batch_execute("UPDATE larder.epoch SET version = 2")
        .await
        .unwrap();
    for error in [
        test.database().install_log().await.unwrap_err(),
        test.database().check_log().await.unwrap_err(),
    ] {
        assert!(
            matches!(error, Error::LogVersion { found: 2, .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains("update Larder"), "{error}");
    }
}

#[tokio::test]
async fn a_schema_that_was_restored_without_data_gets_its_row_back() {
    let test = with_log().await;
    plain(&test)
        .await
        .batch_execute("DELETE FROM larder.epoch")
        .await
        .unwrap();
    let error = test.database().check_log().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LogMissing);
    assert!(test.database().install_log().await.unwrap());
    test.database().check_log().await.unwrap();
}

#[tokio::test]
async fn after_a_restore_the_epoch_is_new_and_rows_of_another_server_are_gone() {
    let test = with_log().await;
    let client = plain(&test).await;
    client
        .batch_execute(
            "INSERT INTO larder.invalidation (xid, format, touched) \
             VALUES ('99999999999', 1, '{16384}'), (DEFAULT, 1, '{16385}'); \
             UPDATE larder.epoch SET horizon = '99999999999'",
        )
        .await
        .unwrap();
    let before = test.database().log_status().await.unwrap();
    assert_eq!(
        (before.rows, before.newest),
        (Some(2), Some(99_999_999_999))
    );
    client
        .batch_execute("SELECT larder.renew_epoch()")
        .await
        .unwrap();
    let after = test.database().log_status().await.unwrap();
    assert_ne!(after.epoch, before.epoch);
    assert_eq!(after.rows, Some(1));
    assert!(after.horizon.unwrap() < 99_999_999_999);
}
