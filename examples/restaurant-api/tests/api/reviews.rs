//! Writing reviews and reading them.

use serde_json::{Value, json};

use crate::support::Api;

#[tokio::test]
async fn a_review_is_there_at_once_and_counts() {
    let api = Api::start().await;
    let guest = restaurant_api::guest(&api.larder).await.unwrap();
    assert_eq!(restaurant_api::guest(&api.larder).await.unwrap(), guest);
    let restaurant = api
        .create("/restaurants", json!({"name": "Harbor Noodle House"}))
        .await;
    let target = format!("/restaurants/{}", restaurant["id"]);
    let reviews = format!("{target}/reviews");
    assert_eq!(api.get(&reviews).await.json(), json!([]));

    for (rating, title) in [(5, "Well worth the wait"), (2, "Too loud")] {
        let input = json!({"user_id": guest.id, "rating": rating, "title": title});
        let review = api.create(&reviews, input).await;
        assert_eq!(review["rating"], rating);
        assert_eq!(review["restaurant_id"], restaurant["id"]);
    }
    let listed = api.get(&reviews).await.json();
    let titles: Vec<&Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["title"])
        .collect();
    assert_eq!(titles, ["Too loud", "Well worth the wait"]);
    assert_eq!(listed[0]["reviewer"]["username"], "guest");
    let second = api.get(&format!("{reviews}?limit=1&offset=1")).await.json();
    assert_eq!(second, json!([listed[1]]));

    let detail = api.get(&target).await.json();
    assert_eq!(detail["review_count"], 2);
    assert_eq!(detail["avg_rating"], 3.5);
}

#[tokio::test]
async fn a_review_needs_its_restaurant_and_its_user() {
    let api = Api::start().await;
    let guest = restaurant_api::guest(&api.larder).await.unwrap();
    let restaurant = api
        .create("/restaurants", json!({"name": "Harbor Noodle House"}))
        .await;
    for (id, user_id, says) in [
        (json!(7), json!(guest.id), "restaurant 7"),
        (
            restaurant["id"].clone(),
            json!(i64::MAX),
            "user 9223372036854775807",
        ),
    ] {
        let body = json!({"user_id": user_id, "rating": 4}).to_string();
        let answer = api.post(&format!("/restaurants/{id}/reviews"), &body).await;
        assert_eq!(answer.status, 404, "{answer:?}");
        assert_eq!(answer.error().0, "not_found");
        assert!(answer.message().contains(says), "{answer:?}");
    }
}
