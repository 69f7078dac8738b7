//! Where to connect to and how: read from a URL, changed by code.

mod host;
mod url;

use std::error::Error as StdError;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use tokio_postgres::Config;
use tokio_postgres::config::LoadBalanceHosts;

use crate::Error;
use crate::connection::TransactionDefaults;
use crate::password::{PasswordProvider, PasswordRequest};
use crate::tls::TlsOptions;

pub(crate) use host::Place;
pub use host::{PoolerMode, Target, TargetSessionAttrs};
use url::TcpParameters;

/// How to reach a server, and how a new connection is set up.
#[derive(Clone)]
#[non_exhaustive]
pub struct ConnectOptions {
    pub(crate) server: Config,
    pub(crate) places: Vec<Place>,
    /// Whether and how strictly the connection is encrypted.
    pub tls: TlsOptions,
    /// How long connecting may take in all: the password, looking up the host, TLS, logging in.
    /// 10 s by default. Several hosts, and several addresses of a host, share what is left of
    /// it evenly, so that one that is silent does not use up the time of the others.
    pub connect_timeout: Duration,
    /// Settings of the server, sent after logging in. The time zone is UTC unless it stands here.
    pub settings: Vec<(String, String)>,
    /// How long a statement may stay without an answer. `None`, the default, leaves that to
    /// the server's `statement_timeout`; the embedded database has none.
    pub answer_timeout: Option<Duration>,
    /// Whether the server takes requests to cancel a statement, over a connection of
    /// their own. The embedded database, which has one connection, does not.
    pub cancel_requests: bool,
    /// What stands between us and the server. [`PoolerMode::None`] by default.
    pub pooler: PoolerMode,
    /// Which servers may be used, where several hosts are named. All by default.
    pub target_session_attrs: TargetSessionAttrs,
    pub(crate) password: Option<PasswordProvider>,
    tcp: TcpParameters,
}

impl ConnectOptions {
    /// Options from a URL such as `postgres://user:password@host:5432/database?sslmode=require`.
    ///
    /// `postgresql://` and `postgresql+driver://` are accepted too. The parameters are those
    /// of libpq, as far as they mean something here: `sslmode` (`prefer` without it),
    /// `sslrootcert`, `sslcert`, `sslkey`, `sslsni`, `sslnegotiation`, `channel_binding`,
    /// `target_session_attrs`, `load_balance_hosts`, `connect_timeout`, `keepalives` and its
    /// kin, `tcp_user_timeout`, `application_name`, `options`, `hostaddr`. No file in the
    /// home directory is read, neither `.pgpass` nor certificates in `.postgresql`.
    ///
    /// ```
    /// use larder_pool::{ConnectOptions, TargetSessionAttrs};
    ///
    /// let options = ConnectOptions::parse(
    ///     "postgres://app@db1,db2:6432/shop?sslmode=verify-full&target_session_attrs=primary",
    /// )?;
    /// assert_eq!(options.target().hosts, "db1:5432,db2:6432");
    /// assert_eq!(options.target_session_attrs, TargetSessionAttrs::Primary);
    /// # Ok::<(), larder_pool::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Options`] with what is wrong; the URL itself is never repeated.
    pub fn parse(url: &str) -> Result<Self, Error> {
        url::parse(url)
    }

    /// The name under which the server lists the connections.
    pub fn application_name(mut self, name: &str) -> Self {
        self.server.application_name(name);
        self
    }

    /// TCP keepalive: idle time before the first probe, time between probes, and how
    /// many may stay without an answer. The product also bounds how long sent data may
    /// stay unacknowledged. `keepalives=0` and `tcp_user_timeout` of the URL stand above it.
    pub fn keepalive(mut self, idle: Duration, interval: Duration, count: u32) -> Self {
        let unanswered = idle.saturating_add(interval.saturating_mul(count));
        let user_timeout = self.tcp.user_timeout.unwrap_or(unanswered);
        self.server
            .keepalives(!self.tcp.no_keepalives)
            .keepalives_idle(idle)
            .keepalives_interval(interval)
            .keepalives_retries(count)
            .tcp_user_timeout(user_timeout);
        self
    }

    /// Whether hosts, and the addresses of a host, are tried in an order drawn anew at each
    /// connect instead of the one in which they are written. Not by default.
    pub fn balance_hosts(mut self, balance: bool) -> Self {
        self.server.load_balance_hosts(match balance {
            true => LoadBalanceHosts::Random,
            false => LoadBalanceHosts::Disable,
        });
        self
    }

