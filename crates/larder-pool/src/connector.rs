//! Making a connection: the one place that knows how to reach the server.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, OnceLock};

use tokio::time::{Instant, timeout};
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, CancelToken, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Error;
use crate::connect_options::{ConnectOptions, Target};
use crate::connection::{Connection, Driver, Link, Lost, SessionSettings, Shared, Watch};
use crate::error::{ConnectError, ConnectErrorCause};
use crate::observer::Observer;
use crate::server_error::{ServerError, with_causes};
use crate::tls::{self, TlsMode};

/// Makes connections by one set of options and looks after the tasks that drive them.
#[derive(Clone)]
pub(crate) struct Connector {
    options: Arc<ConnectOptions>,
    target: Target,
    tls: Option<MakeRustlsConnect>,
    shared: Shared,
    /// The SQL with which a session begins.
    setup: Arc<str>,
    drivers: TaskTracker,
    sever: CancellationToken,
    /// Cuts off the connections apart; `sever` does so too.
    sever_apart: CancellationToken,
    on_notification: Option<Arc<OnNotification>>,
}

/// Told the channel and the payload of a notification.
type OnNotification = dyn Fn(&str, &str) + Send + Sync;

impl Connector {
    /// # Errors
    ///
    /// [`Error::Options`] if the root certificate cannot be read.
    pub(crate) fn new(mut options: ConnectOptions, watch: Arc<Watch>) -> Result<Self, Error> {
        let ssl_mode = match options.tls.mode {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
        };
        options.server.ssl_mode(ssl_mode);
        let tls = match options.tls.mode {
            TlsMode::Disable => None,
            _ => Some(MakeRustlsConnect::new(tls::client_config(&options.tls)?)),
        };
        let sever = CancellationToken::new();
        Ok(Self {
            target: options.target(),
            tls,
            setup: options.setup().into(),
            shared: Shared {
                types: Arc::default(),
                watch,
            },
            options: Arc::new(options),
            drivers: TaskTracker::new(),
            sever_apart: sever.child_token(),
            sever,
            on_notification: None,
        })
    }

