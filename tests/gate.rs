//! A way to the Redis of the tests that can be shut: a Redis that stops, for one test alone.

use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Passes connections on to Redis while it is open. Shut, it ends all of them, and every new one.
pub(crate) struct Gate {
    url: String,
    open: Arc<watch::Sender<bool>>,
    _tasks: JoinSet<()>,
}

impl Gate {
    /// An open gate to the Redis that the environment names.
    pub(crate) async fn open() -> Self {
        let url = std::env::var("LARDER_TEST_REDIS_URL").unwrap_or_else(|_| {
            panic!("LARDER_TEST_REDIS_URL names no Redis; `cargo xtask test` starts one")
        });
        let (before, host) = match url.rsplit_once('@') {
            Some((before, host)) => (format!("{before}@"), host),
            None => ("redis://".to_owned(), url.trim_start_matches("redis://")),
        };
        let host = host.split('/').next().unwrap_or(host).to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("{before}{}", listener.local_addr().unwrap());
        let open = Arc::new(watch::Sender::new(true));
        let mut tasks = JoinSet::new();
        tasks.spawn(pass_on(listener, host, Arc::clone(&open)));
        Self {
            url,
            open,
            _tasks: tasks,
        }
    }

    /// The URL of Redis by the way of this gate.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }
}

async fn pass_on(listener: TcpListener, host: String, open: Arc<watch::Sender<bool>>) {
    let mut passing = JoinSet::new();
    while let Ok((mut from, _)) = listener.accept().await {
        let (host, mut state) = (host.clone(), open.subscribe());
        passing.spawn(async move {
            let pass = async {
                let mut to = TcpStream::connect(host).await?;
                copy_bidirectional(&mut from, &mut to).await
            };
            tokio::select! {
                biased;
                _ = state.wait_for(|open| !open) => {}
                _ = pass => {}
            }
        });
    }
}
