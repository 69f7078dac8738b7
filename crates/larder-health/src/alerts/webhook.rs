//! Alerts as signed JSON, posted to a URL.

use std::fmt;
use std::sync::Arc;

use chrono::Utc;
use futures::future::BoxFuture;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use url::{Host, Url};

use super::{Alert, AlertError, AlertSink};

#[cfg(test)]
mod tests;

/// Posts alerts as JSON.
///
/// | header | what it has |
/// |---|---|
/// | `larder-delivery` | incident and number of the alert; the same when it is posted again |
/// | `larder-timestamp` | when it was posted: seconds since 1970 |
/// | `larder-signature` | `v1=` and the HMAC-SHA256 of `timestamp.body` in hex, where there is a secret |
///
/// An answer of 2xx is success. One of 408, 429 or 5xx, and none at all, is tried again; a redirect
/// is not followed.
pub struct Webhook {
    client: Client,
    url: Url,
    secret: Option<SecretString>,
}

/// A webhook cannot be used. Its text reads after "failed to".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The URL cannot be read; the text does not repeat it.
    #[error("read the URL of the webhook: write https://host/path")]
    Url,
    /// It is `http://` to another machine: what is wrong here would be told in the clear, and the
    /// URL itself, which lets others post.
    #[error(
        "use the webhook: it would send alerts over the network in the clear; write https://host/path, http:// is only for this machine"
    )]
    InTheClear,
    /// TLS cannot be set up.
    #[error("set up TLS for the webhook: {0}")]
    Tls(String),
}

impl Webhook {
    /// A webhook at this URL: `https://`, or `http://` to this machine. The secret signs what is
    /// posted.
    ///
    /// # Errors
    ///
    /// [`WebhookError`] if it could never be used. That nobody listens there is no error.
    pub fn new(url: &SecretString, secret: Option<SecretString>) -> Result<Self, WebhookError> {
        let url = Url::parse(url.expose_secret()).map_err(|_| WebhookError::Url)?;
        match (url.scheme(), url.host()) {
            ("https", Some(_)) => {}
            ("http", Some(host)) if is_this_machine(&host) => {}
            ("http", Some(_)) => return Err(WebhookError::InTheClear),
            _ => return Err(WebhookError::Url),
        }
        let client = Client::builder()
            .use_preconfigured_tls(tls()?)
            .redirect(Policy::none())
            .no_proxy()
            .user_agent(concat!("larder/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| WebhookError::Tls(error.without_url().to_string()))?;
        Ok(Self {
            client,
            url,
            secret,
        })
    }

    async fn post(&self, alert: &Alert) -> Result<(), AlertError> {
        let body = serde_json::to_string(alert)
            .map_err(|error| AlertError::permanent(format!("it is no JSON: {error}")))?;
        let timestamp = Utc::now().timestamp().to_string();
        let delivery = format!("{}-{}", alert.incident, alert.sequence);
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("larder-delivery", delivery)
            .header("larder-timestamp", &timestamp);
        if let Some(secret) = &self.secret {
            let signature = sign(secret.expose_secret(), &timestamp, body.as_bytes());
            request = request.header("larder-signature", signature);
        }
        // The URL may hold a token, and the error is logged.
        let answer = request.body(body).send().await;
        let answer = answer.map_err(|error| AlertError::temporary(reason(error.without_url())))?;
        let status = answer.status();
        let reason = format!("the webhook answered {status}");
        match status {
            status if status.is_success() => Ok(()),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Err(AlertError::temporary(reason))
            }
            status if status.is_server_error() => Err(AlertError::temporary(reason)),
            _ => Err(AlertError::permanent(reason)),
        }
    }
}

fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// The error and what is behind it: its own text says little.
fn reason(error: reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        words = format!("{words}: {error}");
        source = error.source();
    }
    words
}

impl AlertSink for Webhook {
    fn name(&self) -> &str {
        "webhook"
    }

    fn send(&self, alert: Arc<Alert>) -> BoxFuture<'_, Result<(), AlertError>> {
        Box::pin(async move { self.post(&alert).await })
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whoever knows the path may post there.
        f.debug_struct("Webhook")
            .field("host", &self.url.host_str())
            .field("signed", &self.secret.is_some())
            .finish_non_exhaustive()
    }
}

/// The authorities that the system trusts.
fn tls() -> Result<rustls::ClientConfig, WebhookError> {
    let mut roots = rustls::RootCertStore::empty();
    // What cannot be read is left out: the others may do.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| WebhookError::Tls(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The HMAC of `timestamp.body`, not yet finished.
fn mac(secret: &str, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    // It takes keys of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac)
}

fn sign(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let signature = mac(secret, timestamp, body).map(|mac| mac.finalize().into_bytes());
    format!("v1={}", hex::encode(signature.unwrap_or_default()))
}

/// Whether what was received is from an instance that knows the secret: the headers
/// `larder-timestamp` and `larder-signature`, and the body as it came. The comparison takes the same
/// time wherever it differs. That the timestamp is recent, the receiver has to see to.
///
/// ```
/// use larder_health::alerts::verify;
///
/// assert!(!verify("sixteen letters!", "1700000000", b"{}", "v1=00"));
/// ```
#[must_use]
pub fn verify(secret: &str, timestamp: &str, body: &[u8], signature: &str) -> bool {
    let signature = signature.strip_prefix("v1=").map(hex::decode);
    match (signature, mac(secret, timestamp, body)) {
        (Some(Ok(signature)), Some(mac)) => mac.verify_slice(&signature).is_ok(),
        _ => false,
    }
}
