//! What is told each second.

use serde_json::Value;
use tokio::time::timeout;

use crate::support::{PATIENCE, Pages, TOKEN, header, send, status};

/// The next picture of a stream.
async fn picture(stream: &mut reqwest::Response, text: &mut String) -> Option<Value> {
    loop {
        if let Some((event, rest)) = text.split_once("\n\n") {
            let data = event.lines().find_map(|line| line.strip_prefix("data: "));
            let data = data.map(|data| serde_json::from_str(data).unwrap());
            let rest = rest.to_owned();
            *text = rest;
            match data {
                Some(data) => return Some(data),
                None => continue,
            }
        }
        let piece = timeout(PATIENCE, stream.chunk()).await.unwrap();
        let piece = piece.ok().flatten()?;
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_come_each_second_and_show_what_happened() {
    let pages = Pages::serve(&[]).await;
    let mut stream = pages.get("/api/live").send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    let first = picture(&mut stream, &mut text).await.unwrap();
    assert_eq!(first["health"]["status"], "unknown");
    for _ in 0..40 {
        pages.database().sql("SELECT 1").execute().await.unwrap();
    }
    // Somewhere in the next seconds they are counted.
    let counted = async {
        let mut seen = 0.0;
        while seen < 39.0 {
            let next = picture(&mut stream, &mut text).await.unwrap();
            seen += next["sample"]["statements"].as_f64().unwrap_or_default() * 1.5;
            assert!(next["pool"]["size"].as_u64().unwrap() > 0);
        }
    };
    timeout(PATIENCE, counted).await.unwrap();

    let history: Value = pages
        .get("/api/history")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let times = history["at"].as_array().unwrap().len();
    assert!(times >= 1);
    assert_eq!(history["p95_ms"].as_array().unwrap().len(), times);
    assert!(history["p95_ms"].to_string().contains('.'), "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_visit_of_its_reader() {
    let pages = Pages::serve(&[("admin.token", TOKEN)]).await;
    let mut cookies = Vec::new();
    for _ in 0..2 {
        let form = pages.post("/login").form(&[("token", TOKEN)]);
        let cookie = header(&send(form).await, "set-cookie");
        cookies.push(cookie.split(';').next().unwrap().to_owned());
    }
    let watch = async |cookie: &str| {
        let request = pages.get("/api/live").header("Cookie", cookie);
        request.send().await.unwrap()
    };
    let mut leaving = watch(&cookies[0]).await;
    let mut staying = watch(&cookies[1]).await;
    let (mut seen, mut others) = (String::new(), String::new());
    assert!(picture(&mut leaving, &mut seen).await.is_some());
    assert!(picture(&mut staying, &mut others).await.is_some());
    let leave = pages.post("/logout").header("Cookie", &cookies[0]);
    assert_eq!(status(leave).await, 303);
    let ended = async { while picture(&mut leaving, &mut seen).await.is_some() {} };
    timeout(PATIENCE, ended).await.unwrap();
    assert!(picture(&mut staying, &mut others).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_the_instance_is_stopped() {
    let pages = Pages::serve(&[]).await;
    let mut stream = pages.get("/api/live").send().await.unwrap();
    let mut text = String::new();
    assert!(picture(&mut stream, &mut text).await.is_some());
    pages.admin.stop();
    let ended = async { while picture(&mut stream, &mut text).await.is_some() {} };
    timeout(PATIENCE, ended).await.unwrap();
}
