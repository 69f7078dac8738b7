//! The URL of Redis, whose password cannot be printed.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};
use url::Url;

use crate::database_url::InvalidUrl;
use crate::redact::names_a_secret;

const EXAMPLE: &str = "write redis://:password@host:6379/0, rediss:// for TLS, or memory:// for \
                       none; percent-encode special characters of the password";

/// The URL of a Redis server: `redis://`, `rediss://` for TLS, or `redis+unix://` for a socket.
///
/// `Display`, `Debug` and serialisation mask the password; [`expose`](RedisUrl::expose) gives
/// the whole URL, for connecting.
#[derive(Clone)]
pub struct RedisUrl {
    whole: SecretString,
    shown: String,
}

impl RedisUrl {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`] if the scheme is not Redis's, no host is named, or a character of the
    /// password should have been percent-encoded. It never repeats the text.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let text = text.trim();
        let mut url = Url::parse(text)
            .map_err(|error| InvalidUrl::new(format!("cannot be read: {error}"), EXAMPLE))?;
        let on_a_socket = match url.scheme() {
            "redis" | "rediss" => false,
            "redis+unix" | "unix" => true,
            _ => return Err(InvalidUrl::new("is not a Redis URL", EXAMPLE)),
        };
        if !on_a_socket && url.host_str().is_none_or(str::is_empty) {
            return Err(InvalidUrl::new("names no host", EXAMPLE));
        }
        // What follows the host is a database number: anything else may be half of a password.
        let number = url.path().trim_start_matches('/');
        if !on_a_socket && !number.chars().all(|c| c.is_ascii_digit()) {
            return Err(InvalidUrl::new(
                "has a database that is not a number",
                EXAMPLE,
            ));
        }
        if url.path().contains('@') || url.query().is_some_and(|query| query.contains('@')) {
            return Err(InvalidUrl::new("has an `@` after the host", EXAMPLE));
        }
        if url
            .fragment()
            .is_some_and(|fragment| fragment != "insecure")
        {
            return Err(InvalidUrl::new("has a `#` after the host", EXAMPLE));
        }
        let whole = SecretString::from(url.as_str());
        mask(&mut url);
        Ok(RedisUrl {
            whole,
            shown: url.to_string(),
        })
    }

    /// Makes a URL of its parts, as the predecessor's variables give them.
    pub(crate) fn compose(
        host: &str,
        port: &str,
        password: Option<&str>,
        database: &str,
    ) -> String {
        let encode = |text: &str| -> String {
            let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            encoded.replace('+', "%20")
        };
        let credentials = password.map(|password| format!(":{}@", encode(password)));
        let bracketed = match host.contains(':') && !host.starts_with('[') {
            true => format!("[{host}]"),
            false => host.to_owned(),
        };
        format!(
            "redis://{}{bracketed}:{port}/{database}",
            credentials.unwrap_or_default()
        )
    }

    /// The whole URL with its password. For connecting only.
    pub fn expose(&self) -> &str {
        self.whole.expose_secret()
    }
}

/// Masks what is secret in the authority and in the query string.
fn mask(url: &mut Url) {
    if url.password().is_some() {
        // Fails only for URLs without a host, and those have no password either.
        let _ = url.set_password(Some("***"));
    }
    let masked: Vec<(String, String)> = url
        .query_pairs()
        .map(
            |(name, value)| match names_a_secret(&name) || name == "pass" {
                true => (name.into_owned(), "***".to_owned()),
                false => (name.into_owned(), value.into_owned()),
            },
        )
        .collect();
    if !masked.is_empty() {
        url.query_pairs_mut().clear().extend_pairs(masked);
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisUrl").field(&self.shown).finish()
    }
}

impl Serialize for RedisUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked_wherever_they_stand() {
        for (text, shown) in [
            ("redis://:hunter2@cache:6379/0", "redis://:***@cache:6379/0"),
            ("rediss://app:hunter2@cache/1", "rediss://app:***@cache/1"),
            (
                "unix:///run/redis.sock?pass=hunter2&db=1",
                "unix:///run/redis.sock?pass=***&db=1",
            ),
            (
                "redis://cache/0?password=hunter2",
                "redis://cache/0?password=***",
            ),
        ] {
            let url = RedisUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            let everything = format!("{url} {url:?} {}", serde_json::to_string(&url).unwrap());
            assert!(!everything.contains("hunter2"), "{everything}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_never_repeated() {
        for text in [
            "hunter2",
            "http://:hunter2@cache",
            "redis://:1/hunter2@cache:6379/0",
            "redis://app:1/hunter2@cache:6379/0",
            "redis://app:1?hunter2@cache:6379/0",
            "redis://app:1#hunter2@cache:6379/0",
            "redis://:hunter2@cache:port/0",
            "redis:///hunter2",
        ] {
            let error = RedisUrl::parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn parts_compose_with_an_encoded_password() {
        let text = RedisUrl::compose("cache", "6379", Some("p@ss/w rd"), "2");
        let url = RedisUrl::parse(&text).unwrap();
        assert_eq!(url.expose(), "redis://:p%40ss%2Fw%20rd@cache:6379/2");
        assert_eq!(url.to_string(), "redis://:***@cache:6379/2");
        assert_eq!(
            RedisUrl::compose("::1", "6379", None, "0"),
            "redis://[::1]:6379/0"
        );
    }
}
