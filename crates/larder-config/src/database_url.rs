//! The URL of the database, whose password cannot be printed.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::redact::names_a_secret;

/// What stands where a password was.
const MASK: &str = "***";

/// Why a text is not a URL that Larder understands. It never repeats the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("parse the URL: it {problem}; {cure}")]
#[non_exhaustive]
pub struct InvalidUrl {
    pub(crate) problem: String,
    pub(crate) cure: String,
}

impl InvalidUrl {
    pub(crate) fn new(problem: impl Into<String>, cure: impl Into<String>) -> Self {
        InvalidUrl {
            problem: problem.into(),
            cure: cure.into(),
        }
    }
}

/// The URL of a PostgreSQL database.
///
/// `postgres://`, `postgresql://` and `postgresql+driver://` mean the same; several hosts are
/// separated by commas, and a socket directory is given as `?host=/run/postgresql`.
/// `Display`, `Debug` and serialisation mask the password, also where it stands in the query
/// string; [`expose`](DatabaseUrl::expose) gives the whole URL, for connecting.
///
/// ```
/// use larder_config::DatabaseUrl;
///
/// let url = DatabaseUrl::parse("postgresql+psycopg2://app:secret@db.example.com/shop")?;
/// assert_eq!(url.to_string(), "postgres://app:***@db.example.com/shop");
/// assert_eq!(url.expose(), "postgres://app:secret@db.example.com/shop");
/// # Ok::<(), larder_config::InvalidUrl>(())
/// ```
#[derive(Clone)]
pub struct DatabaseUrl {
    whole: SecretString,
    shown: String,
    hosts: Vec<String>,
    parameters: Vec<(String, SecretString)>,
}

impl DatabaseUrl {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`] if the scheme is not PostgreSQL's, no host is named, a port is not a
    /// number, or a character of the password should have been percent-encoded.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let rest = without_scheme(text.trim())?;
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        let tail = &rest[authority.len()..];
        refuse_unencoded(authority, tail)?;

        let (userinfo, hosts) = match authority.rsplit_once('@') {
            Some((userinfo, hosts)) => (Some(userinfo), hosts),
            None => (None, authority),
        };
        let hosts: Vec<&str> = hosts.split(',').filter(|host| !host.is_empty()).collect();
        for host in &hosts {
            check_host(host)?;
        }

        // The `url` crate knows one host; the others were checked above.
        let first = hosts.first().copied().unwrap_or("localhost");
        let probe = Url::parse(&format!("postgres://{first}{tail}")).map_err(unreadable)?;
        let parameters = parameters_of(&probe);
        if hosts.is_empty() && !parameters.iter().any(|(name, _)| name == "host") {
            return Err(InvalidUrl::new(
                "names no host",
                "write postgres://user:password@host:5432/database",
            ));
        }
        let path = probe.path().to_owned();
        Ok(Self::assemble(userinfo, &hosts, &path, parameters))
    }

    fn assemble(
        userinfo: Option<&str>,
        hosts: &[&str],
        path: &str,
        parameters: Vec<(String, SecretString)>,
    ) -> Self {
        let hosts_text = hosts.join(",");
        let (whole_user, shown_user) = match userinfo {
            None => (String::new(), String::new()),
            Some(userinfo) => match userinfo.split_once(':') {
                Some((user, _)) => (format!("{userinfo}@"), format!("{user}:{MASK}@")),
                None => (format!("{userinfo}@"), format!("{userinfo}@")),
            },
        };
        let whole = format!(
            "postgres://{whole_user}{hosts_text}{path}{}",
            query(&parameters, false)
        );
        let shown = format!(
            "postgres://{shown_user}{hosts_text}{path}{}",
            query(&parameters, true)
        );
        DatabaseUrl {
            whole: whole.into(),
            shown,
            hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
            parameters,
        }
    }

    /// The whole URL with its password, beginning with `postgres://`. For connecting only.
    pub fn expose(&self) -> &str {
        self.whole.expose_secret()
    }

