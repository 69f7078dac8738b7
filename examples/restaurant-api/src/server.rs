//! Serving until told to stop, and then letting what is under way come to its end.

use std::io;
use std::time::Duration;

use axum::Router;
use larder::Larder;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::router;

/// How long the requests that are under way have to end after the signal to stop: 10 seconds.
pub const DRAIN: Duration = Duration::from_secs(10);

/// Serves the API until `shutdown` completes. Then it takes no new connections, waits for the
/// requests under way, [`DRAIN`] at most, and returns. The instance goes on: shutting it down is
/// the caller's business.
///
/// # Errors
///
/// If the listener fails.
///
/// # Cancel safety
///
/// Dropped, it takes no new connections; requests under way go on in the background.
pub async fn serve(
    listener: TcpListener,
    larder: Larder,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    run(listener, router(larder), shutdown, DRAIN).await
}

async fn run(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
    drain: Duration,
) -> io::Result<()> {
    let (told, telling) = oneshot::channel();
    let signal = async move {
        shutdown.await;
        // Nobody listens where the server has failed.
        let _ = told.send(());
    };
    let serving = axum::serve(listener, router).with_graceful_shutdown(signal);
    let overdue = async {
        match telling.await {
            Ok(()) => tokio::time::sleep(drain).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        served = serving.into_future() => served,
        () = overdue => {
            tracing::warn!("requests were still under way after {drain:?}; they are given up");
            Ok(())
        }
    }
}

/// Completes when the program is told to stop: by Ctrl-C, or on Unix by SIGTERM.
///
/// # Cancel safety
///
/// May be dropped at any time. A signal that comes later ends the program no more at once:
/// from its first call on, the program handles these signals itself.
pub async fn shutdown_signal() {
    let interrupt = async {
        // Without a handler Ctrl-C ends the program, which is what it is for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = interrupt => {}
        () = terminate() => {}
    }
}

#[cfg(unix)]
async fn terminate() {
    use tokio::signal::unix::{SignalKind, signal};

    match signal(SignalKind::terminate()) {
        Ok(mut signals) => {
            signals.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminate() {
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpStream;

    use super::*;

    /// Tells a server to stop while somebody has sent half a request.
    async fn stop_during_half_a_request(drain: Duration) -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut client = TcpStream::connect(listener.local_addr()?).await?;
        client.write_all(b"GET /health HTTP/1.1\r\nHost: ").await?;
        let signal = tokio::time::sleep(Duration::from_millis(50));
        run(listener, Router::new(), signal, drain).await
    }

    #[tokio::test]
    async fn who_never_ends_a_request_does_not_keep_the_server() {
        let ended = stop_during_half_a_request(Duration::from_millis(50));
        let patience = Duration::from_secs(20);
        assert!(matches!(
            tokio::time::timeout(patience, ended).await,
            Ok(Ok(()))
        ));
    }
}
