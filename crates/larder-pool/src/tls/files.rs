//! Certificates and keys from files. What is wrong with one is said with its path and with the
//! names of the setting that holds the path.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsOptions;
use super::verifier::Authorities;
use crate::Error;

/// A file by what it is for, and the places where its path is set.
struct Role {
    name: &'static str,
    set_by: &'static str,
}

const ROOT: Role = Role {
    name: "root certificate",
    set_by: "tls_root_certificate, PGSSLROOTCERT or sslrootcert",
};
const CERTIFICATE: Role = Role {
    name: "client certificate",
    set_by: "tls_certificate, PGSSLCERT or sslcert",
};
const KEY: Role = Role {
    name: "client key",
    set_by: "tls_key, PGSSLKEY or sslkey",
};

impl Role {
    fn unusable(&self, path: &Path, problem: impl Display) -> Error {
        let Self { name, set_by } = self;
        Error::Options(format!(
            "the {name} {} (set by {set_by}): {problem}",
            path.display()
        ))
    }

    fn certificates(&self, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| self.unusable(path, error))?;
        if certificates.is_empty() {
            return Err(self.unusable(path, "it holds no certificate in PEM form"));
        }
        Ok(certificates)
    }
}

/// What asks the authorities that are to be trusted.
pub(super) fn authorities(
    options: &TlsOptions,
    provider: Arc<CryptoProvider>,
) -> Result<Authorities, Error> {
    let mut roots = RootCertStore::empty();
    let mut trusted = Vec::new();
    match &options.root_certificate {
        Some(path) => {
            for certificate in ROOT.certificates(path)? {
                roots
                    .add(certificate.clone())
                    .map_err(|error| ROOT.unusable(path, error))?;
                trusted.push(certificate);
            }
        }
        None => {
            // A system has some certificates that cannot be used; the rest is enough.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(Error::Options(format!(
                    "the system has no trusted certificates; name a file with them ({})",
                    ROOT.set_by
                )));
            }
        }
    }
    let chains = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| Error::Options(format!("the trusted certificates: {error}")))?;
    Ok(Authorities { trusted, chains })
}

/// What we show to a server that asks who we are.
pub(super) struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

/// The certificate and the key of the options, if they name them.
pub(super) fn identity(options: &TlsOptions) -> Result<Option<Identity>, Error> {
    let (certificate, key) = match (&options.certificate, &options.key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(certificate), None) => {
            return Err(CERTIFICATE.unusable(
                certificate,
                format!("no key is set for it ({})", KEY.set_by),
            ));
        }
        (None, Some(key)) => {
            return Err(KEY.unusable(
                key,
                format!("no certificate is set for it ({})", CERTIFICATE.set_by),
            ));
        }
    };
    let chain = CERTIFICATE.certificates(certificate)?;
    check_permissions(key)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => KEY.unusable(
            key,
            "it holds no private key in PEM form, or an encrypted one, which cannot be used",
        ),
        error => KEY.unusable(key, error),
    })?;
    Ok(Some(Identity { chain, key }))
}

/// The certificate and the key were read, but rustls does not take them for a pair.
pub(super) fn mismatch(options: &TlsOptions, error: &rustls::Error) -> Error {
    let shown = |path: &Option<std::path::PathBuf>| {
        path.as_deref()
            .unwrap_or(Path::new(""))
            .display()
            .to_string()
    };
    let (certificate, key) = (shown(&options.certificate), shown(&options.key));
    let problem = match error {
        rustls::Error::InconsistentKeys(_) => "the key is not the certificate's".to_owned(),
        error => error.to_string(),
    };
    Error::Options(format!(
        "the client certificate {certificate} with the key {key}: {problem}"
    ))
}

/// Refuses a key that others can read, by the rule of libpq.
#[cfg(unix)]
fn check_permissions(key: &Path) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;

    let metadata = std::fs::metadata(key).map_err(|error| KEY.unusable(key, error))?;
    // A file of root's may be read by a group that the service belongs to.
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if metadata.mode() & forbidden == 0 {
        return Ok(());
    }
    let mode = metadata.mode() & 0o777;
    Err(KEY.unusable(
        key,
        format!(
            "others can read it (its mode is {mode:04o}); let only its owner do so: chmod 0600"
        ),
    ))
}

#[cfg(not(unix))]
fn check_permissions(_: &Path) -> Result<(), Error> {
    Ok(())
}
