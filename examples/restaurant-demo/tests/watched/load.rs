//! Requests to the demo: reads that the cache answers and some that it does not, writes, and some
//! that fail.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::demo::Demo;

/// How many at the same time.
const CLIENTS: u64 = 4;

impl Demo {
    /// Sends requests for this long, and returns when all are answered.
    pub(crate) async fn load(&self, span: Duration) {
        let found = self.json("/restaurants/search?q=noodle&limit=20").await;
        let ids: Vec<i64> = ids(&found);
        assert!(!ids.is_empty(), "{found}");
        // From here on it is there.
        let first = self.client.post(self.url("/restaurants")).json(&same());
        first.send().await.unwrap();
        let until = Instant::now() + span;
        let clients = (0..CLIENTS).map(|client| self.requests(client, until, &ids));
        let mut answered = 0;
        for clients in join_all(clients).await {
            answered += clients;
        }
        assert!(answered > 20, "{answered} answers");
    }

    async fn requests(&self, client: u64, until: Instant, ids: &[i64]) -> u64 {
        let mut answered = 0;
        while Instant::now() < until {
            let number = answered * CLIENTS + client;
            let id = ids[usize::try_from(number).unwrap() % ids.len()];
            match number % 10 {
                0 => {
                    self.get(&format!(
                        "/restaurants/search?q=noodle&limit={}",
                        1 + number % 50
                    ))
                    .await
                }
                1 => self.get(&format!("/restaurants/{id}/reviews")).await,
                2 => {
                    let review = json!({ "user_id": self.guest, "rating": 4 });
                    let path = format!("/restaurants/{id}/reviews");
                    self.post(&path, &review, 201).await;
                }
                // The database refuses another one from the same source.
                3 if number % 50 == 3 => self.post("/restaurants", &same(), 409).await,
                _ => self.get(&format!("/restaurants/{id}")).await,
            }
            answered += 1;
        }
        answered
    }

    async fn get(&self, path: &str) {
        let answer = self.client.get(self.url(path)).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {answer:?}");
        answer.bytes().await.unwrap();
    }

    /// Sends what is answered by this status.
    async fn post(&self, path: &str, body: &Value, status: u16) {
        let request = self.client.post(self.url(path)).json(body);
        let answer = request.send().await.unwrap();
        let found = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        assert_eq!(found, status, "{path}: {text}");
    }
}

/// A restaurant that can be there once.
fn same() -> Value {
    json!({ "name": "Harbor Noodle House", "source_id": "the-only-one" })
}

/// The ids anywhere in an answer's list.
fn ids(found: &Value) -> Vec<i64> {
    let list = found.as_array().or_else(|| {
        let mut values = found.as_object()?.values();
        values.find_map(Value::as_array)
    });
    list.into_iter()
        .flatten()
        .filter_map(|restaurant| restaurant["id"].as_i64())
        .collect()
}

/// All of them, at the same time, in this task.
async fn join_all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut pending: Vec<_> = futures.map(|future| Some(Box::pin(future))).collect();
    let mut done: Vec<Option<T>> = pending.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in pending.iter_mut().zip(&mut done) {
            let polled = future
                .as_mut()
                .map(|running| running.as_mut().poll(context));
            if let Some(std::task::Poll::Ready(value)) = polled {
                *done = Some(value);
                *future = None;
            }
        }
        match pending.iter().all(Option::is_none) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    done.into_iter().map(Option::unwrap).collect()
}
