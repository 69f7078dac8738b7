//! The reviews of a restaurant.

use larder_services::inputs::Cursor;
use larder_services::restaurants::{NewRestaurant, RestaurantStatus};
use larder_services::reviews::{NewReview, PublishedReview, Rating, ReviewStatus};
use larder_services::{Error, ErrorKind, RestaurantId, ReviewId};

use crate::support::{Services, user};

fn ids(found: &[PublishedReview]) -> Vec<ReviewId> {
    found.iter().map(|review| review.id).collect()
}

#[tokio::test]
async fn a_review_is_shown_with_who_wrote_it() {
    let services = Services::start().await;
    let restaurant = services.create(NewRestaurant::named("Corner Bakery")).await;
    let new = user("ada").with_display_name("Ada L.").unwrap();
    let ada = services.users.create(new).await.unwrap();
    let bob = services.user("bob").await;
    let new = NewReview {
        title: Some("Warm bread".to_owned()),
        comment: Some("Go early.".to_owned()),
        status: ReviewStatus::Approved,
        ..NewReview::rated(restaurant, ada.id, Rating::new(5).unwrap())
    };
    let added = services.reviews.add(new).await.unwrap();
    services
        .review(restaurant, bob.id, 2, ReviewStatus::Approved)
        .await;

    let found = services
        .reviews
        .of_restaurant(restaurant)
        .load()
        .await
        .unwrap();
    let by_ada = &found[1];
    assert_eq!((by_ada.id, by_ada.rating.get()), (added.id, 5));
    assert_eq!(by_ada.title.as_deref(), Some("Warm bread"));
    assert_eq!(by_ada.comment.as_deref(), Some("Go early."));
    assert_eq!(by_ada.created_at, added.created_at);
    assert_eq!(by_ada.reviewer.id, ada.id);
    assert_eq!(by_ada.reviewer.username, "ada");
    assert_eq!(by_ada.reviewer.display_name.as_deref(), Some("Ada L."));
    let by_bob = &found[0];
    assert_eq!(
        (by_bob.rating.get(), &by_bob.title, &by_bob.comment),
        (2, &None, &None)
    );
    assert_eq!(
        (
            by_bob.reviewer.username.as_str(),
            &by_bob.reviewer.display_name
        ),
        ("bob", &None)
    );

    // Who may log in no more has written what was written.
    services.users.deactivate(bob.id).await.unwrap();
    let again = services
        .reviews
        .of_restaurant(restaurant)
        .load()
        .await
        .unwrap();
    assert_eq!(again, found);
}

#[tokio::test]
async fn only_approved_reviews_of_the_restaurant_are_shown() {
    let services = Services::start().await;
    let restaurant = services.create(NewRestaurant::named("Corner Bakery")).await;
    let other = services.create(NewRestaurant::named("Blue Mango")).await;
    let ada = services.user("ada").await.id;
    let shown = services
        .review(restaurant, ada, 4, ReviewStatus::Approved)
        .await;
    services
        .review(restaurant, ada, 1, ReviewStatus::Pending)
        .await;
    services
        .review(restaurant, ada, 1, ReviewStatus::Rejected)
        .await;
    services.review(other, ada, 1, ReviewStatus::Approved).await;
    let found = services
        .reviews
        .of_restaurant(restaurant)
        .load()
        .await
        .unwrap();
    assert_eq!(ids(&found), [shown]);
}

#[tokio::test]
async fn a_restaurant_that_is_not_shown_has_none() {
    let services = Services::start().await;
    let restaurant = services.create(NewRestaurant::named("Corner Bakery")).await;
    let ada = services.user("ada").await.id;
    services
        .review(restaurant, ada, 4, ReviewStatus::Approved)
        .await;
    let shown = async || {
        services
            .reviews
            .of_restaurant(restaurant)
            .load()
            .await
            .unwrap()
            .len()
    };
    assert_eq!(shown().await, 1);
    for status in RestaurantStatus::ALL {
        services
            .restaurants
            .set_status(restaurant, *status)
            .await
            .unwrap();
        assert_eq!(
            shown().await == 1,
            *status == RestaurantStatus::Active,
            "{status}"
        );
    }
    services
        .restaurants
        .set_status(restaurant, RestaurantStatus::Active)
        .await
        .unwrap();
    services.restaurants.delete(restaurant).await.unwrap();
    assert_eq!(shown().await, 0);
    let absent = services
        .reviews
        .of_restaurant(RestaurantId(0))
        .load()
        .await
        .unwrap();
    assert_eq!(absent[..], []);
}

