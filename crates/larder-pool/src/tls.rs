//! How strictly a connection is encrypted, by rustls.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use crate::Error;

/// The modes of libpq's `sslmode`, but for `allow`, which protects nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsMode {
    /// Never encrypted.
    Disable,
    /// Encrypted where the server can; anyone in between can prevent it.
    #[default]
    Prefer,
    /// Encrypted, but with whoever answers.
    Require,
    /// Encrypted, with a certificate that a trusted authority signed for any host.
    VerifyCa,
    /// Encrypted, with a certificate that a trusted authority signed for this host.
    VerifyFull,
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

/// What a connection demands of its encryption.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsOptions {
    /// How strict.
    pub mode: TlsMode,
    /// A PEM file with the authorities to trust; without it the system's.
    pub root_certificate: Option<PathBuf>,
}

/// The configuration of rustls for these options.
///
/// # Errors
///
/// [`Error::Options`] if no authority can be read although one is needed.
pub(crate) fn client_config(options: &TlsOptions) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Options(format!("TLS cannot be set up: {error}")))?;
    let verifier: Arc<dyn ServerCertVerifier> = match options.mode {
        TlsMode::Disable | TlsMode::Prefer | TlsMode::Require => Arc::new(Lenient {
            provider,
            authorities: None,
        }),
        TlsMode::VerifyCa => Arc::new(Lenient {
            authorities: Some(authorities(options, Arc::clone(&provider))?),
            provider,
        }),
        TlsMode::VerifyFull => authorities(options, provider)?,
    };
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

fn authorities(
    options: &TlsOptions,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    match &options.root_certificate {
        Some(path) => {
            let unreadable = |problem: String| {
                Error::Options(format!(
                    "the root certificate {}: {problem}",
                    path.display()
                ))
            };
            let certificates = CertificateDer::pem_file_iter(path)
                .map_err(|error| unreadable(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|error| unreadable(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(unreadable("holds no certificate".to_owned()));
            }
        }
        None => {
            // A system has some certificates that cannot be used; the rest is enough.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(Error::Options(
                    "the system has no trusted certificates; name a file with them (tls_root_certificate, or PGSSLROOTCERT)".to_owned(),
                ));
            }
        }
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| Error::Options(format!("the trusted certificates: {error}")))
}

/// Accepts a certificate of a trusted authority whatever host it names, or every
/// certificate if no authority is asked. The handshake's signatures are checked all the same.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    authorities: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(authorities) = &self.authorities else {
            return Ok(ServerCertVerified::assertion());
        };
        match authorities.verify_server_cert(certificate, intermediates, host, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests;
