//! The thread of a proxy: it accepts connections, or refuses them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, mpsc};

use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc as orders;

use super::conditions::Way;
use super::connection;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Accepts connections until it is dropped.
pub(super) struct Listener {
    orders: orders::UnboundedSender<Order>,
}

/// What it is told to do, and where it says that it is done.
struct Order {
    accept: bool,
    done: mpsc::Sender<()>,
}

/// The port of the proxy: it is kept while it refuses.
enum Port {
    Open(TcpListener),
    Closed(TcpSocket),
}

impl Listener {
    pub(super) fn start(way: Arc<Way>) -> io::Result<(Self, SocketAddr)> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let guard = runtime.enter();
        let port = Port::closed(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?.open()?;
        drop(guard);
        let address = port.address()?;
        let (orders, given) = orders::unbounded_channel();
        std::thread::Builder::new()
            .name("larder-proxy".to_owned())
            .spawn(move || run(&runtime, port, address, given, &way))?;
        Ok((Self { orders }, address))
    }

    /// Refuses new connections; they are refused when this returns.
    pub(super) fn refuse(&self) {
        self.order(false);
    }

    /// Accepts new connections.
    pub(super) fn accept(&self) {
        self.order(true);
    }

    fn order(&self, accept: bool) {
        let (done, is_done) = mpsc::channel();
        if self.orders.send(Order { accept, done }).is_ok() {
            // It fails if the thread is gone, and then nothing is accepted anyway.
            let _ = is_done.recv();
        }
    }
}

fn run(
    runtime: &Runtime,
    port: Port,
    address: SocketAddr,
    mut orders: orders::UnboundedReceiver<Order>,
    way: &Arc<Way>,
) {
    runtime.block_on(async {
        let mut port = Some(port);
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => {
                    let Some(Order { accept, done }) = order else { return };
                    port = match switch(port.take(), accept, address).await {
                        Ok(port) => Some(port),
                        Err(error) => {
                            tracing::warn!("the port of a proxy is lost: {error}");
                            None
                        }
                    };
                    let _ = done.send(());
                }
                accepted = next(port.as_ref()) => {
                    if let Ok(client) = accepted {
                        tokio::spawn(connection::forward(Arc::clone(way), client));
                    }
                }
            }
        }
    });
}

async fn next(port: Option<&Port>) -> io::Result<tokio::net::TcpStream> {
    match port {
        Some(Port::Open(listener)) => listener.accept().await.map(|(client, _)| client),
        _ => std::future::pending().await,
    }
}

async fn switch(port: Option<Port>, accept: bool, address: SocketAddr) -> io::Result<Port> {
    match (port, accept) {
        (Some(port @ Port::Open(_)), true) | (Some(port @ Port::Closed(_)), false) => Ok(port),
        (Some(port @ Port::Closed(_)), true) => port.open(),
        (open, accept) => {
            drop(open);
            let port = Port::closed(address)?;
            if accept { port.open() } else { Ok(port) }
        }
    }
}

impl Port {
    /// A port that nobody else gets and on which nobody listens.
    fn closed(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Self::Closed(socket))
    }

    fn open(self) -> io::Result<Self> {
        match self {
            Self::Closed(socket) => socket.listen(BACKLOG).map(Self::Open),
            open @ Self::Open(_) => Ok(open),
        }
    }

    fn address(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Open(listener) => listener.local_addr(),
            Self::Closed(socket) => socket.local_addr(),
        }
    }
}
