//! Creating restaurants and finding them.

use serde_json::{Value, json};

use crate::support::Api;

#[tokio::test]
async fn what_is_created_is_found_at_once() {
    let api = Api::start().await;
    let nearby = "/restaurants/nearby?latitude=25.77&longitude=-80.19&radius_km=5&limit=10";
    assert_eq!(api.get(nearby).await.json(), json!([]));
    assert_eq!(
        api.get("/restaurants/search?q=noodle").await.json(),
        json!([])
    );

    let input = json!({
        "name": "Harbor Noodle House", "cuisine": "Noodles", "city": "Miami",
        "latitude": 25.78, "longitude": -80.19, "kosher_category": "fish",
    });
    let answer = api.post("/restaurants", &input.to_string()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let created = answer.json();
    for (field, value) in input.as_object().unwrap() {
        assert_eq!(&created[field], value, "{field}");
    }
    assert_eq!(created["status"], "active");

    let location = answer.header("location").unwrap();
    let found = api.get(location).await.json();
    assert_eq!(found["restaurant"], created);
    assert_eq!(found["review_count"], 0);
    assert_eq!(found["avg_rating"], Value::Null);

    let near = api.get(nearby).await.json();
    assert_eq!(near[0]["restaurant"], created);
    let distance = near[0]["distance_km"].as_f64().unwrap();
    assert!((distance - 1.112).abs() < 0.001, "{distance}");
    assert_eq!(
        api.get("/restaurants/search?q=noodle").await.json(),
        json!([created])
    );
}

#[tokio::test]
async fn nearby_is_ordered_bounded_and_has_defaults() {
    let api = Api::start().await;
    for (name, latitude) in [("near", 10.01), ("nearer", 10.001), ("12 km away", 10.108)] {
        let input = json!({"name": name, "latitude": latitude, "longitude": 20.0});
        api.create("/restaurants", input).await;
    }
    let names = async |rest: &str| {
        let target = format!("/restaurants/nearby?latitude=10&longitude=20{rest}");
        let found = api.get(&target).await.json();
        let name = |item: &Value| item["restaurant"]["name"].as_str().unwrap().to_owned();
        found
            .as_array()
            .unwrap()
            .iter()
            .map(name)
            .collect::<Vec<_>>()
    };
    assert_eq!(names("").await, ["nearer", "near"]);
    assert_eq!(names("&limit=1").await, ["nearer"]);
    assert_eq!(
        names("&radius_km=12.5").await,
        ["nearer", "near", "12 km away"]
    );
    assert_eq!(names("&limit=1000&radius_km=20015").await.len(), 3);
}

#[tokio::test]
async fn an_unknown_id_is_not_found() {
    let api = Api::start().await;
    for id in ["1", "9223372036854775807"] {
        for target in [
            format!("/restaurants/{id}"),
            format!("/restaurants/{id}/reviews"),
        ] {
            let answer = api.get(&target).await;
            assert_eq!(answer.status, 404, "{answer:?}");
            assert_eq!(
                answer.error(),
                ("not_found".to_owned(), Some("id".to_owned()))
            );
            assert!(answer.message().contains(id), "{answer:?}");
        }
    }
}
