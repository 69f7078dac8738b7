//! Making a connection: the one place that knows how to reach the server.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{AsyncMessage, CancelToken, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::form_urlencoded;

use crate::Error;
use crate::connection::{Connection, Driver, Link, TypeCatalog};
use crate::error::{ConnectError, ConnectErrorCause};
use crate::server_error::{ServerError, with_causes};
use crate::tls::{self, TlsMode, TlsOptions};

/// How to reach a server, and how a new connection is set up.
#[derive(Clone)]
#[non_exhaustive]
pub struct ConnectOptions {
    server: Config,
    /// Whether and how strictly the connection is encrypted.
    pub tls: TlsOptions,
    /// How long connecting may take in all: looking up the host, TLS, logging in. 10 s by default.
    pub connect_timeout: Duration,
    /// Settings of the server, sent after logging in. The time zone is UTC unless it stands here.
    pub settings: Vec<(String, String)>,
    /// How long a statement may stay without an answer. `None`, the default, leaves that to
    /// the server's `statement_timeout`; the embedded database has none.
    pub answer_timeout: Option<Duration>,
    /// Whether the server takes requests to cancel a statement, over a connection of
    /// their own. The embedded database, which has one connection, does not.
    pub cancel_requests: bool,
}

impl ConnectOptions {
    /// Options from a URL such as `postgres://user:password@host:5432/database?sslmode=require`.
    ///
    /// `postgresql://` and `postgresql+driver://` are accepted too. `sslmode` and
    /// `sslrootcert` are read from the query; without `sslmode` it is `prefer`.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] with what is wrong; the URL itself is never repeated.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let options = |problem: &str| Error::Options(problem.to_owned());
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| options("the URL has no scheme; it should begin with postgres://"))?;
        let scheme = scheme.split('+').next().unwrap_or_default();
        if !matches!(scheme, "postgres" | "postgresql") {
            return Err(options(
                "the scheme of the URL is not postgres:// or postgresql://",
            ));
        }
        // Not parsed as a URL of the web: PostgreSQL's may name several hosts.
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        // What is not encoded would become part of a host or of a parameter, and be shown.
        if place.matches('@').count() > 1 {
            return Err(options(
                "the URL has several `@`; in user and password it is written %40",
            ));
        }
        let (tls, query) = take_tls(query)?;
        let server = Config::from_str(&format!("postgres://{place}?{query}")).map_err(|error| {
            Error::Options(format!("the URL cannot be used: {}", with_causes(&error)))
        })?;
        let options = Self {
            server,
            tls,
            connect_timeout: Duration::from_secs(10),
            settings: Vec::new(),
            answer_timeout: None,
            cancel_requests: true,
        };
        // Without these a connection whose other end is gone would look alive for hours.
        Ok(options.keepalive(Duration::from_secs(30), Duration::from_secs(10), 3))
    }

    /// The name under which the server lists the connections.
    pub fn application_name(mut self, name: &str) -> Self {
        self.server.application_name(name);
        self
    }

    /// TCP keepalive: idle time before the first probe, time between probes, and how
    /// many may stay without an answer. The product also bounds how long sent data may
    /// stay unacknowledged.
    pub fn keepalive(mut self, idle: Duration, interval: Duration, count: u32) -> Self {
        self.server
            .keepalives(true)
            .keepalives_idle(idle)
            .keepalives_interval(interval)
            .keepalives_retries(count)
            .tcp_user_timeout(idle + interval * count);
        self
    }

    /// Adds a setting of the server, such as `statement_timeout`.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Where the options point to, without the password.
    pub fn target(&self) -> Target {
        let hosts = self.server.get_hosts().iter();
        let ports = self.server.get_ports();
        let hosts = hosts.enumerate().map(|(index, host)| {
            let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                Host::Unix(path) => format!("{}:{port}", path.display()),
            }
        });
        Target {
            hosts: hosts.collect::<Vec<_>>().join(","),
            user: self.server.get_user().unwrap_or_default().to_owned(),
            database: self.server.get_dbname().unwrap_or_default().to_owned(),
        }
    }

    fn setup(&self) -> String {
        // Raw SQL is read on our side too, and has to mean the same there.
        let defaults = [("TimeZone", "UTC"), ("standard_conforming_strings", "on")];
        let settings = self.settings.iter();
        defaults
            .into_iter()
            .chain(settings.map(|(name, value)| (name.as_str(), value.as_str())))
            .map(|(name, value)| {
                format!(
                    "SELECT pg_catalog.set_config('{}', '{}', false);",
                    name.replace('\'', "''"),
                    value.replace('\'', "''")
                )
            })
            .collect()
    }
}