    /// The same, for connections beside the pool that nobody observes.
    pub(crate) fn apart(&self, on_notification: Arc<OnNotification>) -> Self {
        let watch = Watch::new(&self.shared.watch.pool, Observer::default());
        Self {
            shared: Shared {
                types: Arc::clone(&self.shared.types),
                watch,
            },
            sever: self.sever_apart.clone(),
            on_notification: Some(on_notification),
            ..self.clone()
        }
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The SQL with which a session begins.
    pub(crate) fn setup(&self) -> &str {
        &self.setup
    }

    pub(crate) fn sends_cancel_requests(&self) -> bool {
        self.options.cancel_requests
    }

    /// Whether a connection may be cut off while the server works for it. The embedded
    /// database, which takes no requests to cancel, ends when its connection breaks.
    pub(crate) fn may_sever(&self) -> bool {
        self.options.cancel_requests
    }

    /// Connects, logs in and sets up. Bounded by `connect_timeout`.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves nothing behind but a half-open socket that closes by itself.
    pub(crate) async fn connect(&self) -> Result<Connection, Error> {
        let limit = self.options.connect_timeout;
        let observer = &self.shared.watch.observer;
        let started = Instant::now();
        let error = match timeout(limit, self.connect_without_deadline()).await {
            Ok(Ok(connection)) => {
                observer.tell(|observer| observer.connected(started.elapsed()));
                return Ok(connection);
            }
            Ok(Err(error)) => self.explain(&error),
            Err(_) => Arc::new(ConnectError {
                target: self.target.clone(),
                cause: ConnectErrorCause::TimedOut,
                detail: format!("gave up after {limit:?}"),
                server: None,
            }),
        };
        observer.tell(|observer| observer.connect_failed(&error));
        Err(Error::Connect(error))
    }

    async fn connect_without_deadline(&self) -> Result<Connection, tokio_postgres::Error> {
        // Before it is known which server it will be.
        let opened = std::time::Instant::now();
        let config = &self.options.server;
        let (client, driver) = match &self.tls {
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await?;
                (client, self.drive(connection))
            }
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                (client, self.drive(connection))
            }
        };
        let settings = SessionSettings::begin(&client, &self.setup).await?;
        let settings = self.shared.watch.common_settings(settings);
        tracing::debug!(target = %self.target, "connect");
        let shared = self.shared.clone();
        let link = Link::new(
            client,
            shared,
            settings,
            driver,
            self.options.answer_timeout,
        );
        Ok(Connection::new(link, opened))
    }

    /// Runs the protocol of a connection in a task of its own until either side closes it.
    fn drive<S, T>(&self, mut connection: tokio_postgres::Connection<S, T>) -> Driver
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let sever = self.sever.clone();
        let on_notification = self.on_notification.clone();
        let lost = Arc::new(OnceLock::new());
        let cause = Arc::clone(&lost);
        let is_standby = connection.parameter("in_hot_standby") == Some("on");
        let task = self.drivers.spawn(async move {
            let messages = async {
                while let Some(message) = poll_fn(|context| connection.poll_message(context)).await
                {
                    match message {
                        Ok(AsyncMessage::Notice(notice)) => {
                            tracing::debug!(severity = notice.severity(), "{}", notice.message());
                        }
                        Ok(AsyncMessage::Notification(notification)) => {
                            if let Some(on_notification) = &on_notification {
                                on_notification(notification.channel(), notification.payload());
                            }
                        }
                        Ok(_) => {}
                        Err(error) => {
                            let error = Lost::by(&error);
                            tracing::debug!(error = error.text, "connection lost");
                            // Only the first is kept, and there is no second.
                            let _ = cause.set(error);
                            return;
                        }
                    }
                }
            };
            tokio::select! {
                () = messages => {}
                () = sever.cancelled() => {}
            }
        });
        Driver {
            task,
            lost,
            is_standby,
        }
    }

    /// Asks the server to end what a connection is running.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the request may or may not have been sent.
    pub(crate) async fn cancel(&self, token: CancelToken) -> Result<(), tokio_postgres::Error> {
        match &self.tls {
            Some(tls) => token.cancel_query(tls.clone()).await,
            None => token.cancel_query(NoTls).await,
        }
    }

    /// Waits until every connection is closed, which needs them to be dropped first.
    ///
    /// # Cancel safety
    ///
    /// May be dropped and called again.
    pub(crate) async fn closed(&self) {
        self.drivers.close();
        self.drivers.wait().await;
    }

    /// Closes the sockets of all connections at once.
    pub(crate) fn sever_all(&self) {
        self.sever.cancel();
    }

    /// Closes the sockets of the connections apart at once.
    pub(crate) fn sever_apart(&self) {
        self.sever_apart.cancel();
    }

    fn explain(&self, error: &tokio_postgres::Error) -> Arc<ConnectError> {
        let detail = with_causes(error);
        Arc::new(ConnectError {
            target: self.target.clone(),
            cause: cause_of(error, &detail),
            server: ServerError::of(error),
            detail,
        })
    }
}

fn cause_of(error: &tokio_postgres::Error, detail: &str) -> ConnectErrorCause {
    if let Some(code) = error.code() {
        return match code.code() {
            code if code.starts_with("28") => ConnectErrorCause::Authentication,
            "3D000" => ConnectErrorCause::UnknownDatabase,
            "53300" => ConnectErrorCause::TooManyConnections,
            "57P03" | "57P01" | "57P02" => ConnectErrorCause::NotReady,
            _ => ConnectErrorCause::Other,
        };
    }
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = source {
        if let Some(cause) = inner.downcast_ref::<io::Error>().and_then(cause_of_io) {
            return cause;
        }
        source = inner.source();
    }
    // tokio-postgres and the resolver give these as text alone.
    if detail.contains("lookup address") {
        ConnectErrorCause::UnknownHost
    } else if detail.contains("TLS") {
        ConnectErrorCause::Tls
    } else if detail.contains("authentication") || detail.contains("password") {
        ConnectErrorCause::Authentication
    } else {
        ConnectErrorCause::Other
    }
}

fn cause_of_io(error: &io::Error) -> Option<ConnectErrorCause> {
    // rustls stands inside the error and not behind it.
    if error
        .get_ref()
        .is_some_and(|inner| inner.is::<rustls::Error>())
    {
        return Some(ConnectErrorCause::Tls);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => {
            Some(ConnectErrorCause::Refused)
        }
        io::ErrorKind::TimedOut => Some(ConnectErrorCause::TimedOut),
        // A server or a balancer that restarts hangs up, also in the middle of TLS.
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Some(ConnectErrorCause::NotReady),
        _ => None,
    }
}
