//! A real browser: Chromium without a window, driven through ChromeDriver.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use url::{ParseError, Url};

/// How long something may take to show, on a very busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// What keeps Chromium from asking the world for anything.
const ARGUMENTS: [&str; 10] = [
    "--headless",
    "--hide-scrollbars",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// ChromeDriver. It ends, with its browsers, when this is dropped.
pub(crate) struct Driver {
    _process: Child,
    address: String,
}

impl Driver {
    /// Starts it at a free port.
    pub(crate) async fn start() -> Self {
        let program = program("LARDER_TEST_CHROMEDRIVER", &["chromedriver"]);
        let mut process = Command::new(program)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, port)) = line.split_once("started successfully on port ") {
                    return port.trim_end_matches('.').to_owned();
                }
            }
            panic!("chromedriver ended before it was ready");
        };
        let port = timeout(PATIENCE, port).await.unwrap();
        // Nobody reads on: what it says later must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            _process: process,
            address: format!("http://127.0.0.1:{port}"),
        }
    }
}

/// What a page is looked at with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Viewport {
    pub(crate) name: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) is_dark: bool,
    pub(crate) is_phone: bool,
}

/// A page in a browser of its own.
pub(crate) struct Page {
    pub(crate) viewport: Viewport,
    client: Client,
    _profile: TempDir,
}

impl Page {
    pub(crate) async fn open(driver: &Driver, viewport: Viewport, url: &str) -> Self {
        let profile = TempDir::new().unwrap();
        let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).into();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let mut options = json!({
            "args": arguments,
            "binary": program("LARDER_TEST_CHROMIUM", &["chromium", "chromium-browser", "google-chrome"]),
        });
        if viewport.is_phone {
            options["mobileEmulation"] = json!({ "deviceMetrics": {
                "width": viewport.width, "height": viewport.height, "pixelRatio": 2.0, "touch": true,
            }});
        }
        let capabilities = json!({
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&driver.address)
            .await
            .unwrap();
        let page = Self {
            viewport,
            client,
            _profile: profile,
        };
        if !viewport.is_phone {
            let size = page.client.set_window_size(viewport.width, viewport.height);
            size.await.unwrap();
        }
        let scheme = if viewport.is_dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        let media = json!({ "features": features });
        page.devtools("Emulation.setEmulatedMedia", media).await;
        page.client.goto(url).await.unwrap();
        page
    }

    /// What a script gives.
    pub(crate) async fn ask(&self, script: &str) -> Value {
        let script = format!("return ({script});");
        self.client.execute(&script, Vec::new()).await.unwrap()
    }

    /// What a promise of a script comes to.
    pub(crate) async fn ask_promise(&self, script: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             ({script}).then(done, (error) => done(`failed: ${{error}}`));"
        );
        let asked = self.client.execute_async(&script, Vec::new()).await;
        asked.unwrap()
    }

    /// Opens a page anew, with a script that runs before its own.
    pub(crate) async fn open_with(&self, url: &str, script: &str) {
        let source = json!({ "source": script });
        self.devtools("Page.addScriptToEvaluateOnNewDocument", source)
            .await;
        self.go_to(url).await;
    }

    /// Opens a page anew.
    pub(crate) async fn go_to(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Fills in a field, and sends its form.
    pub(crate) async fn submit(&self, field: &str, text: &str) {
        let (field, text) = (json!(field), json!(text));
        let script = format!(
            "(() => {{
               const field = document.querySelector({field});
               field.value = {text};
               field.form.querySelector('button[type=submit]').click();
             }})()"
        );
        self.ask(&script).await;
    }

    /// The text of the first element that matches.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let script = format!("document.querySelector({})?.textContent", json!(selector));
        self.ask(&script)
            .await
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Waits until a script gives true.
    pub(crate) async fn until(&self, what: &str, script: &str) {
        let so = async {
            while self.ask(script).await != json!(true) {
                sleep(Duration::from_millis(100)).await;
            }
        };
        if timeout(PATIENCE, so).await.is_err() {
            let seen = self.text("#health").await;
            panic!(
                "{}: {what} did not show; the status is {seen:?}",
                self.viewport.name
            );
        }
    }

    pub(crate) async fn click(&self, selector: &str) {
        let script = format!("document.querySelector({}).click()", json!(selector));
        self.ask(&script).await;
    }

    /// What the browser wrote into its console since the last time.
    pub(crate) async fn console(&self) -> Vec<Value> {
        let log = Raw("se/log", json!({ "type": "browser" }));
        let log = self.client.issue_cmd(log).await.unwrap();
        log.as_array().unwrap().clone()
    }

    /// Keeps a picture of the whole page in `target/dashboard`.
    pub(crate) async fn picture(&self, name: &str) {
        let wanted = json!({ "format": "png", "captureBeyondViewport": true });
        let picture = self.devtools("Page.captureScreenshot", wanted).await;
        let picture = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        let directory = target().join("dashboard");
        std::fs::create_dir_all(&directory).unwrap();
        let file = directory.join(format!("{}-{name}.png", self.viewport.name));
        std::fs::write(file, picture).unwrap();
    }

    pub(crate) async fn close(self) {
        self.client.close().await.unwrap();
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        let raw = Raw("goog/cdp/execute", body);
        self.client.issue_cmd(raw).await.unwrap()
    }
}

/// A command of ChromeDriver's own: where it goes in the session, and what it says.
#[derive(Debug)]
struct Raw(&'static str, Value);

impl WebDriverCompatibleCommand for Raw {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.0
        ))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.1.to_string()))
    }
}

/// The program that a variable names, or the first of these in `PATH`.
fn program(variable: &str, names: &[&str]) -> PathBuf {
    if let Some(named) = std::env::var_os(variable) {
        return named.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = std::env::split_paths(&path)
        .flat_map(|directory| names.iter().map(move |name| directory.join(name)));
    candidates.into_iter().find(|candidate| candidate.is_file()).unwrap_or_else(|| {
        panic!(
            "{} is not in PATH; install it (apt-get install chromium chromium-driver), or name it in {variable}",
            names[0]
        )
    })
}

/// Where builds go.
fn target() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let named = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    named.unwrap_or_else(|| root.join("target"))
}
