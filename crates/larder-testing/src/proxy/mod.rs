//! A way to a server on which faults happen: connections are cut, refused, held or slowed down.
//!
//! A [`Proxy`] stands in front of any server and forwards what is sent until it is told otherwise.
//! In front of PostgreSQL it reads along, so that a fault can strike at a [`Moment`]: when a certain
//! statement is sent, or instead of a certain reply. The same moments can be awaited, so that a test
//! needs no pauses.
//!
//! - `listener`: its thread, which accepts or refuses connections.
//! - `connection`: how one connection is forwarded.
//! - `conditions`: what holds for all connections, such as a delay.
//! - `moment`: the moments, and what is armed to happen at them.
//! - `wire`: PostgreSQL's messages, as far as they have to be known.

mod conditions;
mod connection;
mod listener;
mod moment;
mod wire;

#[cfg(test)]
mod tests;

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use self::conditions::{Ending, Way};
use self::listener::Listener;
use crate::Error;

pub use self::moment::{Moment, Occurrence};

/// One of the two directions in which bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// What the client sends.
    ToServer,
    /// What the server replies.
    ToClient,
}

/// What can happen to a connection at a [`Moment`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Both ends see the connection reset. What has not passed is lost.
    Cut,
    /// Both ends see the connection closed. What has not passed is lost.
    Close,
    /// Nothing more passes in the direction in which it happened, until [`Proxy::resume`].
    Hold,
}

/// A way to a server that can be disturbed. Gone when it is dropped, with all its connections.
///
/// It works on a thread of its own, so it goes on while the test blocks its runtime.
///
/// # Examples
///
/// ```no_run
/// # async fn example(test: larder_testing::TestDatabase) -> Result<(), Box<dyn std::error::Error>> {
/// use larder_testing::proxy::{Fault, Moment, Proxy};
/// use larder_testing::{Database, DatabaseOptions};
///
/// let proxy = Proxy::start(test.url())?;
/// let db = Database::open(DatabaseOptions::from_url(&proxy.url())?).await?;
///
/// // The server commits, and its reply never arrives.
/// let struck = proxy.at(Moment::reply("COMMIT"), Fault::Cut);
/// let written = db
///     .transaction(async |conn| {
///         larder_testing::sql("INSERT INTO menus DEFAULT VALUES").execute_on(conn).await
///     })
///     .await;
/// struck.await;
/// assert!(written.is_err());
/// # Ok(())
/// # }
/// ```
pub struct Proxy {
    url: Url,
    address: SocketAddr,
    way: Arc<Way>,
    listener: Listener,
}

impl Proxy {
    /// Starts a proxy to the server of a URL, such as `postgres://user@host:5432/database`,
    /// `redis://host:6379` or `tcp://host:80`. PostgreSQL's messages are understood if the
    /// connection is not encrypted; of other servers only bytes are seen.
    ///
    /// # Errors
    ///
    /// [`Error::Proxy`] if the URL names no host and port that can be resolved, or no port of this
    /// machine is free.
    pub fn start(url: &str) -> Result<Self, Error> {
        let url =
            Url::parse(url).map_err(|_| Error::proxy("the address that was given is not a URL"))?;
        let to = server_of(&url)?;
        let reads_along = url.scheme().starts_with("postgres");
        let way = Arc::new(Way::new(to, reads_along));
        let (listener, address) = Listener::start(Arc::clone(&way)).map_err(Error::proxy)?;
        Ok(Self {
            url,
            address,
            way,
            listener,
        })
    }

    /// The URL of the server, through the proxy.
    pub fn url(&self) -> String {
        self.url_of(self.url.as_str()).unwrap_or_default()
    }

    /// Another URL of the same server, such as that of another database, through the proxy. `None`
    /// if it is not a URL with a host.
    pub fn url_of(&self, url: &str) -> Option<String> {
        let mut url = Url::parse(url).ok()?;
        url.set_host(Some("127.0.0.1")).ok()?;
        url.set_port(Some(self.port())).ok()?;
        Some(url.into())
    }

