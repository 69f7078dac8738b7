//! Going through the hosts and their addresses, each with its share of the time.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts};

use super::Connector;
use super::explain::Failure;
use crate::connect_error::{ConnectError, FailedAttempt};
use crate::connect_options::{Place, TargetSessionAttrs};
use crate::connection::Connection;
use crate::deadline;
use crate::password::PasswordRequest;

/// The search for a server that takes us.
pub(super) struct Search<'c> {
    pub(super) connector: &'c Connector,
    began: Instant,
    deadline: Instant,
    pub(super) failed: Vec<FailedAttempt>,
}

/// An address of a host; none for a socket of this machine.
type Address = Option<IpAddr>;

impl<'c> Search<'c> {
    pub(super) fn new(connector: &'c Connector) -> Self {
        let began = Instant::now();
        Self {
            connector,
            began,
            deadline: deadline::in_future(began, connector.options.connect_timeout),
            failed: Vec::new(),
        }
    }

    pub(super) async fn run(mut self) -> Result<Connection, ConnectError> {
        let rounds = self.connector.options.target_session_attrs.rounds();
        let places = self.places();
        let mut left = rounds.len() * places.len();
        for wanted in rounds {
            for place in &places {
                // One that is silent must not use up the time of those after it.
                let share = self.share_of(self.deadline, left);
                left -= 1;
                if let Some(connection) = self.host(place, *wanted, share, left == 0).await {
                    return Ok(connection);
                }
                if self.is_over() {
                    let target = self.connector.target.clone();
                    return Err(ConnectError::new(target, self.began, self.failed));
                }
            }
        }
        let target = self.connector.target.clone();
        Err(ConnectError::new(target, self.began, self.failed))
    }

    fn balances(&self) -> bool {
        self.connector.options.server.get_load_balance_hosts() == LoadBalanceHosts::Random
    }

    fn places(&self) -> Vec<Place> {
        let mut places = self.connector.options.places.clone();
        if self.balances() {
            fastrand::shuffle(&mut places);
        }
        places
    }

    /// Whether the last answer was for all hosts: a wrong password is wrong everywhere.
    fn is_over(&self) -> bool {
        let last = self.failed.last();
        last.is_some_and(|attempt| attempt.cause.ends_the_search())
    }

    /// The time of one of `left` attempts that are still to be made.
    fn share_of(&self, deadline: Instant, left: usize) -> Duration {
        let remaining = deadline.saturating_duration_since(Instant::now());
        remaining / u32::try_from(left.max(1)).unwrap_or(u32::MAX)
    }

    pub(super) fn note(&mut self, place: impl ToString, failure: Failure) {
        self.failed.push(failure.into_attempt(place.to_string()));
    }

    /// Tries a host: all of its addresses, until one takes us.
    async fn host(
        &mut self,
        place: &Place,
        wanted: TargetSessionAttrs,
        share: Duration,
        is_only: bool,
    ) -> Option<Connection> {
        let deadline = Instant::now() + share;
        let prepared = timeout_at(deadline, self.prepare(place, deadline)).await;
        let given_up = || Failure::TimedOut(self.limit_in_words(false, share));
        let (addresses, config) = match prepared.unwrap_or_else(|_| Err(given_up())) {
            Ok(prepared) => prepared,
            Err(failure) => {
                self.note(place, failure);
                return None;
            }
        };
        let several = addresses.len() > 1;
        for (index, address) in addresses.iter().enumerate() {
            let share = self.share_of(deadline, addresses.len() - index);
            let mut config = config.clone();
            // The address of a cancel request is dialed within it too.
            config.connect_timeout(share.max(Duration::from_millis(1)));
            let mut name = place.to_string();
            if let Some(address) = address {
                config.hostaddr(*address);
                if several {
                    name = format!("{name} ({})", SocketAddr::new(*address, place.port));
                }
            }
            let attempt = Box::pin(self.address(&name, place, &config, wanted));
            match timeout(share, attempt).await {
                Ok(Some(connection)) => return Some(connection),
                Ok(None) if self.is_over() => return None,
                Ok(None) => {}
                Err(_) => {
                    let is_only = is_only && !several && self.failed.is_empty();
                    let limit = self.limit_in_words(is_only, share);
                    self.note(&name, Failure::TimedOut(limit));
                }
            }
        }
        None
    }

