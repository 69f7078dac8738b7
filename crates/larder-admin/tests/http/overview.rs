//! What the dashboard is told of the moment.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures::future::join_all;
use larder_metrics::Exporter;
use serde_json::Value;
use tokio::time::timeout;

use crate::support::{PATIENCE, Pages, send, status};

fn sum(statements: &Value) -> f64 {
    let statements = statements.as_array().unwrap().iter();
    statements
        .map(|one| one["total_ms"].as_f64().unwrap())
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_slowest_are_shown_with_the_time_of_all() {
    let pages = Pages::serve(&[]).await;
    // More than are shown.
    for number in 0..20 {
        let text = format!("SELECT 1 AS column_{}", "x".repeat(number + 1));
        pages.database().sql(text).execute().await.unwrap();
    }
    let overview = pages.json("/api/overview").await;
    assert_eq!(overview["statements"].as_array().unwrap().len(), 12);
    let all = pages.json("/api/statements?limit=500").await;
    assert!(all.as_array().unwrap().len() >= 20);
    let total = overview["statements_total_ms"].as_f64().unwrap();
    assert!((total - sum(&all)).abs() < 1e-6, "{total} of {}", sum(&all));
    assert!(total > sum(&overview["statements"]));
    let fingerprints = |list: &Value| -> Vec<String> {
        let list = list.as_array().unwrap().iter().take(12);
        list.map(|one| one["fingerprint"].to_string()).collect()
    };
    assert_eq!(fingerprints(&overview["statements"]), fingerprints(&all));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_shown_whole_by_its_fingerprint() {
    let pages = Pages::serve(&[]).await;
    let long = format!("SELECT '1' AS {}", "a, '1' AS ".repeat(100) + "b");
    pages.database().sql(long).execute().await.unwrap();
    let all = pages.json("/api/statements").await;
    for listed in all.as_array().unwrap() {
        let name = listed["fingerprint"].as_str().unwrap();
        let whole = pages.json(&format!("/api/statements/{name}")).await;
        for field in ["fingerprint", "calls", "total_ms", "p95_ms"] {
            assert_eq!(whole[field], listed[field], "{name}");
        }
        assert_eq!(whole["advice"], Value::Array(Vec::new()));
        let start = listed["text"].as_str().unwrap().trim_end_matches('…');
        assert!(
            whole["text"].as_str().unwrap().starts_with(start),
            "{whole}"
        );
    }
    for unknown in ["0000000000000000", "nothing"] {
        let path = format!("/api/statements/{unknown}");
        assert_eq!(pages.status(&path).await, 404, "{unknown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_hold_a_connection_for_long_are_counted_whether_they_are_shown_or_not() {
    let pages = Pages::serve(&[]).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(pages.database().session().await.unwrap());
    }
    // As soon as the youngest is no longer a brief one.
    let seen = async {
        loop {
            let overview = pages.json("/api/overview").await;
            let counted = |name: &str| overview["held"][name].as_u64().unwrap();
            assert!(counted("steady") + counted("brief") >= 3, "{overview}");
            if (counted("steady"), counted("brief")) == (3, 0) {
                return overview;
            }
        }
    };
    let overview = timeout(PATIENCE, seen).await.unwrap();
    assert_eq!(overview["sessions"].as_array().unwrap().len(), 3);
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_made_once_for_all_who_ask_at_the_same_time() {
    let exporter = Exporter::install();
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    let source = exporter.register(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let pages = Pages::serve_with(&[], Some(exporter)).await;
    // Each page may be a quarter of a second old.
    let most = |start: Instant| 2 + usize::try_from(start.elapsed().as_millis() / 250).unwrap();

    let start = Instant::now();
    let scrapes = join_all((0..200).map(|_| status(pages.get("/metrics")))).await;
    assert!(scrapes.iter().all(|status| *status == 200));
    let (read, most_read) = (reads.load(Ordering::Relaxed), most(start));
    assert!((1..=most_read).contains(&read), "{read} of {most_read}");
    drop(source);

    let start = Instant::now();
    let asked = (0..200).map(|_| async { pages.json("/api/overview").await["at"].to_string() });
    let made: BTreeSet<String> = join_all(asked).await.into_iter().collect();
    assert!(made.len() <= most(start), "{}", made.len());

    // And it goes on: what is too old is made anew.
    let first = pages.json("/api/overview").await["at"].clone();
    let anew = async { while pages.json("/api/overview").await["at"] == first {} };
    timeout(PATIENCE, anew).await.unwrap();
    let page = send(pages.get("/metrics")).await.text().await.unwrap();
    assert!(page.contains("larder_build_info"), "{page}");
}
