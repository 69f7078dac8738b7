//! Requests to end what a connection is running.
//!
//! The request has no answer. What takes it closes the connection when it has passed it on, and
//! a pooler that has to connect for that drops the request of whoever hangs up before. So we wait
//! until the other side closes, as libpq does and tokio-postgres does not.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{CancelToken, Config, NoTls};

use super::Connector;
use crate::tls::TlsSource;

/// How long a request may take in all.
const LIMIT: Duration = Duration::from_secs(10);

/// Where a connection leads to.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    name: String,
    address: Option<IpAddr>,
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are no such sockets"))]
    socket: Option<PathBuf>,
    port: u16,
}

impl Route {
    /// Of a configuration with one host.
    pub(super) fn of(config: &Config) -> Self {
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let (name, socket) = match config.get_hosts().first() {
            Some(Host::Tcp(name)) => (name.clone(), None),
            #[cfg(unix)]
            Some(Host::Unix(path)) => {
                let socket = path.join(format!(".s.PGSQL.{port}"));
                (String::new(), Some(socket))
            }
            None => (String::new(), None),
        };
        Self {
            name,
            address: config.get_hostaddrs().first().copied(),
            socket,
            port,
        }
    }
}

impl Connector {
    /// Asks the server to end what a connection is running, and waits until it was told.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the request may or may not have been sent.
    pub(crate) fn cancel(
        &self,
        token: CancelToken,
        route: &Route,
    ) -> BoxFuture<'static, io::Result<()>> {
        let tls = self.tls.as_ref().map(TlsSource::latest);
        let route = route.clone();
        let asking = async move {
            let name = match route.name.is_empty() {
                true => "localhost".to_owned(),
                false => route.name.clone(),
            };
            #[cfg(unix)]
            if let Some(path) = route.socket {
                let socket = Lingering(tokio::net::UnixStream::connect(path).await?);
                // libpq knows no TLS on sockets of the same machine.
                let asked = token.cancel_query_raw(socket, NoTls).await;
                return asked.map_err(io::Error::other);
            }
            let socket = match route.address {
                Some(address) => TcpStream::connect((address, route.port)).await?,
                None => TcpStream::connect((route.name, route.port)).await?,
            };
            let socket = Lingering(socket);
            let asked = match tls {
                Some(mut tls) => {
                    let tls =
                        MakeTlsConnect::<Lingering<TcpStream>>::make_tls_connect(&mut tls, &name);
                    let tls = LingeringTls(tls.map_err(io::Error::other)?);
                    token.cancel_query_raw(socket, tls).await
                }
                None => token.cancel_query_raw(socket, NoTls).await,
            };
            asked.map_err(io::Error::other)
        };
        async move { timeout(LIMIT, asking).await? }.boxed()
    }
}

/// A stream that is shut down by the other side: shutting it down waits for that.
struct Lingering<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut bytes = [0; 64];
            let mut buffer = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut self.0).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                // However it was closed, it was.
                Ok(()) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<S: TlsStream + Unpin> TlsStream for Lingering<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.0.channel_binding()
    }
}

/// TLS whose end waits for the other side, too.
struct LingeringTls<T>(T);

impl<S, T> TlsConnect<S> for LingeringTls<T>
where
    T: TlsConnect<S> + Send + 'static,
    T::Future: Send,
    T::Stream: Send,
    S: Send + 'static,
{
    type Stream = Lingering<T::Stream>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, T::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { self.0.connect(stream).await.map(Lingering) })
    }
}
