//! Where alerts are sent and what they are signed with, neither of which can be printed.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};
use url::{Host, Url};

use crate::database_url::InvalidUrl;

const EXAMPLE: &str = "write https://host/path; http:// only for this machine";

/// The fewest characters of a secret.
const SHORTEST: usize = 16;

/// The URL of a webhook. Whoever knows it may post there, so all but its host is secret.
///
/// `Display`, `Debug` and serialisation show the host alone; [`expose`](WebhookUrl::expose) gives
/// the whole URL, for posting.
#[derive(Clone)]
pub struct WebhookUrl {
    whole: SecretString,
    shown: String,
}

impl WebhookUrl {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`] if it is not `https://`, or `http://` to this machine. It never repeats the
    /// text.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let url = Url::parse(text.trim())
            .map_err(|error| InvalidUrl::new(format!("cannot be read: {error}"), EXAMPLE))?;
        let host = url
            .host()
            .ok_or_else(|| InvalidUrl::new("names no host", EXAMPLE))?;
        match url.scheme() {
            "https" => {}
            "http" if is_this_machine(&host) => {}
            "http" => {
                return Err(InvalidUrl::new(
                    "would send alerts over the network in the clear",
                    EXAMPLE,
                ));
            }
            _ => return Err(InvalidUrl::new("is not a URL of the web", EXAMPLE)),
        }
        let shown = format!("{}://{host}/***", url.scheme());
        Ok(WebhookUrl {
            whole: SecretString::from(url.as_str()),
            shown,
        })
    }

    /// The whole URL. For posting only.
    pub fn expose(&self) -> &str {
        self.whole.expose_secret()
    }
}

fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.shown)
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({})", self.shown)
    }
}

impl Serialize for WebhookUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown)
    }
}

/// A text that cannot be printed, of 16 characters or more.
///
/// `Display`, `Debug` and serialisation mask it; [`expose`](SecretText::expose) gives it.
#[derive(Clone)]
pub struct SecretText(SecretString);

impl SecretText {
    /// Reads a secret. `None` if it is too short to keep anything secret.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        (text.chars().count() >= SHORTEST).then(|| SecretText(SecretString::from(text)))
    }

    /// The text. For signing only.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Display for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("***")
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(***)")
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_told_by_its_host_alone() {
        let text = "https://hooks.example.com/services/T0/hunter2?key=hunter2";
        let url = WebhookUrl::parse(text).unwrap();
        assert_eq!(url.expose(), text);
        let json = serde_json::to_string(&url).unwrap();
        let shown = format!("{url} {url:?} {json}");
        assert!(
            shown.starts_with("https://hooks.example.com/*** "),
            "{shown}"
        );
        assert!(!shown.contains("hunter2"), "{shown}");
        let url = WebhookUrl::parse("https://someone:hunter2@example.com/").unwrap();
        assert!(!format!("{url} {url:?}").contains("hunter2"));
    }

    #[test]
    fn in_the_clear_only_to_this_machine() {
        for text in [
            "http://localhost/x",
            "http://127.0.0.1:9/x",
            "http://[::1]/x",
        ] {
            assert!(WebhookUrl::parse(text).is_ok(), "{text}");
        }
        for text in [
            "http://example.com/hunter2",
            "ftp://example.com",
            "hunter2",
            "https://",
        ] {
            let error = WebhookUrl::parse(text).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_secret_is_long_and_never_shown() {
        assert!(SecretText::parse("fifteen letters").is_none());
        let secret = SecretText::parse(" sixteen letters! ").unwrap();
        assert_eq!(secret.expose(), "sixteen letters!");
        let json = serde_json::to_string(&secret).unwrap();
        assert_eq!(
            format!("{secret} {secret:?} {json}"),
            "*** SecretText(***) \"***\""
        );
    }
}