    /// Asks for the password anew at each connect instead of taking the URL's: for tokens
    /// that expire and passwords that are rotated. Several hosts are asked for one by one.
    ///
    /// The future may take half of what is left of `connect_timeout`. Its error, or its
    /// silence, makes connecting fail with
    /// [`ConnectErrorCause::Password`](crate::ConnectErrorCause::Password); the error's text
    /// is shown, so it must not hold the secret.
    ///
    /// ```
    /// use larder_pool::{ConnectOptions, SecretString};
    ///
    /// let options = ConnectOptions::parse("postgres://app@db/shop?sslmode=verify-full")?
    ///     .password_provider(async |request| {
    ///         Ok(SecretString::from(format!("token of {}", request.host)))
    ///     });
    /// # Ok::<(), larder_pool::Error>(())
    /// ```
    pub fn password_provider<F, Fut>(mut self, provide: F) -> Self
    where
        F: Fn(PasswordRequest) -> Fut + Send + Sync + 'static,
        Fut:
            Future<Output = Result<SecretString, Box<dyn StdError + Send + Sync>>> + Send + 'static,
    {
        self.password = Some(PasswordProvider::new(provide));
        self
    }

    /// Reads the password from this file at each connect instead of taking the URL's: for
    /// secrets that are mounted and replaced while the process runs. All of the file is the
    /// password, but for one line break at its end.
    pub fn password_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.password = Some(PasswordProvider::file(path.into()));
        self
    }

    /// Adds a setting of the server, such as `statement_timeout`.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Where the options point to, without the password.
    pub fn target(&self) -> Target {
        let hosts: Vec<String> = self.places.iter().map(Place::to_string).collect();
        Target {
            hosts: hosts.join(","),
            user: self.server.get_user().unwrap_or_default().to_owned(),
            database: self.server.get_dbname().unwrap_or_default().to_owned(),
        }
    }

    /// The hosts and ports that are tried, in the order in which they were written, each with the
    /// address that is used instead of looking the host up, where one was given (`hostaddr`).
    ///
    /// ```
    /// use larder_pool::ConnectOptions;
    ///
    /// let options = ConnectOptions::parse("postgres://db.internal/shop?hostaddr=10.0.0.5")?;
    /// let places: Vec<_> = options.places().collect();
    /// assert_eq!(places, [("db.internal".to_owned(), Some([10, 0, 0, 5].into()), 5432)]);
    /// # Ok::<(), larder_pool::Error>(())
    /// ```
    pub fn places(&self) -> impl Iterator<Item = (String, Option<IpAddr>, u16)> + '_ {
        let places = self.places.iter();
        places.map(|place| (place.host_name(), place.address, place.port))
    }

    /// The settings of a session, by name and value: of one that comes twice the last counts.
    fn session_settings(&self) -> impl Iterator<Item = (&str, &str)> {
        // Raw SQL is read on our side too, and has to mean the same there.
        let defaults = [("TimeZone", "UTC"), ("standard_conforming_strings", "on")];
        let settings = self.settings.iter();
        defaults
            .into_iter()
            .chain(settings.map(|(name, value)| (name.as_str(), value.as_str())))
    }

    /// The same as each transaction gets them, behind a pooler that keeps nothing of a session.
    pub(crate) fn transaction_defaults(&self) -> Option<TransactionDefaults> {
        (self.pooler == PoolerMode::Transaction)
            .then(|| TransactionDefaults::new(self.session_settings()))
    }

    /// The SQL with which a new connection begins.
    pub(crate) fn setup(&self) -> String {
        if self.pooler == PoolerMode::Transaction {
            return String::new();
        }
        self.session_settings()
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

/// The URL is a secret as a whole: only where it points to is shown. So may values of settings
/// be: their names are shown.
impl fmt::Debug for ConnectOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self
            .settings
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        formatter
            .debug_struct("ConnectOptions")
            .field("target", &self.target())
            .field("tls", &self.tls)
            .field("connect_timeout", &self.connect_timeout)
            .field("settings", &names)
            .field("pooler", &self.pooler)
            .field("target_session_attrs", &self.target_session_attrs)
            .finish_non_exhaustive()
    }
}
