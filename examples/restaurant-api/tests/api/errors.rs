//! The one shape of errors, where no input is to blame.

use serde_json::json;

use crate::support::Api;

#[tokio::test]
async fn unknown_pages_and_methods_have_it_too() {
    let api = Api::start().await;
    for target in [
        "/",
        "/restaurant",
        "/restaurants/1/menus",
        "/restaurants/",
        "/%00",
        "//",
        "/health/",
    ] {
        let answer = api.get(target).await;
        assert_eq!(answer.status, 404, "{target}: {answer:?}");
        assert_eq!(answer.error(), ("not_found".to_owned(), None));
        assert!(
            answer.message().contains("/restaurants/nearby"),
            "{answer:?}"
        );
    }
    for (method, target, allowed) in [
        ("DELETE", "/restaurants/1", "GET,HEAD"),
        ("GET", "/restaurants", "POST"),
        ("PUT", "/restaurants/1/reviews", "GET,HEAD,POST"),
        ("POST", "/restaurants/nearby", "GET,HEAD"),
        ("POST", "/health", "GET,HEAD"),
        ("BREW", "/health", "GET,HEAD"),
    ] {
        let answer = api.request(method, target, "", b"").await;
        assert_eq!(answer.status, 405, "{method} {target}: {answer:?}");
        assert_eq!(answer.error(), ("method_not_allowed".to_owned(), None));
        assert!(answer.message().contains(method), "{answer:?}");
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {target}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_said_to_be_json_is_refused() {
    let api = Api::start().await;
    let body = br#"{"name": "a"}"#;
    for header in [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
    ] {
        let answer = api.request("POST", "/restaurants", header, body).await;
        assert_eq!(answer.status, 415, "{header}: {answer:?}");
        assert_eq!(answer.error(), ("unsupported_media_type".to_owned(), None));
        assert!(answer.message().contains("application/json"), "{answer:?}");
    }
    let header = "content-type: Application/JSON; charset=utf-8\r\n";
    let answer = api.request("POST", "/restaurants", header, body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[tokio::test]
async fn a_body_that_is_larger_than_it_says_or_endless_is_refused() {
    let api = Api::start().await;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let head = "POST /restaurants HTTP/1.1\r\nHost: api\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = api
        .send(format!("{head}{chunk}1\r\nx\r\n").as_bytes())
        .await;
    assert_eq!(answer.status, 413, "{answer:?}");
    assert_eq!(answer.error(), ("body_too_large".to_owned(), None));
}

#[tokio::test]
async fn what_is_taken_is_a_conflict() {
    let api = Api::start().await;
    let input = json!({"name": "Harbor Noodle House", "source_id": "h-1"});
    api.create("/restaurants", input.clone()).await;
    let answer = api.post("/restaurants", &input.to_string()).await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert_eq!(
        answer.error(),
        ("conflict".to_owned(), Some("source_id".to_owned()))
    );
}

#[tokio::test]
async fn a_failure_inside_shows_nothing_of_the_inside() {
    let api = Api::start().await;
    let database = api.test.database();
    database
        .sql("ALTER TABLE reviews RENAME rating TO stars")
        .execute()
        .await
        .unwrap();
    let answer = api.get("/restaurants/1").await;
    assert_eq!(answer.status, 500, "{answer:?}");
    assert_eq!(answer.error(), ("internal".to_owned(), None));
    for inside in [
        "rating",
        "column",
        "SELECT",
        "42703",
        "postgres",
        api.test.url(),
    ] {
        assert!(!answer.body.contains(inside), "{inside}: {answer:?}");
    }
}

#[tokio::test]
async fn without_a_connection_it_says_when_to_come_back() {
    let api = Api::start_with(|builder| {
        builder
            .set("pool.size", 1)
            .set("pool.overflow", 0)
            .set("pool.acquire_timeout", "1s")
    })
    .await;
    let taken = api.larder.db().session().await.unwrap();
    let answer = api.get("/restaurants/1").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.error(), ("unavailable".to_owned(), None));
    assert_eq!(answer.header("retry-after"), Some("1"));
    drop(taken);
    assert_eq!(api.get("/restaurants/1").await.status, 404);
}
