//! How strictly a connection is encrypted, by rustls.

mod files;
mod source;
mod verifier;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use rustls::ClientConfig;
use tokio_postgres::config;

use crate::Error;
use verifier::Verifier;

pub(crate) use source::TlsSource;

/// The modes of libpq's `sslmode`, but for `allow`, which protects nothing. On a Unix socket
/// all of them mean no TLS, as in libpq.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsMode {
    /// Never encrypted.
    Disable,
    /// Encrypted where the server can, and in the clear where it offers no TLS, where the
    /// handshake fails, or where the server lets nobody in over TLS: anyone in between can
    /// prevent it. A wrong password is not tried again in the clear, though libpq would.
    #[default]
    Prefer,
    /// Encrypted, but with whoever answers; with a root certificate it is `VerifyCa`.
    Require,
    /// Encrypted, with a certificate that a trusted authority signed for any host.
    VerifyCa,
    /// Encrypted, with a certificate that a trusted authority signed for this host. The name
    /// has to be a subject alternative name: unlike libpq, rustls looks at no common name.
    VerifyFull,
}

impl TlsMode {
    /// The word that libpq uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

impl FromStr for TlsMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "disable" => Ok(Self::Disable),
            "prefer" => Ok(Self::Prefer),
            "require" => Ok(Self::Require),
            "verify-ca" => Ok(Self::VerifyCa),
            "verify-full" => Ok(Self::VerifyFull),
            other => Err(Error::Options(format!(
                "sslmode `{other}` is not known; it can be disable, prefer, require, verify-ca or verify-full"
            ))),
        }
    }
}

/// Whether logging in by password proves that nobody sits in between (SCRAM-SHA-256-PLUS).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChannelBinding {
    /// Never.
    Disable,
    /// Where TLS is used and the server offers it.
    #[default]
    Prefer,
    /// Always; without it, connecting fails, whatever way to log in the server asks for.
    Require,
}

impl ChannelBinding {
    pub(crate) fn as_config(self) -> config::ChannelBinding {
        match self {
            Self::Disable => config::ChannelBinding::Disable,
            Self::Prefer => config::ChannelBinding::Prefer,
            Self::Require => config::ChannelBinding::Require,
        }
    }
}

impl FromStr for ChannelBinding {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "disable" => Ok(Self::Disable),
            "prefer" => Ok(Self::Prefer),
            "require" => Ok(Self::Require),
            other => Err(Error::Options(format!(
                "channel_binding `{other}` is not known; it can be disable, prefer or require"
            ))),
        }
    }
}

/// What a connection demands of its encryption. The files are read when a pool is opened, and
/// again when a connection is made after one of them was replaced. Where the new ones cannot be
/// used, the log has a warning and what was read before still holds. The system's authorities are
/// read together with them, and by themselves not again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsOptions {
    /// How strict.
    pub mode: TlsMode,
    /// A PEM file with the authorities to trust; without it the system's, which only
    /// `VerifyCa` and `VerifyFull` ask.
    pub root_certificate: Option<PathBuf>,
    /// A PEM file with the certificate to show to a server that asks for one, and those
    /// that signed it.
    pub certificate: Option<PathBuf>,
    /// A PEM file with the private key of `certificate`, not encrypted. On Unix nobody but
    /// its owner may read it, or its group if it is root's, as libpq demands.
    pub key: Option<PathBuf>,
    /// Whether the server is told its name in the clear (`sslsni`), which some need to know
    /// whom the connection is for. On by default.
    pub server_name_indication: bool,
    /// Whether logging in proves that nobody sits in between. [`ChannelBinding::Prefer`] by
    /// default.
    pub channel_binding: ChannelBinding,
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            mode: TlsMode::default(),
            root_certificate: None,
            certificate: None,
            key: None,
            server_name_indication: true,
            channel_binding: ChannelBinding::default(),
        }
    }
}

impl TlsOptions {
    /// The files that they are read from.
    fn files(&self) -> impl Iterator<Item = &Path> {
        let files = [&self.root_certificate, &self.certificate, &self.key];
        files.into_iter().flatten().map(PathBuf::as_path)
    }

    /// Whether the server's certificate is looked at.
    fn asks_authorities(&self) -> bool {
        match self.mode {
            TlsMode::Disable => false,
            // As libpq does, which then goes on in the clear where `prefer` allows it.
            TlsMode::Prefer | TlsMode::Require => self.root_certificate.is_some(),
            TlsMode::VerifyCa | TlsMode::VerifyFull => true,
        }
    }
}

/// The configuration of rustls for these options.
///
/// # Errors
///
/// [`Error::Options`] if a file cannot be used, or no authority is known although one is needed.
fn client_config(options: &TlsOptions) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Options(format!("TLS cannot be set up: {error}")))?;
    let authorities = match options.asks_authorities() {
        true => Some(files::authorities(options, Arc::clone(&provider))?),
        false => None,
    };
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier {
            provider,
            authorities,
            checks_name: options.mode == TlsMode::VerifyFull,
        }));
    let mut config = match files::identity(options)? {
        Some(identity) => builder
            .with_client_auth_cert(identity.chain, identity.key)
            .map_err(|error| files::mismatch(options, &error))?,
        None => builder.with_no_client_auth(),
    };
    config.enable_sni = options.server_name_indication;
    Ok(config)
}

#[cfg(test)]
mod tests;
