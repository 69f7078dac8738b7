//! What stands between a test and its server, and can be slow or rude.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Forwards to a server.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    hindrance: Arc<Hindrance>,
}

#[derive(Default)]
struct Hindrance {
    /// Milliseconds that each part of a reply takes.
    delay: AtomicU64,
    /// After so many bytes of replies the connection is cut; 0: never.
    cut: AtomicU64,
}

impl Proxy {
    pub(crate) async fn start(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let hindrance = Arc::new(Hindrance::default());
        let shared = Arc::clone(&hindrance);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, server, Arc::clone(&shared)));
            }
        });
        Self { port, hindrance }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn delay(&self, delay: Duration) {
        let milliseconds = delay.as_millis().try_into().unwrap();
        self.hindrance.delay.store(milliseconds, Ordering::SeqCst);
    }

    /// Cuts a connection after so many bytes of replies.
    pub(crate) fn cut_after(&self, bytes: u64) {
        self.hindrance.cut.store(bytes, Ordering::SeqCst);
    }
}

async fn forward(client: TcpStream, server: u16, hindrance: Arc<Hindrance>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
        tokio::time::sleep(Duration::from_millis(
            hindrance.delay.load(Ordering::SeqCst),
        ))
        .await;
        let cut = usize::try_from(hindrance.cut.load(Ordering::SeqCst)).unwrap();
        let whole = cut == 0 || read <= cut;
        let part = if whole { read } else { cut };
        if to_client.write_all(&buffer[..part]).await.is_err() {
            return;
        }
        if !whole {
            // Both halves go, and the client sees it.
            hindrance.cut.store(0, Ordering::SeqCst);
            return;
        }
    }
}