/// The URL is a secret as a whole: only where it points to is shown.
impl fmt::Debug for ConnectOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ConnectOptions")
            .field("target", &self.target())
            .field("tls", &self.tls)
            .field("connect_timeout", &self.connect_timeout)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Takes out of the query what tokio-postgres does not know in full; gives the rest.
fn take_tls(query: &str) -> Result<(TlsOptions, String), Error> {
    let mut tls = TlsOptions::default();
    let mut rest = form_urlencoded::Serializer::new(String::new());
    // libpq reads a plus sign as itself and not as a space.
    let query = query.replace('+', "%2B");
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        if !key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            return Err(Error::Options(
                "the URL has a parameter with an impossible name; in user and password `?` is written %3F and `&` %26".to_owned(),
            ));
        }
        match &*key {
            "sslmode" => tls.mode = TlsMode::from_str(&value)?,
            "sslrootcert" => tls.root_certificate = Some(value.into_owned().into()),
            _ => {
                rest.append_pair(&key, &value);
            }
        }
    }
    if tls.mode == TlsMode::Require && tls.root_certificate.is_some() {
        // As libpq does: whoever names authorities wants them asked.
        tls.mode = TlsMode::VerifyCa;
    }
    Ok((tls, rest.finish().replace('+', "%20")))
}

/// The place that a connection leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Host and port, or several separated by commas.
    pub hosts: String,
    /// The user who logs in.
    pub user: String,
    /// The database.
    pub database: String,
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "database `{}` on {} as `{}`",
            self.database, self.hosts, self.user
        )
    }
}

/// Makes connections by one set of options and looks after the tasks that drive them.
#[derive(Clone)]
pub(crate) struct Connector {
    options: Arc<ConnectOptions>,
    target: Target,
    tls: Option<MakeRustlsConnect>,
    types: Arc<TypeCatalog>,
    drivers: TaskTracker,
    sever: CancellationToken,
}

impl Connector {
    /// # Errors
    ///
    /// [`Error::Options`] if the root certificate cannot be read.
    pub(crate) fn new(mut options: ConnectOptions) -> Result<Self, Error> {
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
        Ok(Self {
            target: options.target(),
            options: Arc::new(options),
            tls,
            types: Arc::default(),
            drivers: TaskTracker::new(),
            sever: CancellationToken::new(),
        })
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
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
        match timeout(limit, self.connect_without_deadline()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(self.explain(&error).into()),
            Err(_) => Err(Error::Connect(Arc::new(ConnectError {
                target: self.target.clone(),
                cause: ConnectErrorCause::TimedOut,
                detail: format!("gave up after {limit:?}"),
                server: None,
            }))),
        }
    }

    async fn connect_without_deadline(&self) -> Result<Connection, tokio_postgres::Error> {
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
        client.batch_execute(&self.options.setup()).await?;
        tracing::debug!(target = %self.target, "connect");
        let types = Arc::clone(&self.types);
        let link = Link::new(client, types, driver, self.options.answer_timeout);
        Ok(Connection::new(link))
    }

    /// Runs the protocol of a connection in a task of its own until either side closes it.
    fn drive<S, T>(&self, mut connection: tokio_postgres::Connection<S, T>) -> Driver
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let sever = self.sever.clone();
        let lost = Arc::new(OnceLock::new());
        let cause = Arc::clone(&lost);
        let task = self.drivers.spawn(async move {
            let messages = async {
                while let Some(message) = poll_fn(|context| connection.poll_message(context)).await
                {
                    match message {
                        Ok(AsyncMessage::Notice(notice)) => {
                            tracing::debug!(severity = notice.severity(), "{}", notice.message());
                        }
                        Ok(_) => {}
                        Err(error) => {
                            let error = with_causes(&error);
                            tracing::debug!(error, "connection lost");
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
        Driver { task, lost }
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

impl From<Arc<ConnectError>> for Box<ConnectError> {
    fn from(error: Arc<ConnectError>) -> Self {
        Self::new((*error).clone())
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