#[tokio::test]
async fn pages_are_newest_first_without_overlap_or_gap() {
    let services = Services::start().await;
    let restaurant = services.create(NewRestaurant::named("Corner Bakery")).await;
    let ada = services.user("ada").await.id;
    // Written at three times, in an order of their own: the id decides among those of one time.
    services
        .run_sql(format!(
            "INSERT INTO reviews (restaurant_id, user_id, rating, status, created_at)
            SELECT {restaurant}, {ada}, 3, 'approved',
                timestamptz '2026-01-01' + (number * 7 % 3) * interval '1 day'
            FROM generate_series(1, 50) AS number"
        ))
        .await;
    let all = services
        .reviews
        .of_restaurant(restaurant)
        .limit(1000)
        .load()
        .await
        .unwrap();
    let keys: Vec<_> = all
        .iter()
        .map(|review| (review.created_at, review.id))
        .collect();
    let mut sorted = keys.clone();
    sorted.sort_by(|left, right| right.cmp(left));
    assert_eq!((keys.len(), &keys), (50, &sorted));

    let default = services
        .reviews
        .of_restaurant(restaurant)
        .load()
        .await
        .unwrap();
    assert_eq!(default[..], all[..20]);
    let mut paged = Vec::new();
    for offset in (0..70).step_by(7) {
        let page = services
            .reviews
            .of_restaurant(restaurant)
            .limit(7)
            .offset(offset);
        paged.extend_from_slice(&page.load().await.unwrap());
    }
    assert_eq!(paged, all[..]);
    for limit in [1, 7, 10, 49, 50, 51] {
        assert_eq!(
            by_place(&services, restaurant, limit).await,
            all[..],
            "{limit}"
        );
    }
}

/// All reviews, page by page, each after the last of the one before.
async fn by_place(
    services: &Services,
    restaurant: RestaurantId,
    limit: u32,
) -> Vec<PublishedReview> {
    let mut read = Vec::new();
    let mut next: Option<Cursor> = None;
    loop {
        let mut reviews = services.reviews.of_restaurant(restaurant).limit(limit);
        if let Some(place) = next {
            // As it may come from a URL.
            reviews = reviews.after(place.to_string());
        }
        let page = reviews.load_page().await.unwrap();
        assert!(page.items.len() <= limit as usize);
        assert!(!page.items.is_empty(), "a page that is not needed");
        read.extend_from_slice(&page.items);
        assert!(read.len() <= 50, "a page that comes again");
        next = page.next;
        if next.is_none() {
            return read;
        }
    }
}

#[tokio::test]
async fn what_comes_and_goes_between_pages_moves_nothing() {
    let services = Services::start().await;
    let restaurant = services.create(NewRestaurant::named("Corner Bakery")).await;
    let ada = services.user("ada").await.id;
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(
            services
                .review(restaurant, ada, 4, ReviewStatus::Approved)
                .await,
        );
    }
    ids.reverse();
    let page = || services.reviews.of_restaurant(restaurant).limit(3);
    let first = page().load_page().await.unwrap();
    // A newer one, and the last of the first page is gone.
    services
        .review(restaurant, ada, 1, ReviewStatus::Approved)
        .await;
    services.reviews.remove(ids[2]).await.unwrap();
    let second = page().after(first.next.unwrap()).load_page().await.unwrap();
    let read: Vec<_> = first
        .items
        .iter()
        .chain(&*second.items)
        .map(|review| review.id)
        .collect();
    assert_eq!(read, ids);
    assert_eq!(second.next, None);
    // The list itself goes on after a place too.
    let rest = page()
        .after(first.next.unwrap())
        .offset(1)
        .load()
        .await
        .unwrap();
    assert_eq!(rest[..], second.items[1..]);
    let json = serde_json::to_value(&first).unwrap();
    assert_eq!(json["next"], first.next.unwrap().to_string());
    assert_eq!(json["items"][0]["id"], ids[0].0);
}

#[tokio::test]
async fn a_page_out_of_range_is_refused_before_the_database_is_asked() {
    let services = Services::start().await;
    services.run_sql("DROP TABLE reviews").await;
    let page = || services.reviews.of_restaurant(RestaurantId(7));
    for (input, outcome) in [
        ("limit", page().limit(0).load().await),
        ("limit", page().limit(1001).load().await),
        ("offset", page().offset(-1).load().await),
        ("offset", page().offset(100_001).load().await),
        ("cursor", page().after("yesterday").load().await),
    ] {
        match outcome {
            Err(Error::InvalidInput(fault)) => assert_eq!(fault.input(), input),
            other => panic!("{other:?}"),
        }
    }
    let error = page().offset(100_000).load().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Database, "{error}");
}
