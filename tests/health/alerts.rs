//! Who is told, by the settings and by code.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use futures::future::BoxFuture;
use larder::health::alerts::{Alert, AlertError, AlertKind, AlertSink, verify};
use larder::health::{Finding, Status, probe};
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::time::timeout;

use super::named::instance;
use crate::support::PATIENCE;
use crate::watched::Log;

const SECRET: &str = "a secret of many letters";

type Posted = (HeaderMap, Bytes);

/// A receiver that refuses the first alert once, and its URL.
async fn receiver() -> (String, UnboundedReceiver<Posted>) {
    async fn note(
        State((posted, refused)): State<(UnboundedSender<Posted>, Arc<watch::Sender<bool>>)>,
        headers: HeaderMap,
        body: Bytes,
    ) -> StatusCode {
        posted.send((headers, body)).unwrap();
        match refused.send_replace(true) {
            true => StatusCode::NO_CONTENT,
            false => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
    let (posted, received) = unbounded_channel();
    let router = Router::new()
        .route("/hook", post(note))
        .with_state((posted, Arc::new(watch::Sender::new(false))));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, received)
}

async fn next<T>(received: &mut UnboundedReceiver<T>) -> T {
    timeout(PATIENCE, received.recv()).await.unwrap().unwrap()
}

/// A sink of the user's own.
struct Pager(UnboundedSender<Arc<Alert>>);

impl AlertSink for Pager {
    fn name(&self) -> &str {
        "pager"
    }

    fn send(&self, alert: Arc<Alert>) -> BoxFuture<'_, Result<(), AlertError>> {
        self.0.send(alert).unwrap();
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test]
async fn log_webhook_and_a_sink_of_ones_own_are_told_of_a_check_of_ones_own() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let (url, mut posted) = receiver().await;
    let (paged, mut pages) = unbounded_channel();
    let is_well = Arc::new(watch::Sender::new(true));
    let read = Arc::clone(&is_well);
    let queue = probe("queue", move || {
        let is_well = *read.borrow();
        async move {
            match is_well {
                true => Finding::healthy(),
                false => Finding::unhealthy("7000 orders wait").curing("start the workers"),
            }
        }
    });
    // With one subscriber, an event that another thread makes first would be off for ever.
    let (_, _another) = Log::listen("off");
    let (log, _guard) = Log::listen("larder::alert=info");
    let larder = instance(test.url())
        .set("health.alert_webhook", url)
        .set("health.alert_secret", SECRET)
        .set("health.alert_from", "unhealthy")
        .probe(queue)
        .alert_sink(Pager(paged))
        .start()
        .await
        .unwrap();
    let mut reports = larder.health_monitor().subscribe();
    let healthy = reports.wait_for(|report| report.status == Status::Healthy);
    timeout(PATIENCE, healthy).await.unwrap().unwrap();

    is_well.send_replace(false);
    let page = next(&mut pages).await;
    assert_eq!(
        (page.kind, page.status),
        (AlertKind::Started, Status::Unhealthy)
    );
    assert_eq!(page.causes[0].probe, "queue");
    // The first time it is refused, and posted again.
    let (first, _) = next(&mut posted).await;
    let (headers, body) = next(&mut posted).await;
    assert_eq!(first["larder-delivery"], headers["larder-delivery"]);
    let header = |name: &str| headers[name].to_str().unwrap();
    let (timestamp, signature) = (header("larder-timestamp"), header("larder-signature"));
    assert!(verify(SECRET, timestamp, &body, signature));
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(json["kind"], "started");
    assert_eq!(json["causes"][0]["cure"], "start the workers");

    is_well.send_replace(true);
    assert_eq!(next(&mut pages).await.kind, AlertKind::Resolved);
    let (_, body) = next(&mut posted).await;
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (&json["kind"], &json["status"]),
        (&"resolved".into(), &"healthy".into())
    );
    let text = log.text();
    assert!(
        text.contains("7000 orders wait") && text.contains("start the workers"),
        "{text}"
    );
    assert!(text.contains("(resolved)"), "{text}");
    assert!(!text.contains(SECRET) && !text.contains("/hook"), "{text}");
    larder.shutdown().await.unwrap();
}