    /// The port on 127.0.0.1 where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.way.open_connections()
    }

    /// Resets all connections, as a firewall or a crashed machine does. They are gone when this
    /// returns. New ones go through.
    pub fn cut(&self) {
        self.way.end_all(Ending::Reset);
    }

    /// Closes all connections in good order. They are gone when this returns. New ones go through.
    pub fn close(&self) {
        self.way.end_all(Ending::Closed);
    }

    /// Ends one direction of all connections: its receiver sees the end of what is sent, and can
    /// still send itself.
    pub fn close_half(&self, direction: Direction) {
        self.way
            .change(|conditions| conditions.halves[direction as usize] += 1);
    }

    /// Refuses new connections, as a machine does on which no server runs. Those that are there stay.
    pub fn refuse(&self) {
        self.listener.refuse();
    }

    /// A black hole: nothing passes any more, on connections that are there and on new ones, which
    /// are accepted. Neither end is told. What is sent meanwhile arrives after [`resume`](Self::resume).
    pub fn hold(&self) {
        self.way.change(|conditions| conditions.held = [true; 2]);
    }

    /// The same for one direction.
    pub fn hold_half(&self, direction: Direction) {
        self.way
            .change(|conditions| conditions.held[direction as usize] = true);
    }

    /// Lets everything that is read from one end wait so long before it is written to the other.
    pub fn delay(&self, delay: Duration) {
        self.way.change(|conditions| conditions.delay = delay);
    }

    /// Lets at most so many bytes a second pass in each direction of each connection, in small
    /// pieces: one a millisecond, of at least one byte.
    pub fn throttle(&self, bytes_per_second: usize) {
        self.way
            .change(|conditions| conditions.rate = Some(bytes_per_second));
    }

    /// Lets everything pass again, and accepts new connections. Faults that were armed and have not
    /// struck are forgotten; what waits for a moment waits on.
    pub fn resume(&self) {
        self.way.rules.disarm();
        self.way.change(|conditions| {
            conditions.held = [false; 2];
            conditions.delay = Duration::ZERO;
            conditions.rate = None;
            conditions.resumed += 1;
        });
        self.listener.accept();
    }

    /// Leads new connections to the server of another URL. Those that are there stay; see
    /// [`cut`](Self::cut).
    ///
    /// # Errors
    ///
    /// [`Error::Proxy`] if the URL names no host and port that can be resolved.
    pub fn lead_to(&self, url: &str) -> Result<(), Error> {
        let url =
            Url::parse(url).map_err(|_| Error::proxy("the address that was given is not a URL"))?;
        let to = server_of(&url)?;
        self.way.change(|conditions| conditions.to = to);
        Ok(())
    }

    /// Arms a fault: it strikes the connection on which the moment comes first, once, instead of
    /// what would have passed. What is returned can be awaited or dropped.
    pub fn at(&self, moment: Moment, fault: Fault) -> Occurrence {
        self.way.rules.arm(moment, Some(fault))
    }

    /// Waits for a moment: for what has passed after this call, on any connection.
    pub fn when(&self, moment: Moment) -> Occurrence {
        self.way.rules.arm(moment, None)
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL has a password.
        formatter
            .debug_struct("Proxy")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Where the server of a URL is.
fn server_of(url: &Url) -> Result<SocketAddr, Error> {
    let host = url
        .host_str()
        .ok_or_else(|| Error::proxy("the URL of the server names no host"))?
        .trim_matches(['[', ']']);
    let usual = match url.scheme() {
        "redis" | "rediss" => Some(6379),
        scheme if scheme.starts_with("postgres") => Some(5432),
        _ => url.port_or_known_default(),
    };
    let port = url.port().or(usual).ok_or_else(|| {
        Error::proxy(format!(
            "the URL of the server on `{host}` names no port, as tcp://{host}:80 does"
        ))
    })?;
    let resolved = (host, port).to_socket_addrs();
    let mut addresses = resolved
        .map_err(|error| Error::proxy(format!("the host `{host}` is not known: {error}")))?;
    addresses
        .next()
        .ok_or_else(|| Error::proxy(format!("the host `{host}` has no address")))
}
