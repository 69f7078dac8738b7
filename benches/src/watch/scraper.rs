//! A page of metrics over HTTP, and somebody who asks for it a hundred times a second.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use larder::prelude::Larder;

use crate::error::{Error, Result};

/// How many ask: on a busy machine an answer takes longer than the pause between two scrapes.
const ASKING: u32 = 8;

/// Between two scrapes of one of them: 100 a second of all.
const PAUSE: Duration = Duration::from_millis(10 * ASKING as u64);

/// Those who scrape while told to. They end when this is dropped.
pub(super) struct Scraper {
    shared: Arc<Shared>,
    threads: Vec<std::thread::JoinHandle<std::io::Result<()>>>,
}

#[derive(Default)]
struct Shared {
    scrapes: AtomicBool,
    ends: AtomicBool,
    made: AtomicU64,
    bytes: AtomicU64,
}

impl Scraper {
    /// The instance serves its page in this runtime, as that of a service does. It is asked from
    /// threads beside it, as Prometheus would from another process.
    pub(super) fn start(larder: &Larder) -> Result<Self> {
        let address = larder.admin_address().ok_or(Error::NoPages)?;
        let shared = Arc::new(Shared::default());
        let threads = (0..ASKING).map(|number| {
            let told = Arc::clone(&shared);
            std::thread::spawn(move || ask(address, PAUSE / ASKING * number, &told))
        });
        let threads = threads.collect();
        Ok(Self { shared, threads })
    }

    pub(super) fn scrape(&self, on: bool) {
        self.shared.scrapes.store(on, Ordering::Relaxed);
    }

    /// How many pages it got.
    pub(super) fn made(&self) -> u64 {
        self.shared.made.load(Ordering::Relaxed)
    }

    /// The size of the last page.
    pub(super) fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Ends them. Waited for beside the runtime: it has to answer those who still ask.
    pub(super) async fn stop(mut self) -> Result<()> {
        self.shared.ends.store(true, Ordering::Relaxed);
        let threads = std::mem::take(&mut self.threads);
        let joining = tokio::task::spawn_blocking(move || {
            let ended = threads.into_iter().map(std::thread::JoinHandle::join);
            ended.collect::<Vec<_>>()
        });
        for ended in joining.await.map_err(|_| Error::Panicked)? {
            ended.map_err(|_| Error::Panicked)??;
        }
        Ok(())
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
    }
}

fn ask(address: SocketAddr, offset: Duration, shared: &Shared) -> std::io::Result<()> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut stream = BufReader::with_capacity(1 << 20, stream);
    let mut due = Instant::now() + offset;
    while !shared.ends.load(Ordering::Relaxed) {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        // What was missed is not made up for.
        due = (due + PAUSE).max(Instant::now());
        if shared.scrapes.load(Ordering::Relaxed) {
            stream
                .get_mut()
                .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
            let bytes = page(&mut stream)?;
            shared.bytes.store(bytes, Ordering::Relaxed);
            shared.made.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Reads an answer, and says how long its page is. With few calls of the system: who asks is on
/// this machine, and what it costs him is not what it costs the instance.
fn page(stream: &mut BufReader<TcpStream>) -> std::io::Result<u64> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == "\r\n" {
            break;
        }
        let line = line.to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok();
        }
    }
    let length = length.ok_or(std::io::ErrorKind::InvalidData)?;
    std::io::copy(&mut stream.take(length), &mut std::io::sink())
}
