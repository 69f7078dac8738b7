//! Hosts of a URL, and the patterns that know them.

use std::net::IpAddr;

use crate::database_url::DatabaseUrl;

/// Where PostgreSQL listens unless the URL says otherwise.
const DEFAULT_PORT: u16 = 5432;

/// One of the places that a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// In lower case, without the dot that a full name may end with; a path for a socket.
    pub(super) host: String,
    pub(super) port: u16,
}

/// The places of a URL, also those that its parameters name.
pub(super) fn places(url: &DatabaseUrl) -> Vec<Place> {
    let number = |text: &str| text.parse().ok();
    let port = url.parameter("port").and_then(number);
    let named = url.parameter("host").unwrap_or_default();
    let named = named.split(',').filter(|host| !host.is_empty());
    let mut places: Vec<Place> = url.hosts().iter().map(|host| Place::read(host)).collect();
    places.extend(named.map(|host| Place {
        host: normalised(host),
        port: port.unwrap_or(DEFAULT_PORT),
    }));
    places
}

impl Place {
    /// Reads `host` or `host:port`; an address of IPv6 stands in brackets.
    fn read(text: &str) -> Self {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()),
            _ => (text, None),
        };
        Self {
            host: normalised(host.trim_start_matches('[').trim_end_matches(']')),
            port: port.unwrap_or(DEFAULT_PORT),
        }
    }
}

fn normalised(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// What a host looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    /// A name in which `*` stands for one or more characters of any kind. A name that only ends
    /// like another is not taken for it: `*.neon.tech` has a dot before `neon`.
    Name(&'static str),
    /// This machine, its neighbours, or a name that only a private network knows.
    Private,
    /// Any host at all.
    Any,
}

impl Pattern {
    pub(super) fn matches(self, host: &str) -> bool {
        match self {
            Self::Name(pattern) => matches_glob(pattern, host),
            Self::Private => is_private(host),
            Self::Any => true,
        }
    }
}

fn matches_glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => {
            let Some(tail) = text.strip_prefix(start) else {
                return false;
            };
            let ends = tail.char_indices().skip(1).map(|(index, _)| index);
            ends.chain([tail.len()])
                .filter(|end| *end > 0)
                .any(|end| matches_glob(rest, &tail[end..]))
        }
    }
}

fn is_private(host: &str) -> bool {
    if host.starts_with('/') {
        return true;
    }
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            address.is_loopback() || address.is_private() || address.is_link_local()
        }
        Ok(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        Err(_) => {
            let suffixes = [".localhost", ".local", ".internal", ".lan", ".home.arpa"];
            !host.contains('.') || suffixes.iter().any(|suffix| host.ends_with(suffix))
        }
    }
}
