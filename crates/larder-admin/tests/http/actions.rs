//! What may be done from the dashboard.

use larder_database::ErrorClass;
use larder_testing::sql;
use serde_json::{Value, json};

use crate::support::{PATIENCE, Pages, TOKEN, send, status};

const ON: (&str, &str) = ("admin.actions", "true");

async fn csrf(pages: &Pages) -> String {
    let context: Value = send(pages.get("/api/context")).await.json().await.unwrap();
    context["csrf"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_are_off_unless_they_are_switched_on() {
    let pages = Pages::serve(&[]).await;
    let csrf = csrf(&pages).await;
    for (path, body) in [
        ("/api/actions/invalidate", json!({ "tag": "menu:7" })),
        ("/api/actions/cancel", json!({ "session": 1 })),
    ] {
        let request = pages.post(path).header("X-Larder-Csrf", &csrf).json(&body);
        let refused = send(request).await;
        assert_eq!(refused.status(), 403, "{path}");
        let problem: Value = refused.json().await.unwrap();
        assert!(
            problem["detail"].to_string().contains("admin.actions"),
            "{problem}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_dashboard_itself_can_ask_for_one() {
    let pages = Pages::serve(&[ON]).await;
    let csrf = csrf(&pages).await;
    let ask = || {
        pages
            .post("/api/actions/invalidate")
            .json(&json!({ "tag": "menu:7" }))
    };
    assert_eq!(status(ask()).await, 403, "no token against forgery");
    let guessed = ask().header("X-Larder-Csrf", "0".repeat(64));
    assert_eq!(status(guessed).await, 403);
    for (name, value) in [
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
    ] {
        let foreign = ask().header("X-Larder-Csrf", &csrf).header(name, value);
        assert_eq!(status(foreign).await, 403, "{name}: {value}");
    }
    let own = ask().header("X-Larder-Csrf", &csrf);
    let own = own.header("Origin", format!("http://{}", pages.address));
    assert_eq!(
        status(own.header("Sec-Fetch-Site", "same-origin")).await,
        200
    );
    // By GET nothing happens, and a form of another site cannot send JSON.
    assert_eq!(pages.status("/api/actions/invalidate").await, 405);
    let form = pages
        .post("/api/actions/invalidate")
        .header("X-Larder-Csrf", &csrf);
    assert_eq!(status(form.form(&[("tag", "menu:7")])).await, 415);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_token_needs_nothing_against_forgery() {
    let pages = Pages::serve(&[ON, ("admin.token", TOKEN)]).await;
    let ask = || {
        pages
            .post("/api/actions/invalidate")
            .json(&json!({ "tag": "menu:7" }))
    };
    assert_eq!(status(ask()).await, 401);
    assert_eq!(status(ask().bearer_auth(TOKEN)).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalidated_tag_is_read_again() {
    let pages = Pages::serve(&[ON]).await;
    let csrf = csrf(&pages).await;
    let before = pages.database().cache_statistics().invalidations;
    let ask = |tag: &str| {
        let request = pages
            .post("/api/actions/invalidate")
            .header("X-Larder-Csrf", &csrf);
        request.json(&json!({ "tag": tag }))
    };
    assert_eq!(status(ask("")).await, 422);
    assert_eq!(status(ask(&"x".repeat(600))).await, 422);
    assert_eq!(pages.database().cache_statistics().invalidations, before);
    assert_eq!(status(ask("menu:7")).await, 200);
    assert_ne!(pages.database().cache_statistics().invalidations, before);
    let overview: Value = send(pages.get("/api/overview")).await.json().await.unwrap();
    assert!(
        overview["events"].to_string().contains("the tag menu:7"),
        "{overview}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_session_ends_and_its_connection_is_not_lent_again() {
    let pages = Pages::serve(&[ON]).await;
    let csrf = csrf(&pages).await;
    let database = pages.database().clone();
    let mut session = database.session().await.unwrap();
    let holders = database.pool_status().holders;
    let id = holders[0].id;
    let ask = |id: u64| {
        let request = pages
            .post("/api/actions/cancel")
            .header("X-Larder-Csrf", &csrf);
        request.json(&json!({ "session": id }))
    };
    // It does nothing yet, and of another one nobody has heard.
    assert_eq!(status(ask(id)).await, 409);
    assert_eq!(status(ask(id + 1_000_000)).await, 404);

    let sleeping = tokio::spawn(async move {
        let slept = sql("SELECT pg_sleep(600)").execute_on(&mut session).await;
        drop(session);
        slept
    });
    let cancelled = tokio::time::timeout(PATIENCE, async {
        while status(ask(id)).await != 200 {
            tokio::task::yield_now().await;
        }
        sleeping.await.unwrap().unwrap_err()
    });
    let error = cancelled.await.unwrap();
    assert_eq!(error.class(), ErrorClass::Timeout, "{error}");
    let gone = async {
        while database.pool_status().invalidated == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
    assert_eq!(status(ask(id)).await, 404);
    database.sql("SELECT 1").execute().await.unwrap();
}
