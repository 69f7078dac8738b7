//! A Redis whose answers can be delayed: a proxy before it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::PrivateRedis;
use crate::error::{Error, Result};

/// Passes everything on, answers as late as it is told. Gone when this is dropped.
pub(super) struct SlowRedis {
    url: String,
    /// Milliseconds.
    delay: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
    _redis: PrivateRedis,
}

impl SlowRedis {
    pub(super) async fn start() -> Result<Self> {
        let failed = |error| Error::Redis(format!("start a proxy: {error}"));
        let redis = PrivateRedis::start().await?;
        let behind = redis.url();
        let (credentials, target) = behind.rsplit_once('@').unwrap_or_default();
        let (credentials, target) = (credentials.to_owned(), target.to_owned());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(failed)?;
        let place = listener.local_addr().map_err(failed)?;
        let delay = Arc::new(AtomicU64::new(0));
        let delay_of_all = Arc::clone(&delay);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if let Ok(server) = TcpStream::connect(&target).await {
                    join(client, server, Arc::clone(&delay_of_all));
                }
            }
        });
        Ok(Self {
            url: format!("{credentials}@{place}"),
            delay,
            accepting,
            _redis: redis,
        })
    }

    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// From now on what Redis answers arrives so much later.
    pub(super) fn delay(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.delay.store(by, Ordering::Relaxed);
    }
}

impl Drop for SlowRedis {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn join(client: TcpStream, server: TcpStream, delay: Arc<AtomicU64>) {
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
    });
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(receive(from_server, sender, delay));
    tokio::spawn(deliver(to_client, receiver));
}

/// What arrived, and when it is to be delivered. Later answers are delayed from their own arrival,
/// so they do not queue up.
type Arrived = (Instant, Vec<u8>);

async fn receive(
    mut from: OwnedReadHalf,
    sender: mpsc::UnboundedSender<Arrived>,
    delay: Arc<AtomicU64>,
) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let by = Duration::from_millis(delay.load(Ordering::Relaxed));
        let arrived = (Instant::now() + by, buffer[..count].to_vec());
        if sender.send(arrived).is_err() {
            return;
        }
    }
}

async fn deliver(mut to: OwnedWriteHalf, mut receiver: mpsc::UnboundedReceiver<Arrived>) {
    while let Some((when, bytes)) = receiver.recv().await {
        sleep_until(when).await;
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}
