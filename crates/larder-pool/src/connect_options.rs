//! Where to connect to and how: read from a URL, changed by code.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::Host;
use url::form_urlencoded;

use crate::Error;
use crate::server_error::with_causes;
use crate::tls::{TlsMode, TlsOptions};

/// How to reach a server, and how a new connection is set up.
#[derive(Clone)]
#[non_exhaustive]
pub struct ConnectOptions {
    pub(crate) server: Config,
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
    /// What stands between us and the server. [`PoolerMode::None`] by default.
    pub pooler: PoolerMode,
}

/// What stands between us and the server, and so what of a session lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum PoolerMode {
    /// The server itself.
    #[default]
    None,
    /// A pooler that lends a connection of the server for as long as ours lasts, as
    /// PgBouncer's `session` mode does.
    Session,
    /// A pooler that lends a connection of the server for a transaction, as PgBouncer's
    /// `transaction` mode does: nothing of a session outlasts its transaction.
    Transaction,
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
            pooler: PoolerMode::None,
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

    /// The SQL with which a new connection begins.
    pub(crate) fn setup(&self) -> String {
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
            .field("pooler", &self.pooler)
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn the_spellings_of_a_url_are_one() {
        for scheme in ["postgres", "postgresql", "postgresql+psycopg2"] {
            let options = ConnectOptions::parse(&format!("{scheme}://app@db:6543/shop")).unwrap();
            let target = options.target().to_string();
            assert_eq!(target, "database `shop` on db:6543 as `app`");
        }
        for wrong in ["mysql://db/shop", "db/shop", ""] {
            assert!(ConnectOptions::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn several_hosts_and_sockets_are_named() {
        let options = ConnectOptions::parse("postgres://app@a:1,b:2/shop").unwrap();
        assert_eq!(options.target().hosts, "a:1,b:2");
        let options = ConnectOptions::parse("postgres:///shop?host=/run/postgresql").unwrap();
        assert_eq!(options.target().hosts, "/run/postgresql:5432");
    }

    #[test]
    fn what_is_encoded_is_decoded_and_a_plus_sign_is_one() {
        let password = |url: &str| {
            let options = ConnectOptions::parse(url).unwrap();
            options.server.get_password().map(<[u8]>::to_vec)
        };
        let expected = Some(b"a+b@c".to_vec());
        assert_eq!(password("postgres://app:a+b%40c@db/shop"), expected);
        assert_eq!(
            password("postgres://app@db/shop?password=a+b%40c"),
            expected
        );
    }

    #[test]
    fn tls_is_read_from_the_query() {
        let tls = |query: &str| {
            ConnectOptions::parse(&format!("postgres://db/shop?{query}")).map(|options| options.tls)
        };
        assert_eq!(tls("").unwrap().mode, TlsMode::Prefer);
        assert_eq!(
            tls("sslmode=verify-full").unwrap().mode,
            TlsMode::VerifyFull
        );
        // Authorities that are named are asked, as libpq does.
        let named = tls("sslmode=require&sslrootcert=/c++/ca.pem").unwrap();
        assert_eq!(named.mode, TlsMode::VerifyCa);
        assert_eq!(named.root_certificate, Some("/c++/ca.pem".into()));
        assert!(
            tls("sslmode=allow")
                .unwrap_err()
                .to_string()
                .contains("`allow` is not known")
        );
    }
}
