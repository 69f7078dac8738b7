//! Text, paths, URLs, hosts, and log filters.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Serialize, Serializer};
use url::Host;

use super::{Parse, Problem, Reading};
use crate::admin_token::AdminToken;
use crate::database_url::{DatabaseUrl, InvalidUrl};
use crate::redis_url::RedisUrl;
use crate::suggest::nearest;
use crate::value::SettingValue;
use crate::webhook::{SecretText, WebhookUrl};

impl Parse for String {
    const EXPECTED: &'static str = "text";

    fn parse(value: &SettingValue, _reading: &Reading<'_>) -> Result<Self, Problem> {
        let text = text(value, Self::EXPECTED, "write text in quotes")?;
        if text.chars().any(char::is_control) {
            return Err(Problem::wrong_type(
                "contains a control character",
                "write printable text",
            ));
        }
        if text.contains("://") {
            // It would be shown, and a URL may hold a password.
            return Err(Problem::wrong_type(
                "is a URL",
                "write text that is not a URL",
            ));
        }
        Ok(text.to_owned())
    }

    fn shown(&self) -> SettingValue {
        self.as_str().into()
    }
}

impl Parse for PathBuf {
    const EXPECTED: &'static str = "a path";

    fn parse(value: &SettingValue, reading: &Reading<'_>) -> Result<Self, Problem> {
        String::parse(value, reading).map(PathBuf::from)
    }

    fn shown(&self) -> SettingValue {
        self.as_path().into()
    }
}

impl Parse for DatabaseUrl {
    const EXPECTED: &'static str = "a PostgreSQL URL";

    fn parse(value: &SettingValue, _reading: &Reading<'_>) -> Result<Self, Problem> {
        let text = text(
            value,
            Self::EXPECTED,
            "write postgres://user:password@host/database",
        )?;
        DatabaseUrl::parse(text).map_err(Problem::from)
    }

    fn shown(&self) -> SettingValue {
        SettingValue::Text(self.to_string())
    }
}

impl Parse for RedisUrl {
    const EXPECTED: &'static str = "a Redis URL";

    fn parse(value: &SettingValue, _reading: &Reading<'_>) -> Result<Self, Problem> {
        let text = text(value, Self::EXPECTED, "write redis://:password@host:6379/0")?;
        RedisUrl::parse(text).map_err(Problem::from)
    }

    fn shown(&self) -> SettingValue {
        SettingValue::Text(self.to_string())
    }

    fn means_none(text: &str) -> bool {
        text.trim().to_ascii_lowercase().starts_with("memory://")
    }
}

impl Parse for SocketAddr {
    const EXPECTED: &'static str = "an address with a port";

    fn parse(value: &SettingValue, _reading: &Reading<'_>) -> Result<Self, Problem> {
        const CURE: &str = "write an address and a port, such as 127.0.0.1:7432 or [::]:7432";
        let text = text(value, Self::EXPECTED, CURE)?;
        text.trim()
            .parse()
            .map_err(|_| Problem::wrong_type("is not an address with a port", CURE))
    }

    fn shown(&self) -> SettingValue {
        SettingValue::Text(self.to_string())
    }
}

impl Parse for WebhookUrl {
    const EXPECTED: &'static str = "an https:// URL";

    fn parse(value: &SettingValue, _reading: &Reading<'_>) -> Result<Self, Problem> {
        let text = text(value, Self::EXPECTED, "write https://host/path")?;
        WebhookUrl::parse(text).map_err(Problem::from)
    }

    fn shown(&self) -> SettingValue {
        SettingValue::Text(self.to_string())
    }
}

impl Parse for AdminToken {
    const EXPECTED: &'static str = "a token";

    fn parse(value: &SettingValue, _reading: &Reading<'_>) -> Result<Self, Problem> {
        const CURE: &str = "write one that `openssl rand -hex 32` makes";
        let text = text(value, Self::EXPECTED, CURE)?;
        AdminToken::parse(text).ok_or_else(|| {
            Problem::wrong_type(
                "is shorter than 16 characters, or has blanks or letters beyond ASCII",
                CURE,
            )
        })
    }

    fn shown(&self) -> SettingValue {
        SettingValue::Text(self.to_string())
    }
}

impl Parse for SecretText {
    const EXPECTED: &'static str = "a secret text";

    fn parse(value: &SettingValue, _reading: &Reading<'_>) -> Result<Self, Problem> {
        const CURE: &str = "write 16 characters or more, such as `openssl rand -base64 32` makes";
        let text = text(value, Self::EXPECTED, CURE)?;
        SecretText::parse(text)
            .ok_or_else(|| Problem::wrong_type("is shorter than 16 characters", CURE))
    }

    fn shown(&self) -> SettingValue {
        SettingValue::Text(self.to_string())
    }
}

impl From<InvalidUrl> for Problem {
    fn from(invalid: InvalidUrl) -> Self {
        Problem::wrong_type(invalid.problem, invalid.cure)
    }
}

/// A host, and a port if one is given.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    pub host: String,
    /// The port; the protocol's usual one if none.
    pub port: Option<u16>,
}

impl HostPort {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (text, None),
        };
        let port = match port {
            Some(port) => Some(port.parse().ok().filter(|port| *port > 0)?),
            None => None,
        };
        let named = !host.is_empty() && !host.contains('@') && Host::parse(host).is_ok();
        named.then(|| HostPort {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl Serialize for HostPort {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What of the log is written: a level, or levels by target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(pub(crate) String);

impl LogFilter {
    /// The filter in the form `info,larder_pool=debug`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl Parse for LogFilter {
    const EXPECTED: &'static str = "a log level, or levels by target";

    fn parse(value: &SettingValue, reading: &Reading<'_>) -> Result<Self, Problem> {
        const CURE: &str = "write off, error, warn, info, debug or trace, or levels by target as in \
             \"info,larder_pool=debug\"";
        let filter = String::parse(value, reading)?;
        for directive in filter.split(',') {
            let level = match directive.rsplit_once('=') {
                Some((_, level)) => level.trim(),
                None => directive.trim(),
            };
            if LEVELS.contains(&level.to_ascii_lowercase().as_str()) {
                continue;
            }
            let cure = match nearest(level, LEVELS) {
                Some(near) => format!("{CURE}; did you mean `{near}`?"),
                None => CURE.to_owned(),
            };
            return Err(Problem::wrong_type(
                "names a level that does not exist",
                cure,
            ));
        }
        Ok(LogFilter(filter))
    }

    fn shown(&self) -> SettingValue {
        self.as_str().into()
    }
}

/// The text of a value that must be text and must not be empty.
pub(super) fn text<'a>(
    value: &'a SettingValue,
    expected: &str,
    cure: &str,
) -> Result<&'a str, Problem> {
    match value {
        SettingValue::Text(text) if text.trim().is_empty() => {
            Err(Problem::wrong_type("is empty", cure))
        }
        SettingValue::Text(text) => Ok(text),
        other => Err(Problem::unexpected(other, expected, cure)),
    }
}