    /// What is needed before anybody is dialed: where to, and what to say there.
    async fn prepare(
        &self,
        place: &Place,
        deadline: Instant,
    ) -> Result<(Vec<Address>, Config), Failure> {
        let addresses = self.addresses(place).await?;
        let mut config = self.connector.config(place);
        self.add_password(place, deadline, &mut config).await?;
        Ok((addresses, config))
    }

    /// A share as people read it; a single attempt has the time that was set.
    fn limit_in_words(&self, is_only: bool, share: Duration) -> Duration {
        if is_only {
            return self.connector.options.connect_timeout;
        }
        let milliseconds = share.as_micros().div_ceil(1000);
        Duration::from_millis(u64::try_from(milliseconds).unwrap_or(u64::MAX))
    }

    /// Looks the host up, anew for each connection: after a failover its name leads elsewhere.
    async fn addresses(&self, place: &Place) -> Result<Vec<Address>, Failure> {
        if let Some(address) = place.address {
            return Ok(vec![Some(address)]);
        }
        let Some(Host::Tcp(name)) = &place.host else {
            return Ok(vec![None]);
        };
        let found = tokio::net::lookup_host((name.as_str(), place.port))
            .await
            .map_err(|error| Failure::UnknownHost(error.to_string()))?;
        let mut addresses: Vec<Address> = found.map(|address| Some(address.ip())).collect();
        if addresses.is_empty() {
            return Err(Failure::UnknownHost("it has no address".to_owned()));
        }
        if self.balances() {
            fastrand::shuffle(&mut addresses);
        }
        Ok(addresses)
    }

    /// Asks the provider, where there is one. It gets half of the time that is left.
    async fn add_password(
        &self,
        place: &Place,
        deadline: Instant,
        config: &mut Config,
    ) -> Result<(), Failure> {
        let options = &self.connector.options;
        let Some(provider) = &options.password else {
            return Ok(());
        };
        let request = PasswordRequest {
            host: place.host_name(),
            port: place.port,
            user: options.server.get_user().unwrap_or_default().to_owned(),
            database: options.server.get_dbname().unwrap_or_default().to_owned(),
        };
        let share = self.share_of(deadline, 2);
        match timeout(share, provider.password(request)).await {
            Ok(Ok(password)) => {
                config.password(password.expose_secret());
                Ok(())
            }
            Ok(Err(error)) => Err(Failure::Password(error.to_string())),
            Err(_) => {
                let share = self.limit_in_words(false, share);
                let detail = format!("the password provider gave no answer within {share:?}");
                Err(Failure::Password(detail))
            }
        }
    }
}

impl Connector {
    /// What tokio-postgres is told of a host, but for its address and for TLS.
    fn config(&self, place: &Place) -> Config {
        let options = &self.options.server;
        let mut config = Config::new();
        match &place.host {
            Some(Host::Tcp(name)) => config.host(name),
            #[cfg(unix)]
            Some(Host::Unix(path)) => config.host_path(path),
            // TLS wants a name, and an address can be one.
            None => config.host(place.host_name()),
        };
        config
            .port(place.port)
            .ssl_negotiation(options.get_ssl_negotiation())
            .channel_binding(self.options.tls.channel_binding.as_config())
            .keepalives(options.get_keepalives())
            .keepalives_idle(options.get_keepalives_idle());
        if let Some(user) = options.get_user() {
            config.user(user);
        }
        if let Some(password) = options.get_password() {
            config.password(password);
        }
        if let Some(database) = options.get_dbname() {
            config.dbname(database);
        }
        if let Some(startup) = options.get_options() {
            config.options(startup);
        }
        if let Some(name) = options.get_application_name() {
            config.application_name(name);
        }
        if let Some(interval) = options.get_keepalives_interval() {
            config.keepalives_interval(interval);
        }
        if let Some(count) = options.get_keepalives_retries() {
            config.keepalives_retries(count);
        }
        if let Some(limit) = options.get_tcp_user_timeout() {
            config.tcp_user_timeout(*limit);
        }
        config
    }
}
