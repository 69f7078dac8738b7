//! Tests of posting, against a server of the test's own.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode as Answer};
use axum::routing::post;
use chrono::DateTime;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;
use crate::Status;
use crate::alerts::AlertKind;

const SECRET: &str = "sixteen letters or more";

type Posted = (HeaderMap, Bytes);

async fn note(
    State((answer, posted)): State<(Answer, UnboundedSender<Posted>)>,
    headers: HeaderMap,
    body: Bytes,
) -> (Answer, [(&'static str, &'static str); 1]) {
    posted.send((headers, body)).unwrap();
    // Where a redirect leads, there is somebody: the same again.
    (answer, [("location", "/hunter2")])
}

/// A receiver that answers this, and a webhook for it.
async fn receiver(answer: u16) -> (Webhook, UnboundedReceiver<Posted>) {
    let (posted, received) = unbounded_channel();
    let answer = Answer::from_u16(answer).unwrap();
    let router = Router::new()
        .route("/hunter2", post(note))
        .with_state((answer, posted));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hunter2", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (webhook(&url), received)
}

fn webhook(url: &str) -> Webhook {
    Webhook::new(&url.into(), Some(SECRET.into())).unwrap()
}

fn alert() -> Arc<Alert> {
    Arc::new(Alert {
        incident: "shop-7".to_owned(),
        sequence: 2,
        kind: AlertKind::Changed,
        instance: "shop".to_owned(),
        profile: Some("prod".to_owned()),
        at: DateTime::UNIX_EPOCH,
        since: DateTime::UNIX_EPOCH,
        status: Status::Unhealthy,
        previous: Status::Degraded,
        causes: Vec::new(),
        reasons: vec!["pool: full".to_owned()],
    })
}

#[tokio::test]
async fn what_is_posted_is_signed_json() {
    let (webhook, mut received) = receiver(204).await;
    webhook.send(alert()).await.unwrap();
    let (headers, body) = received.recv().await.unwrap();
    let header = |name: &str| headers[name].to_str().unwrap();
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("larder-delivery"), "shop-7-2");
    let (timestamp, signature) = (header("larder-timestamp"), header("larder-signature"));
    assert!(verify(SECRET, timestamp, &body, signature));
    assert!(!verify(
        "another secret than that",
        timestamp,
        &body,
        signature
    ));
    assert!(!verify(SECRET, "1700000000", &body, signature));
    assert!(!verify(SECRET, timestamp, b"{}", signature));
    let now = Utc::now().timestamp();
    assert!((now - 60..=now).contains(&timestamp.parse().unwrap()));
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (&json["kind"], &json["status"]),
        (&"changed".into(), &"unhealthy".into())
    );
    assert_eq!(json["reasons"][0], "pool: full");
}

#[test]
fn the_signature_is_the_one_that_openssl_makes() {
    // printf '1700000000.{}' | openssl dgst -sha256 -hmac 'sixteen letters or more'
    let expected = "v1=3cdc3d40fa7822d19b9c062de87d6469fd1618f32ea0712406b72489caceafdd";
    assert_eq!(sign(SECRET, "1700000000", b"{}"), expected);
    assert!(verify(SECRET, "1700000000", b"{}", expected));
    for wrong in ["", "v1=", "v1=zz", &expected[3..], &expected[..60]] {
        assert!(!verify(SECRET, "1700000000", b"{}", wrong), "{wrong}");
    }
}

#[tokio::test]
async fn without_a_secret_nothing_is_signed() {
    let (mut webhook, mut received) = receiver(200).await;
    webhook.secret = None;
    webhook.send(alert()).await.unwrap();
    let (headers, _) = received.recv().await.unwrap();
    assert!(!headers.contains_key("larder-signature"));
}

#[tokio::test]
async fn what_may_pass_is_temporary_and_what_is_refused_is_not() {
    for (answer, is_temporary) in [
        (500, true),
        (503, true),
        (429, true),
        (408, true),
        (400, false),
        (401, false),
        (404, false),
        (307, false),
    ] {
        let (webhook, mut received) = receiver(answer).await;
        let error = webhook.send(alert()).await.unwrap_err();
        assert_eq!(error.is_temporary, is_temporary, "{answer}: {error}");
        received.recv().await.unwrap();
        assert!(received.try_recv().is_err(), "a redirect is not followed");
    }
}

#[tokio::test]
async fn nobody_there_is_temporary_and_no_error_shows_the_url() {
    // Nobody listens on a port that was given back.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/hunter2?key=hunter2",
        listener.local_addr().unwrap()
    );
    drop(listener);
    let webhook = webhook(&url);
    let error = webhook.send(alert()).await.unwrap_err();
    assert!(error.is_temporary, "{error}");
    let shown = format!("{error} {error:?} {webhook:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains(SECRET),
        "{shown}"
    );
    let error = Webhook::new(&"no URL hunter2".into(), None).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[test]
fn in_the_clear_only_to_this_machine() {
    let new = |url: &str| Webhook::new(&url.into(), None);
    for url in [
        "https://example.com/hunter2",
        "http://localhost/x",
        "http://127.0.0.1:9/x",
        "http://[::1]/x",
    ] {
        assert!(new(url).is_ok(), "{url}");
    }
    for url in [
        "http://example.com/hunter2",
        "http://10.0.0.1/hunter2",
        "http://localhost.example.com/hunter2",
    ] {
        let error = new(url).unwrap_err();
        assert!(matches!(error, WebhookError::InTheClear), "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    for url in ["ftp://localhost/hunter2", "hunter2:", "https://"] {
        let error = new(url).unwrap_err();
        assert!(matches!(error, WebhookError::Url), "{url}: {error}");
    }
}
