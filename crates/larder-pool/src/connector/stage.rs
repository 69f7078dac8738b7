//! How far an attempt to connect came, noted on the way: tokio-postgres says it by text alone.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};

/// How far an attempt came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is no socket yet.
    Dialing,
    /// There is one. The server may have been asked for TLS.
    Connected,
    /// Server and client agree on keys and look at certificates.
    Handshake,
    /// Everything goes through TLS.
    Encrypted,
}

impl Stage {
    const ALL: [Self; 4] = [
        Self::Dialing,
        Self::Connected,
        Self::Handshake,
        Self::Encrypted,
    ];
}

/// Written by [`Staged`], read when the attempt has failed.
#[derive(Clone, Default)]
pub(super) struct Progress(Arc<AtomicU8>);

impl Progress {
    pub(super) fn stage(&self) -> Stage {
        let index = usize::from(self.0.load(Ordering::Relaxed));
        Stage::ALL.get(index).copied().unwrap_or(Stage::Dialing)
    }

    fn reached(&self, stage: Stage) {
        self.0.store(stage as u8, Ordering::Relaxed);
    }
}

/// A maker of TLS connections that notes how far it is asked to go.
#[derive(Clone)]
pub(super) struct Staged<T> {
    inner: T,
    progress: Progress,
}

impl<T> Staged<T> {
    pub(super) fn new(inner: T, progress: Progress) -> Self {
        Self { inner, progress }
    }
}

impl<S, T> MakeTlsConnect<S> for Staged<T>
where
    T: MakeTlsConnect<S>,
    T::TlsConnect: Send + 'static,
    <T::TlsConnect as TlsConnect<S>>::Future: Send,
    S: Send + 'static,
{
    type Stream = T::Stream;
    type TlsConnect = Staged<T::TlsConnect>;
    type Error = T::Error;

    /// Called once the socket is connected.
    fn make_tls_connect(&mut self, host: &str) -> Result<Self::TlsConnect, T::Error> {
        self.progress.reached(Stage::Connected);
        let inner = self.inner.make_tls_connect(host)?;
        Ok(Staged::new(inner, self.progress.clone()))
    }
}

impl<S, T> TlsConnect<S> for Staged<T>
where
    T: TlsConnect<S> + Send + 'static,
    T::Future: Send,
    S: Send + 'static,
{
    type Stream = T::Stream;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<T::Stream, T::Error>> + Send>>;

    /// Called once the server has agreed to use TLS.
    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            self.progress.reached(Stage::Handshake);
            let stream = self.inner.connect(stream).await?;
            self.progress.reached(Stage::Encrypted);
            Ok(stream)
        })
    }
}
