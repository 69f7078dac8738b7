//! Whether the hosts have addresses, and whether somebody listens there.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Instant;

use larder_pool::ConnectOptions;
use tokio::net::{TcpStream, UnixStream, lookup_host};

use super::check::{Outcome, Verdict};

/// Where a server may be.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Tcp {
        host: String,
        /// Where it is, if that needs no looking up (`hostaddr`).
        address: Option<IpAddr>,
        port: u16,
    },
    Socket(PathBuf),
}

/// Where a server is, with what was found out of it.
pub(super) struct Reached {
    pub(super) place: Place,
    /// `None` of a socket in the file system.
    pub(super) address: Option<SocketAddr>,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port, .. } if host.contains(':') => write!(out, "[{host}]:{port}"),
            Self::Tcp { host, port, .. } => write!(out, "{host}:{port}"),
            Self::Socket(path) => write!(out, "{}", path.display()),
        }
    }
}

/// The places that the options name.
pub(super) fn places(options: &ConnectOptions) -> Vec<Place> {
    let places = options.places().map(|(host, address, port)| {
        match host.starts_with('/') && address.is_none() {
            true => Place::Socket(PathBuf::from(format!("{host}/.s.PGSQL.{port}"))),
            false => Place::Tcp {
                host,
                address,
                port,
            },
        }
    });
    places.collect()
}

/// Looks up all addresses that are not given. A host without one among others that have some is a warning.
pub(super) async fn resolve(places: Vec<Place>) -> Outcome<Vec<Reached>> {
    const CURE: &str = "correct the name in database.url, or see whether this machine's DNS and \
                        network (VPN, private zone) know it";
    let mut reached = Vec::new();
    let mut verdicts = Vec::new();
    let mut missing = Vec::new();
    for place in places {
        let Place::Tcp {
            host,
            address,
            port,
        } = &place
        else {
            verdicts.push(Verdict::ok(format!("{place} is a socket")));
            reached.push(Reached {
                place,
                address: None,
            });
            continue;
        };
        if let Some(address) = *address {
            let seen = format!("{host} is {address} by hostaddr, without looking it up");
            verdicts.push(Verdict::ok(seen));
            let address = Some(SocketAddr::new(address, *port));
            reached.push(Reached { place, address });
            continue;
        }
        match lookup_host((host.as_str(), *port)).await {
            Ok(found) => {
                let found: Vec<SocketAddr> = found.collect();
                let texts: Vec<String> = found.iter().map(|one| one.ip().to_string()).collect();
                verdicts.push(Verdict::ok(format!("{host} is {}", texts.join(", "))));
                reached.extend(found.into_iter().map(|address| Reached {
                    place: place.clone(),
                    address: Some(address),
                }));
            }
            Err(error) => missing.push(format!("{host} has no address: {error}")),
        }
    }
    let all_missing = reached.is_empty();
    verdicts.extend(missing.into_iter().map(|seen| match all_missing {
        true => Verdict::failure(seen, CURE),
        false => Verdict::warning(seen, CURE),
    }));
    Outcome {
        verdicts,
        found: (!all_missing).then_some(reached),
    }
}

/// Opens a connection to each address and closes it; gives the first that answers.
pub(super) async fn connect(places: Vec<Reached>) -> Outcome<Reached> {
    const CURE: &str = "see whether the server runs and listens there (listen_addresses, port), \
                        and whether a firewall or security group lets this machine through";
    let mut first = None;
    let mut verdicts = Vec::new();
    let mut failed = Vec::new();
    for reached in places {
        let began = Instant::now();
        let connected = match (&reached.place, reached.address) {
            (_, Some(address)) => TcpStream::connect(address).await.map(drop),
            (Place::Socket(path), None) => UnixStream::connect(path).await.map(drop),
            (Place::Tcp { host, port, .. }, None) => {
                TcpStream::connect((host.as_str(), *port)).await.map(drop)
            }
        };
        let shown = match reached.address {
            Some(address) => address.to_string(),
            None => reached.place.to_string(),
        };
        match connected {
            Ok(()) => {
                let taken = began.elapsed().as_secs_f64() * 1e3;
                verdicts.push(Verdict::ok(format!("{shown} in {taken:.1} ms")));
                first.get_or_insert(reached);
            }
            Err(error) => failed.push(format!("{shown}: {error}")),
        }
    }
    let none = first.is_none();
    verdicts.extend(failed.into_iter().map(|seen| match none {
        true => Verdict::failure(seen, CURE),
        false => Verdict::warning(seen, CURE),
    }));
    Outcome {
        verdicts,
        found: first,
    }
}
