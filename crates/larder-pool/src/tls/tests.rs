//! Which certificates each mode accepts, in real handshakes without a network.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::Write;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ClientConnection, ServerConfig, ServerConnection};

use super::*;

/// An authority, and a server whose certificate it signed for `localhost`.
struct Authority {
    certificate: tempfile::NamedTempFile,
    server: Arc<ServerConfig>,
}

fn authority() -> Authority {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut certificate = tempfile::NamedTempFile::new().unwrap();
    certificate.write_all(issuer.pem().as_bytes()).unwrap();

    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let leaf = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    Authority {
        certificate,
        server: Arc::new(server),
    }
}

/// Whether a client of this mode, which trusts `trusted`, takes the server for `host`.
fn accepts(mode: TlsMode, trusted: &Authority, server: &Authority, host: &'static str) -> bool {
    let options = TlsOptions {
        mode,
        root_certificate: Some(trusted.certificate.path().to_owned()),
    };
    let config = Arc::new(client_config(&options).unwrap());
    let mut client = ClientConnection::new(config, host.try_into().unwrap()).unwrap();
    let mut server = ServerConnection::new(Arc::clone(&server.server)).unwrap();
    while client.is_handshaking() {
        let mut sent = Vec::new();
        client.write_tls(&mut sent).unwrap();
        server.read_tls(&mut &sent[..]).unwrap();
        server.process_new_packets().unwrap();
        let mut answer = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut answer).unwrap();
        }
        let mut answer = &answer[..];
        while !answer.is_empty() {
            client.read_tls(&mut answer).unwrap();
            if client.process_new_packets().is_err() {
                return false;
            }
        }
    }
    true
}

#[test]
fn verify_full_wants_a_trusted_authority_and_the_right_host() {
    let (ours, foreign) = (authority(), authority());
    assert!(accepts(TlsMode::VerifyFull, &ours, &ours, "localhost"));
    assert!(!accepts(TlsMode::VerifyFull, &ours, &ours, "db.example"));
    assert!(!accepts(TlsMode::VerifyFull, &ours, &foreign, "localhost"));
}

#[test]
fn verify_ca_wants_a_trusted_authority_for_any_host() {
    let (ours, foreign) = (authority(), authority());
    assert!(accepts(TlsMode::VerifyCa, &ours, &ours, "db.example"));
    assert!(!accepts(TlsMode::VerifyCa, &ours, &foreign, "localhost"));
}

#[test]
fn require_takes_whoever_answers() {
    let (ours, foreign) = (authority(), authority());
    assert!(accepts(TlsMode::Require, &ours, &foreign, "db.example"));
}

#[test]
fn a_file_without_certificates_is_refused_by_name() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    let options = TlsOptions {
        mode: TlsMode::VerifyFull,
        root_certificate: Some(empty.path().to_owned()),
    };
    let error = client_config(&options).unwrap_err().to_string();
    assert!(error.contains(empty.path().to_str().unwrap()), "{error}");
    assert!(error.contains("holds no certificate"), "{error}");
}