    /// The hosts as they are written, each with its port if one is given; none for a socket.
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// The decoded value of a query parameter, such as `sslmode`. May be secret.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let (_, value) = self.parameters.iter().find(|(known, _)| known == name)?;
        Some(value.expose_secret())
    }

    /// The same URL without some of its query parameters.
    pub(crate) fn without_parameters(&self, names: &[&str]) -> Self {
        let mut stripped = self.clone();
        stripped
            .parameters
            .retain(|(name, _)| !names.contains(&name.as_str()));
        let whole = self.expose();
        let whole_start = whole.split_once('?').map_or(whole, |(start, _)| start);
        stripped.whole = format!("{whole_start}{}", query(&stripped.parameters, false)).into();
        let shown = &self.shown;
        let shown_start = shown
            .split_once('?')
            .map_or(shown.as_str(), |(start, _)| start);
        stripped.shown = format!("{shown_start}{}", query(&stripped.parameters, true));
        stripped
    }
}

/// What follows `postgres://`, `postgresql://` or `postgresql+driver://`.
fn without_scheme(text: &str) -> Result<&str, InvalidUrl> {
    const CURE: &str = "write postgres://user:password@host:5432/database";
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(InvalidUrl::new("has no scheme", CURE));
    };
    let scheme = scheme.to_ascii_lowercase();
    let family = scheme
        .split_once('+')
        .map_or(scheme.as_str(), |(family, _)| family);
    match family {
        "postgres" | "postgresql" => Ok(rest),
        _ => Err(InvalidUrl::new("is not a PostgreSQL URL", CURE)),
    }
}

/// Refuses a URL in which a character of the password ends the authority too early. Reading on
/// would take half of the password for a host or a path, and show it.
fn refuse_unencoded(authority: &str, tail: &str) -> Result<(), InvalidUrl> {
    const CURE: &str = "percent-encode special characters of user, password and parameters: \
                        `@` as %40, `/` as %2F, `?` as %3F, `#` as %23, `:` as %3A";
    if tail.contains('@') || tail.contains('#') {
        let problem =
            "has an `@` or a `#` after the host, perhaps of a password with special characters";
        return Err(InvalidUrl::new(problem, CURE));
    }
    if authority
        .chars()
        .any(|c| c.is_whitespace() || c.is_control())
        || tail.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        return Err(InvalidUrl::new(
            "contains a space or a control character",
            CURE,
        ));
    }
    Ok(())
}

/// Checks one `host` or `host:port`.
fn check_host(host: &str) -> Result<(), InvalidUrl> {
    let parsed = Url::parse(&format!("postgres://{host}/")).map_err(unreadable)?;
    if parsed.port() == Some(0) {
        return Err(InvalidUrl::new(
            "has port 0",
            "write a port from 1 to 65535",
        ));
    }
    Ok(())
}

fn unreadable(error: url::ParseError) -> InvalidUrl {
    InvalidUrl::new(
        format!("cannot be read: {error}"),
        "write postgres://user:password@host:5432/database, and percent-encode special characters \
         of the password",
    )
}

fn parameters_of(url: &Url) -> Vec<(String, SecretString)> {
    // Not `query_pairs`: in a PostgreSQL URL a plus sign is a plus sign, not a space.
    url.query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value).into())
        })
        .collect()
}

/// Percent-decodes; `form_urlencoded` would also turn a plus sign into a space.
fn decode(text: &str) -> String {
    let protected = text.replace('+', "%2B");
    url::form_urlencoded::parse(protected.as_bytes())
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}

/// The query string with its question mark, or nothing.
fn query(parameters: &[(String, SecretString)], masked: bool) -> String {
    let mut text = String::new();
    for (name, value) in parameters {
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(&encode(name));
        text.push('=');
        if masked && names_a_secret(name) {
            text.push_str(MASK);
        } else {
            text.push_str(&encode(value.expose_secret()));
        }
    }
    text
}

/// Percent-encodes; `byte_serialize` writes a space as a plus sign, which PostgreSQL would keep.
fn encode(text: &str) -> String {
    let encoded: String = byte_serialize(text.as_bytes()).collect();
    encoded.replace('+', "%20").replace("%2F", "/")
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DatabaseUrl").field(&self.shown).finish()
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown)
    }
}

#[cfg(test)]
mod tests;
