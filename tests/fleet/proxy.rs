//! A way to a server that can be cut and led elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU16, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections to a port of this machine.
pub(super) struct Proxy {
    port: u16,
    way: Arc<Way>,
}

struct Way {
    /// Where to; 0 for nowhere.
    to: AtomicU16,
    /// How many bytes of answers go through before a connection is reset; negative for all.
    left: AtomicI64,
    /// Grows when all connections are to be cut.
    cut: watch::Sender<u64>,
}

impl Proxy {
    pub(super) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let way = Arc::new(Way {
            to: AtomicU16::new(port),
            left: AtomicI64::new(-1),
            cut: watch::Sender::new(0),
        });
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            way: Arc::clone(&way),
        };
        tokio::spawn(async move {
            let mut cut = way.cut.subscribe();
            while let Ok((client, _)) = listener.accept().await {
                cut.mark_unchanged();
                tokio::spawn(Arc::clone(&way).forward(client, cut.clone()));
            }
        });
        proxy
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Cuts all connections. Others are not let through until it is led somewhere again.
    pub(super) fn cut(&self) {
        self.lead_to(0);
    }

    /// Cuts all connections; others go there from now on.
    pub(super) fn lead_to(&self, port: u16) {
        self.way.to.store(port, Ordering::SeqCst);
        self.way.cut.send_modify(|cut| *cut += 1);
    }

    /// Resets the connection that is in the middle of an answer when so many more bytes have gone
    /// through.
    pub(super) fn reset_after(&self, bytes: i64) {
        self.way.left.store(bytes, Ordering::SeqCst);
    }
}

impl Way {
    async fn forward(self: Arc<Self>, client: TcpStream, mut cut: watch::Receiver<u64>) {
        let port = self.to.load(Ordering::SeqCst);
        if port == 0 {
            return;
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
            return;
        };
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let answers = async {
            let mut buffer = vec![0; 1 << 16];
            loop {
                let read = from_server.read(&mut buffer).await.unwrap_or(0);
                let left = self.left.load(Ordering::SeqCst);
                let through = usize::try_from(left).map_or(read, |left| read.min(left));
                if left >= 0 {
                    self.left.fetch_sub(through as i64, Ordering::SeqCst);
                }
                let written = to_client.write_all(&buffer[..through]).await;
                if read == 0 || written.is_err() || through < read {
                    break;
                }
            }
            if self.left.load(Ordering::SeqCst) == 0 {
                self.left.store(-1, Ordering::SeqCst);
            }
        };
        tokio::select! {
            () = answers => {}
            _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
            _ = cut.changed() => {}
        }
        // Not a farewell but a reset.
        if let Ok(client) = from_client.reunite(to_client) {
            let _ = client.set_zero_linger();
        }
    }
}
