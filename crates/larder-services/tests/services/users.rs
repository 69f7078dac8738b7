//! Users: finding, creating and changing them, and what a login needs.

use larder_services::inputs::{DisplayName, Email, Username};
use larder_services::restaurants::NewRestaurant;
use larder_services::reviews::ReviewStatus;
use larder_services::users::{NewUser, PasswordHash, UserChanges};
use larder_services::{Error, ErrorKind, UserId};

use crate::support::{Services, assert_not_found, user};

fn assert_taken<T: std::fmt::Debug>(outcome: Result<T, Error>, field: &str) {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    match error {
        Error::Conflict { field: taken, .. } => assert_eq!(taken, field),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_new_user_is_active_and_not_verified() {
    let services = Services::start().await;
    let new = user("ada").with_display_name("Ada").unwrap();
    let created = services.users.create(new).await.unwrap();
    assert_eq!(created.username, "ada");
    assert_eq!(created.email, "ada@example.com");
    assert_eq!(created.display_name.as_deref(), Some("Ada"));
    assert!(created.is_active && !created.is_verified);
    assert_eq!(created.last_login, None);
    assert_eq!(created.created_at, created.updated_at);

    let detail = services.users.by_id(created.id).await.unwrap().unwrap();
    assert_eq!((&detail.user, detail.review_count), (&created, 0));
    assert_eq!(services.users.by_id(UserId(0)).await.unwrap(), None);
    let json = serde_json::to_string(&detail).unwrap();
    assert!(
        json.contains("ada@example.com") && !json.contains("hash"),
        "{json}"
    );
}

#[tokio::test]
async fn a_users_approved_reviews_count_and_no_others() {
    let services = Services::start().await;
    let restaurant = services.create(NewRestaurant::named("Corner Bakery")).await;
    let (ada, bob) = (services.user("ada").await.id, services.user("bob").await.id);
    for (by, status) in [
        (ada, ReviewStatus::Approved),
        (ada, ReviewStatus::Approved),
        (ada, ReviewStatus::Pending),
        (ada, ReviewStatus::Rejected),
        (bob, ReviewStatus::Approved),
    ] {
        services.review(restaurant, by, 4, status).await;
    }
    let detail = services.users.by_id(ada).await.unwrap().unwrap();
    assert_eq!(detail.review_count, 2);
}

#[tokio::test]
async fn a_name_or_an_address_that_is_taken_is_a_conflict() {
    let services = Services::start().await;
    services.user("ada").await;
    let bob = services.user("bob").await.id;
    let hash = || PasswordHash::new("x").unwrap();
    let users = &services.users;

    let new = NewUser::new("ada", "other@example.com", hash()).unwrap();
    assert_taken(users.create(new).await, "username");
    let new = NewUser::new("other", "ADA@Example.com", hash()).unwrap();
    assert_taken(users.create(new).await, "email");
    assert_eq!(services.number("SELECT count(*) FROM users").await, 2);

    let changes = UserChanges {
        username: Username::new("ada").ok(),
        ..UserChanges::default()
    };
    assert_taken(users.update(bob, changes).await, "username");
    let changes = UserChanges {
        email: Email::new("Ada@example.com").ok(),
        ..UserChanges::default()
    };
    assert_taken(users.update(bob, changes).await, "email");
}

#[tokio::test]
async fn a_login_finds_an_active_user_with_the_hash() {
    let services = Services::start().await;
    let users = &services.users;
    let ada = services.user("ada").await;
    services.user("bob").await;

    let found = users.by_email(" ADA@example.COM").await.unwrap().unwrap();
    assert_eq!(found.user, ada);
    assert_eq!(found.password_hash.expose(), "hash of ada");
    assert!(!format!("{found:?}").contains("hash of"));
    assert_eq!(users.by_email("nobody@example.com").await.unwrap(), None);
    assert_eq!(users.by_email("%@example.com").await.unwrap(), None);
    let error = users.by_email("nowhere").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);

    users.deactivate(ada.id).await.unwrap();
    assert_eq!(users.by_email("ada@example.com").await.unwrap(), None);
    users.reactivate(ada.id).await.unwrap();
    assert!(users.by_email("ada@example.com").await.unwrap().is_some());
}

#[tokio::test]
async fn a_login_is_recorded_for_an_active_user_alone() {
    let services = Services::start().await;
    let users = &services.users;
    let ada = services.user("ada").await;
    let first = users.record_login(ada.id).await.unwrap();
    assert!(first.last_login > Some(ada.created_at));
    assert_eq!(first.last_login, Some(first.updated_at));
    let second = users.record_login(ada.id).await.unwrap();
    assert!(second.last_login > first.last_login);

    let inactive = users.deactivate(ada.id).await.unwrap();
    assert!(!inactive.is_active && inactive.updated_at > second.updated_at);
    assert_not_found(users.record_login(ada.id).await, "active user", ada.id);
    let detail = users.by_id(ada.id).await.unwrap().unwrap();
    assert_eq!(detail.user, inactive);
}

#[tokio::test]
async fn only_what_is_named_changes() {
    let services = Services::start().await;
    let users = &services.users;
    let new = user("ada").with_display_name("Ada").unwrap();
    let before = users.create(new).await.unwrap();
    let bob = services.user("bob").await;

    let changes = UserChanges {
        password_hash: PasswordHash::new("another").ok(),
        display_name: Some(DisplayName::new("Ada L.").ok()),
        ..UserChanges::default()
    };
    let after = users.update(before.id, changes).await.unwrap();
    assert!(after.updated_at > before.updated_at);
    let mut expected = before.clone();
    expected.display_name = Some("Ada L.".to_owned());
    expected.updated_at = after.updated_at;
    assert_eq!(after, expected);
    let found = users.by_email("ada@example.com").await.unwrap().unwrap();
    assert_eq!(found.password_hash.expose(), "another");

    let changes = UserChanges {
        username: Username::new("lovelace").ok(),
        display_name: Some(None),
        ..UserChanges::default()
    };
    let after = users.update(before.id, changes).await.unwrap();
    assert_eq!(
        (after.username.as_str(), after.display_name),
        ("lovelace", None)
    );
    assert_eq!(users.by_id(bob.id).await.unwrap().unwrap().user, bob);
}

#[tokio::test]
async fn an_address_is_verified_for_as_long_as_it_is_the_same() {
    let services = Services::start().await;
    let users = &services.users;
    let ada = services.user("ada").await;
    let address = |email: &str| UserChanges {
        email: Email::new(email).ok(),
        ..UserChanges::default()
    };
    let verified = users.verify(ada.id, "Ada@example.com").await.unwrap();
    assert!(verified.is_verified && verified.updated_at > ada.updated_at);

    // Neither another change nor another spelling makes it another address.
    let after = users.update(ada.id, UserChanges::default()).await.unwrap();
    assert!(after.is_verified);
    let after = users
        .update(ada.id, address("ADA@example.com"))
        .await
        .unwrap();
    assert_eq!(
        (after.email.as_str(), after.is_verified),
        ("ADA@example.com", true)
    );

    let after = users
        .update(ada.id, address("ada@other.example"))
        .await
        .unwrap();
    assert!(!after.is_verified);
    let late = users.verify(ada.id, "ada@example.com").await;
    assert_not_found(late, "user with this address", ada.id);
    assert!(!users.by_id(ada.id).await.unwrap().unwrap().user.is_verified);
    // An address that was never verified stays so.
    let after = users
        .update(ada.id, address("ADA@other.example"))
        .await
        .unwrap();
    assert!(!after.is_verified);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let services = Services::start().await;
    let users = &services.users;
    let id = UserId(7);
    assert_not_found(users.update(id, UserChanges::default()).await, "user", 7);
    assert_not_found(users.deactivate(id).await, "user", 7);
    assert_not_found(users.reactivate(id).await, "user", 7);
    assert_not_found(users.record_login(id).await, "active user", 7);
    let verified = users.verify(id, "a@example.com").await;
    assert_not_found(verified, "user with this address", 7);
}

#[tokio::test]
async fn futures_may_move_between_threads() {
    let services = Services::start().await;
    let users = services.users.clone();
    let task = tokio::spawn(async move {
        let id = users.create(user("ada")).await?.id;
        users.verify(id, "ada@example.com").await?;
        users.update(id, UserChanges::default()).await?;
        users.by_email("ada@example.com").await?;
        users.record_login(id).await?;
        users.by_id(id).await
    });
    assert!(task.await.unwrap().unwrap().is_some());
}
