//! A port of its own.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::Error;

/// How long requests under way have when the instance is shut down.
const DRAIN: Duration = Duration::from_secs(2);

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
) -> io::Result<()> {
    let signal = stopped.clone().cancelled_owned();
    // Who has no token to show is let in by where he comes from.
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(signal);
    let mut serving = std::pin::pin!(serving.into_future());
    tokio::select! {
        served = &mut serving => return served,
        () = stopped.cancelled() => {}
    }
    // Who never ends his request does not keep the instance.
    timeout(DRAIN, serving).await.unwrap_or(Ok(()))
}
