//! Each write makes what it affects fresh at once, and nothing else of what is read.

use larder_services::import::reviews::{InspectionReader, ReviewImport};
use larder_services::import::{Import, RestaurantReader};
use larder_services::restaurants::{NewRestaurant, RestaurantChanges, RestaurantStatus};
use larder_services::reviews::{NewReview, Rating, ReviewChanges, ReviewStatus};
use larder_services::users::{PasswordHash, UserChanges};

use crate::directory::{Directory, harbor};
use crate::support::user;

#[tokio::test]
async fn a_write_of_restaurants_makes_reads_fresh() {
    let directory = Directory::start().await;
    let restaurants = &directory.services.restaurants;
    let id = directory.restaurant;
    let another = NewRestaurant {
        source_id: None,
        ..harbor()
    };
    let changed = directory.changed_by(restaurants.create(another)).await;
    assert_eq!(changed, ["all", "cuisines", "nearby", "search"]);
    let changes = RestaurantChanges {
        hours: Some(Some("always".to_owned())),
        ..RestaurantChanges::default()
    };
    let changed = directory.changed_by(restaurants.update(id, changes)).await;
    assert_eq!(changed, ["nearby", "restaurant", "search"]);
    let hidden = [
        "all",
        "cuisines",
        "nearby",
        "page",
        "restaurant",
        "reviews",
        "search",
    ];
    for status in [RestaurantStatus::Closed, RestaurantStatus::Active] {
        let changed = directory
            .changed_by(restaurants.set_status(id, status))
            .await;
        assert_eq!(changed, hidden, "{status}");
    }
    let gone = [
        "all",
        "cuisines",
        "nearby",
        "one",
        "page",
        "restaurant",
        "reviews",
        "search",
    ];
    assert_eq!(directory.changed_by(restaurants.delete(id)).await, gone);
    assert_eq!(directory.changed_by(restaurants.restore(id)).await, gone);
    let csv = "source_id,name\nharbor,Old Noodle House\n";
    let reader = RestaurantReader::new(csv.as_bytes(), "test.csv").unwrap();
    let import = restaurants.import(Import::from_csv(reader)).run();
    let changed = directory.changed_by(import).await;
    assert_eq!(changed, ["nearby", "restaurant", "search"]);
}

#[tokio::test]
async fn a_write_of_reviews_makes_reads_fresh() {
    let directory = Directory::start().await;
    let Directory {
        services, review, ..
    } = &directory;
    let (reviews, review) = (&services.reviews, *review);
    let counted = [
        "all",
        "cuisines",
        "one",
        "page",
        "restaurant",
        "reviews",
        "user",
    ];
    let shown = || {
        let mut names = counted.to_vec();
        names.extend(["review"]);
        names.sort_unstable();
        names
    };
    let new = NewReview {
        status: ReviewStatus::Approved,
        ..NewReview::rated(
            directory.restaurant,
            directory.reviewer,
            Rating::new(1).unwrap(),
        )
    };
    assert_eq!(directory.changed_by(reviews.add(new)).await, counted);
    let changes = ReviewChanges {
        rating: Some(Rating::BEST),
        ..ReviewChanges::default()
    };
    // It is pending again. The newer one is alone on its page, and now there is no other.
    assert_eq!(
        directory.changed_by(reviews.edit(review, changes)).await,
        shown()
    );
    let approved = reviews.moderate(review, ReviewStatus::Approved);
    assert_eq!(directory.changed_by(approved).await, shown());
    let csv = "restaurant_source_id,date,grade\nharbor,2026-01-01,A\n";
    let reader = InspectionReader::new(csv.as_bytes(), "test.csv").unwrap();
    let reader = reader.by(directory.reviewer);
    let import = reviews.import(ReviewImport::from_inspections(reader)).run();
    let imported: Vec<_> = counted.into_iter().filter(|name| *name != "page").collect();
    assert_eq!(directory.changed_by(import).await, imported);
    let removed: Vec<_> = shown().into_iter().filter(|name| *name != "page").collect();
    assert_eq!(directory.changed_by(reviews.remove(review)).await, removed);
}

#[tokio::test]
async fn a_write_of_users_makes_reads_fresh() {
    let directory = Directory::start().await;
    let users = &directory.services.users;
    let id = directory.reviewer;
    assert!(
        directory
            .changed_by(users.create(user("bob")))
            .await
            .is_empty()
    );
    let changes = UserChanges {
        username: Some("ada.l".parse().unwrap()),
        password_hash: Some(PasswordHash::new("another").unwrap()),
        ..UserChanges::default()
    };
    // The name is shown with the reviews.
    let changed = directory.changed_by(users.update(id, changes)).await;
    assert_eq!(changed, ["login", "page", "reviews", "user"]);
    let changed = directory
        .changed_by(users.verify(id, "ada@example.com"))
        .await;
    assert_eq!(changed, ["login", "user"]);
    assert_eq!(directory.changed_by(users.record_login(id)).await, ["user"]);
    assert_eq!(
        directory.changed_by(users.deactivate(id)).await,
        ["login", "user"]
    );
    assert_eq!(
        directory.changed_by(users.reactivate(id)).await,
        ["login", "user"]
    );
}
