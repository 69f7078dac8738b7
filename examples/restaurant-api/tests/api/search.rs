//! Searching for what people type, and what people who mean no good type.

use serde_json::json;

use crate::support::Api;

const NAMES: [&str; 6] = [
    r#"O'Brien's "Fine" Pies"#,
    "100% Juice",
    "100 Juices",
    "Under_Score",
    "Underscore",
    "🍜 Ramen Bar; DROP TABLE restaurants; --",
];

#[tokio::test]
async fn every_character_means_itself() {
    let api = Api::start().await;
    for name in NAMES {
        api.create("/restaurants", json!({ "name": name })).await;
    }
    for (typed, first) in [
        ("O%27Brien%27s", NAMES[0]),
        ("%22Fine%22", NAMES[0]),
        ("%27%20OR%20%271%27%3D%271", ""),
        ("100%25", NAMES[1]),
        ("100%25%20juice", NAMES[1]),
        // A percent sign as people write it into a URL.
        ("100%+juice", NAMES[1]),
        ("Under_Score", NAMES[3]),
        ("der_Sco", NAMES[3]),
        ("%F0%9F%8D%9C+Ramen", NAMES[5]),
        ("ramen+bar", NAMES[5]),
        ("DROP%20TABLE", NAMES[5]),
        ("%5C", ""),
        ("%E6%BC%A2%E5%AD%97", ""),
    ] {
        let found = api
            .get(&format!("/restaurants/search?q={typed}"))
            .await
            .names();
        assert_eq!(
            found.first().map_or("", String::as_str),
            first,
            "{typed}: {found:?}"
        );
    }
    let count: i64 = api
        .test
        .database()
        .sql("SELECT count(*) FROM restaurants")
        .fetch_scalar()
        .await
        .unwrap();
    assert_eq!(count, 6);
}

#[tokio::test]
async fn a_wildcard_does_not_find_everything() {
    let api = Api::start().await;
    for name in NAMES {
        api.create("/restaurants", json!({ "name": name })).await;
    }
    for (typed, most) in [
        ("%25", 1),
        ("_", 1),
        ("%25%25", 0),
        ("a%25e", 0),
        ("%2A", 0),
        ("%F0%9F%8D%9C", 1),
    ] {
        let found = api
            .get(&format!("/restaurants/search?q={typed}"))
            .await
            .names();
        assert!(found.len() <= most, "{typed}: {found:?}");
    }
}

#[tokio::test]
async fn pages_neither_overlap_nor_leave_anything_out() {
    let api = Api::start().await;
    for number in 0..7 {
        let name = format!("Noodle House {number}");
        api.create("/restaurants", json!({ "name": name })).await;
    }
    let whole = api.get("/restaurants/search?q=noodle").await.names();
    assert_eq!(whole.len(), 7);
    let mut pages = Vec::new();
    for offset in [0, 3, 6, 9] {
        let target = format!("/restaurants/search?q=noodle&limit=3&offset={offset}");
        pages.extend(api.get(&target).await.names());
    }
    assert_eq!(pages, whole);
}
