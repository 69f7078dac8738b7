//! A port of its own.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Error;

/// How long requests under way have when the instance is shut down.
const DRAIN: Duration = Duration::from_secs(2);

/// How long to wait where the system gives no connection, as when too many files are open.
const PAUSE: Duration = Duration::from_secs(1);

/// What visitors may take of the instance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How many connections are served at the same time; the others wait.
    connections: usize,
    /// How long the headers of a request may take, and how long a connection may wait for one.
    silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            silence: Duration::from_secs(15),
        }
    }
}

/// Takes the address of the settings. Where it is taken and `any_port` is given, any other port:
/// a second process of a developer is no fault.
///
/// # Errors
///
/// [`Error::Listen`].
///
/// # Cancel safety
///
/// May be dropped at any time.
pub async fn bind(address: SocketAddr, any_port: bool) -> Result<TcpListener, Error> {
    let listen = async |address: SocketAddr| {
        let listener = TcpListener::bind(address).await;
        listener.map_err(|source| Error::Listen { address, source })
    };
    match listen(address).await {
        Err(Error::Listen { source, .. })
            if any_port && source.kind() == io::ErrorKind::AddrInUse =>
        {
            listen(SocketAddr::new(address.ip(), 0)).await
        }
        bound => bound,
    }
}

/// Serves until told to stop, and then lets what is under way come to its end.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    stopped: CancellationToken,
    limits: Limits,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    let accepting = async {
        // The semaphore is never closed.
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let (stream, peer) = accept(&listener).await;
            // Who has no token to show is let in by where he comes from.
            let router = router.clone().layer(Extension(ConnectInfo(peer)));
            let serving = connection(stream, router, stopped.clone(), limits.silence);
            connections.spawn(async move {
                serving.await;
                drop(place);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stopped.cancelled() => {}
    }
    drop(listener);
    connections.close();
    // Who never ends his request does not keep the instance.
    if timeout(DRAIN, connections.wait()).await.is_err() {
        tracing::debug!("requests to the admin pages were still under way at the end");
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        let error = match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => error,
        };
        let has_left = matches!(
            error.kind(),
            io::ErrorKind::ConnectionRefused
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
        );
        if !has_left {
            tracing::error!(%error, "failed to take a connection to the admin pages");
            sleep(PAUSE).await;
        }
    }
}

/// Answers the requests of a connection, one after the other.
async fn connection(
    stream: TcpStream,
    router: Router,
    stopped: CancellationToken,
    silence: Duration,
) {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(silence);
    let service = TowerToHyperService::new(router);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stopped.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(error, "a connection to the admin pages broke");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::task::JoinSet;

    use super::*;

    /// Long enough for a busy machine.
    const PATIENCE: Duration = Duration::from_secs(60);

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

    async fn served(router: Router, limits: Limits) -> (SocketAddr, CancellationToken) {
        let listener = bind(([127, 0, 0, 1], 0).into(), false).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stopped = CancellationToken::new();
        tokio::spawn(serve(listener, router, stopped.clone(), limits));
        (address, stopped)
    }

    /// What is answered to these bytes, until the connection is closed.
    async fn answer(address: SocketAddr, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        read.unwrap().unwrap();
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn who_asks_for_nothing_is_let_go() {
        let limits = Limits {
            silence: Duration::from_millis(300),
            ..Limits::default()
        };
        let router = Router::new().route("/", get(|| async { "here" }));
        let (address, _stopped) = served(router, limits).await;
        for bytes in [&b""[..], b"GET / HTTP/1.1\r\nHost: local"] {
            let answer = answer(address, bytes).await;
            assert!(!answer.contains("here"), "{answer}");
        }
    }

    #[tokio::test]
    async fn no_more_connections_are_served_than_there_are_places() {
        const PLACES: usize = 2;
        let limits = Limits {
            connections: PLACES,
            ..Limits::default()
        };
        let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&most);
        let router = Router::new().route(
            "/",
            get(move || async move {
                most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // The others come meanwhile, if they are let in.
                sleep(Duration::from_millis(50)).await;
                inside.fetch_sub(1, Ordering::SeqCst);
                "here"
            }),
        );
        let (address, _stopped) = served(router, limits).await;
        let mut visitors = JoinSet::new();
        for _ in 0..10 {
            visitors.spawn(answer(address, REQUEST));
        }
        for answer in visitors.join_all().await {
            assert!(answer.ends_with("here"), "{answer}");
        }
        assert!((1..=PLACES).contains(&counted.load(Ordering::SeqCst)));
    }

    #[tokio::test]
    async fn a_request_under_way_is_answered_after_the_stop() {
        let stop = CancellationToken::new();
        let told = stop.clone();
        let router = Router::new().route(
            "/",
            get(move || async move {
                told.cancel();
                tokio::task::yield_now().await;
                "here"
            }),
        );
        let listener = bind(([127, 0, 0, 1], 0).into(), false).await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve(listener, router, stop, Limits::default()));
        assert!(answer(address, REQUEST).await.ends_with("here"));
        timeout(PATIENCE, serving).await.unwrap().unwrap();
    }
}
