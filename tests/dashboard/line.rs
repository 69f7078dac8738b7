//! A line to the instance that can fall silent: connections are taken, and nothing passes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A port that leads to the instance. It ends with its connections when this is dropped.
pub(crate) struct Line {
    pub(crate) address: SocketAddr,
    is_silent: watch::Sender<bool>,
    opened: Arc<AtomicUsize>,
    taking: JoinHandle<()>,
}

impl Line {
    pub(crate) async fn to(instance: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (is_silent, silence) = watch::channel(false);
        let opened = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&opened);
        let taking = tokio::spawn(async move {
            while let Ok((visitor, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let Ok(server) = TcpStream::connect(instance).await else {
                    continue;
                };
                let (from_visitor, to_visitor) = visitor.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(pass(from_visitor, to_server, silence.clone()));
                tokio::spawn(pass(from_server, to_visitor, silence.clone()));
            }
        });
        Self {
            address,
            is_silent,
            opened,
            taking,
        }
    }

    /// From now on nothing passes, or all does.
    pub(crate) fn silence(&self, is_silent: bool) {
        self.is_silent.send_replace(is_silent);
    }

    /// How many connections were taken.
    pub(crate) fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.taking.abort();
    }
}

/// Passes on what comes, as soon as it may.
async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut silence: watch::Receiver<bool>,
) {
    let mut piece = vec![0; 16 * 1024];
    while let Ok(length) = from.read(&mut piece).await {
        let may_pass = silence.wait_for(|is_silent| !is_silent).await.is_ok();
        if length == 0 || !may_pass || to.write_all(&piece[..length]).await.is_err() {
            break;
        }
    }
}
