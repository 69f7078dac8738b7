//! A running API with a database of its own, and a client that sends exactly the bytes it is given.

use std::time::Duration;

use larder::prelude::*;
use larder::services::MIGRATIONS;
use larder_testing::TestDatabase;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Long enough for a busy machine, short enough to notice that something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How the connections of the API call themselves to the server.
pub(crate) const APPLICATION: &str = "the api under test";

/// The API on a port of its own.
pub(crate) struct Api {
    pub(crate) larder: Larder,
    /// The same database, past the API.
    pub(crate) test: TestDatabase,
    address: std::net::SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Api {
    pub(crate) async fn start() -> Self {
        Self::start_with(|builder| builder).await
    }

    /// Starts it with settings of the test's.
    pub(crate) async fn start_with(change: impl FnOnce(LarderBuilder) -> LarderBuilder) -> Self {
        let test = TestDatabase::create(MIGRATIONS).await.unwrap();
        let builder = Larder::builder()
            .load_with(|loader| loader.no_file().environment([] as [(&str, &str); 0]))
            .profile(Profile::Test)
            .set("database.url", test.url())
            .set("database.application_name", APPLICATION)
            // As in a service: this profile has it off.
            .set("cache.ttl", "1h")
            .set("cache.enabled", true)
            // After the first check nothing but requests shall use the database.
            .set("health.check_interval", "1h")
            // Other tests have connections to the same server.
            .set("health.max_server_connections", 1.0);
        let larder = change(builder).start().await.unwrap();
        while larder.health_monitor().report().last_check.is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let signal = async {
            let _ = stopped.await;
        };
        let serving = tokio::spawn(restaurant_api::serve(listener, larder.clone(), signal));
        Self {
            larder,
            test,
            address,
            stop: Some(stop),
            serving,
        }
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.request("GET", target, "", b"").await
    }

    /// Sends a JSON body and expects that something is created.
    pub(crate) async fn create(&self, target: &str, body: Value) -> Value {
        let answer = self.post(target, &body.to_string()).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    pub(crate) async fn post(&self, target: &str, body: &str) -> Answer {
        let header = "Content-Type: application/json\r\n";
        self.request("POST", target, header, body.as_bytes()).await
    }

    pub(crate) async fn request(
        &self,
        method: &str,
        target: &str,
        headers: &str,
        body: &[u8],
    ) -> Answer {
        let length = body.len();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: api\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n"
        );
        self.send(&[head.as_bytes(), body].concat()).await
    }

    /// Sends these bytes and reads until the API closes the connection.
    pub(crate) async fn send(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect().await.unwrap();
        // The API may answer and close before it has read everything.
        let _ = stream.write_all(bytes).await;
        Answer::receive(stream).await
    }

    pub(crate) async fn connect(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect(self.address).await
    }

    /// Tells the API to stop.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(crate) fn is_serving(&self) -> bool {
        !self.serving.is_finished()
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(&mut self) {
        let serving = tokio::time::timeout(PATIENCE, &mut self.serving).await;
        serving.unwrap().unwrap().unwrap();
    }
}

/// What the API answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) async fn receive(mut stream: TcpStream) -> Self {
        let mut answer = Vec::new();
        let reading = stream.read_to_end(&mut answer);
        let _ = tokio::time::timeout(PATIENCE, reading).await.unwrap();
        let text = String::from_utf8(answer).unwrap();
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap();
        Self {
            status: status.parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_str(&self.body).unwrap()
    }

    /// The names of the restaurants in a list, in its order.
    pub(crate) fn names(&self) -> Vec<String> {
        assert_eq!(self.status, 200, "{self:?}");
        let list = self.json();
        let name = |item: &Value| item["name"].as_str().unwrap().to_owned();
        list.as_array().unwrap().iter().map(name).collect()
    }

    /// Kind and field of an error, after a look at its shape.
    pub(crate) fn error(&self) -> (String, Option<String>) {
        let json = self.json();
        let outer = json.as_object().unwrap();
        assert_eq!(outer.keys().collect::<Vec<_>>(), ["error"], "{self:?}");
        let error = outer["error"].as_object().unwrap();
        for (key, value) in error {
            assert!(["kind", "message", "field"].contains(&key.as_str()));
            assert!(value.as_str().is_some_and(|text| !text.is_empty()));
        }
        let text = |key: &str| error.get(key).map(|text| text.as_str().unwrap().to_owned());
        let message = text("message").unwrap();
        assert!(message.chars().count() < 400, "{message}");
        (text("kind").unwrap(), text("field"))
    }

    pub(crate) fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap().to_owned()
    }
}
