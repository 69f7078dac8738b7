//! The places that a URL names, and what a place is to be asked for.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::Error;

/// Where PostgreSQL listens unless somebody says otherwise.
const DEFAULT_PORT: u16 = 5432;

/// One of the places that a connection may lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The name, which a certificate must bear too; none where only an address was given.
    pub(crate) host: Option<Host>,
    /// The address to use instead of looking up the name (`hostaddr`).
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
}

impl Place {
    /// The places of a configuration, in the order in which they were written.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] if there is none, or if hosts, addresses and ports do not match.
    pub(crate) fn all(server: &Config) -> Result<Vec<Self>, Error> {
        let (hosts, addresses) = (server.get_hosts(), server.get_hostaddrs());
        let ports = server.get_ports();
        let count = hosts.len().max(addresses.len());
        let problem = if count == 0 {
            "the URL names no host".to_owned()
        } else if !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len() {
            let (hosts, addresses) = (hosts.len(), addresses.len());
            format!("the URL has {hosts} hosts but {addresses} in hostaddr; each host needs one")
        } else if ports.len() > 1 && ports.len() != count {
            let ports = ports.len();
            format!("the URL has {count} hosts but {ports} ports; write one, or one for each host")
        } else {
            let place = |index| Self {
                host: hosts.get(index).cloned(),
                address: addresses.get(index).copied(),
                port: *ports.get(index).or(ports.first()).unwrap_or(&DEFAULT_PORT),
            };
            return Ok((0..count).map(place).collect());
        };
        Err(Error::Options(problem))
    }

    /// The host as it was written, without the port.
    pub(crate) fn host_name(&self) -> String {
        match (&self.host, self.address) {
            (Some(Host::Tcp(name)), _) => name.clone(),
            #[cfg(unix)]
            (Some(Host::Unix(path)), _) => path.display().to_string(),
            (None, Some(address)) => address.to_string(),
            (None, None) => String::new(),
        }
    }

    /// Whether this is a socket of the same machine, on which libpq uses no TLS either.
    pub(crate) fn is_socket(&self) -> bool {
        #[cfg(unix)]
        {
            matches!(self.host, Some(Host::Unix(_)))
        }
        #[cfg(not(unix))]
        {
            false
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, port) = (self.host_name(), self.port);
        if name.contains(':') {
            // An address of IPv6.
            return write!(formatter, "[{name}]:{port}");
        }
        write!(formatter, "{name}:{port}")
    }
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

/// Which servers a connection may stay with, as libpq's `target_session_attrs`. The server is
/// asked after logging in; one that does not fit is left for the next host or address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum TargetSessionAttrs {
    /// Every server.
    #[default]
    Any,
    /// One that takes writes: no standby, and not read-only by default.
    ReadWrite,
    /// One that takes no writes: a standby, or read-only by default.
    ReadOnly,
    /// One that is not a standby.
    Primary,
    /// A standby.
    Standby,
    /// A standby, or any server if no host is one.
    PreferStandby,
}

impl TargetSessionAttrs {
    /// The word that libpq uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
            Self::Primary => "primary",
            Self::Standby => "standby",
            Self::PreferStandby => "prefer-standby",
        }
    }

    /// What is asked for, one round through the hosts after the other.
    pub(crate) fn rounds(self) -> &'static [Self] {
        match self {
            Self::Any => &[Self::Any],
            Self::ReadWrite => &[Self::ReadWrite],
            Self::ReadOnly => &[Self::ReadOnly],
            Self::Primary => &[Self::Primary],
            Self::Standby => &[Self::Standby],
            Self::PreferStandby => &[Self::Standby, Self::Any],
        }
    }

    /// Whether a server that is so may be used.
    pub(crate) fn accepts(self, is_standby: bool, is_read_only: bool) -> bool {
        match self {
            Self::Any | Self::PreferStandby => true,
            Self::ReadWrite => !is_read_only,
            Self::ReadOnly => is_read_only,
            Self::Primary => !is_standby,
            Self::Standby => is_standby,
        }
    }
}

impl FromStr for TargetSessionAttrs {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let all = [
            Self::Any,
            Self::ReadWrite,
            Self::ReadOnly,
            Self::Primary,
            Self::Standby,
            Self::PreferStandby,
        ];
        all.into_iter()
            .find(|attributes| attributes.as_str() == text)
            .ok_or_else(|| {
                Error::Options(format!(
                    "target_session_attrs `{text}` is not known; it can be {}",
                    all.map(Self::as_str).join(", ")
                ))
            })
    }
}
