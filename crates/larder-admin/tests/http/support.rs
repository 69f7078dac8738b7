//! Pages over a database of the test's own, served at a free port.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use larder_admin::{Admin, AdminParts};
use larder_config::ConfigLoader;
use larder_health::{Finding, HealthMonitor, MonitorOptions, probe};
use larder_metrics::Exporter;
use larder_services::MIGRATIONS;
use larder_testing::{Database, TestDatabase};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use tokio::runtime::Handle;

/// Long enough for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const TOKEN: &str = "a-token-that-nobody-guesses";

pub(crate) struct Pages {
    pub(crate) admin: Admin,
    pub(crate) address: SocketAddr,
    pub(crate) monitor: HealthMonitor,
    finding: Arc<Mutex<Finding>>,
    client: Client,
    test: TestDatabase,
}

impl Pages {
    /// Serves the pages with these settings of the section `admin`.
    pub(crate) async fn serve(settings: &[(&'static str, &str)]) -> Self {
        Self::serve_with(settings, None).await
    }

    /// The same, with metrics.
    pub(crate) async fn serve_with(
        settings: &[(&'static str, &str)],
        exporter: Option<Exporter>,
    ) -> Self {
        // Somebody else may have been first, with the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let test = TestDatabase::create(MIGRATIONS).await.unwrap();
        let mut loader = ConfigLoader::new()
            .no_file()
            .environment([("DATABASE_URL", test.url())])
            .set("admin.address", "127.0.0.1:0");
        for (key, value) in settings {
            // Text stands for a flag only in the environment.
            loader = match *value {
                "true" => loader.set(*key, true),
                name if *key == "admin.hosts" => loader.set(*key, vec![name.to_owned()]),
                value => loader.set(*key, value),
            };
        }
        let config = loader.load().unwrap();
        let finding = Arc::new(Mutex::new(Finding::healthy()));
        let found = Arc::clone(&finding);
        let check = move || std::future::ready(found.lock().unwrap().clone());
        let probe = probe("database", check);
        let monitor = HealthMonitor::new(MonitorOptions::default(), vec![Arc::new(probe)]);
        let listener = larder_admin::bind(config.admin.address, false)
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        let admin = Admin::new(AdminParts {
            config: config.admin.clone(),
            profile: config.profile(),
            database_kind: "server",
            database: test.database().clone(),
            monitor: monitor.clone(),
            exporter,
            since: Instant::now(),
            runtime: Handle::current(),
        });
        tokio::spawn(admin.clone().serve(listener));
        Self {
            admin,
            address,
            monitor,
            finding,
            client: Client::builder().redirect(Policy::none()).build().unwrap(),
            test,
        }
    }

    pub(crate) fn database(&self) -> &Database {
        self.test.database()
    }

    /// What is found from now on, as often as it takes to count.
    pub(crate) async fn find(&self, finding: Finding) {
        *self.finding.lock().unwrap() = finding;
        for _ in 0..3 {
            self.monitor.check_now().await;
        }
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("http://{}{path}", self.address))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("http://{}{path}", self.address))
    }

    /// A page of JSON.
    pub(crate) async fn json(&self, path: &str) -> Value {
        send(self.get(path)).await.json().await.unwrap()
    }

    /// The status of a page.
    pub(crate) async fn status(&self, path: &str) -> u16 {
        status(self.get(path)).await
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Response {
    request.timeout(PATIENCE).send().await.unwrap()
}

pub(crate) async fn status(request: RequestBuilder) -> u16 {
    send(request).await.status().as_u16()
}

pub(crate) fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}
