//! Which certificates each mode accepts, in real handshakes without a network.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::Write;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConnection, ServerConfig, ServerConnection};

use super::*;

/// An authority, and a server whose certificate it signed for `localhost`.
struct Authority {
    certificate: tempfile::NamedTempFile,
    server: Arc<ServerConfig>,
}

/// A server whose certificate nobody else signed, and which a client may trust by name.
fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    change(&mut params);
    let leaf = params.self_signed(&key).unwrap();
    Authority {
        certificate: file(&leaf.pem()),
        server: server(leaf.der().clone(), &key),
    }
}

fn authority() -> Authority {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let leaf = params.signed_by(&key, &issuer).unwrap();
    Authority {
        certificate: file(&issuer.pem()),
        server: server(leaf.der().clone(), &key),
    }
}

fn server(certificate: CertificateDer<'static>, key: &KeyPair) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Arc::new(server)
}

/// Whether a client of this mode, which trusts `trusted`, takes the server for `host`.
fn accepts(mode: TlsMode, trusted: &Authority, server: &Authority, host: &'static str) -> bool {
    let options = TlsOptions {
        mode,
        root_certificate: Some(trusted.certificate.path().to_owned()),
        ..TlsOptions::default()
    };
    handshake(&options, server, host)
}

/// The same for a client that names no authorities.
fn accepts_without_roots(mode: TlsMode, server: &Authority, host: &'static str) -> bool {
    let options = TlsOptions {
        mode,
        ..TlsOptions::default()
    };
    handshake(&options, server, host)
}

fn handshake(options: &TlsOptions, server: &Authority, host: &'static str) -> bool {
    let config = Arc::new(client_config(options).unwrap());
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
fn require_takes_whoever_answers_unless_authorities_are_named() {
    let (ours, foreign) = (authority(), authority());
    assert!(accepts_without_roots(
        TlsMode::Require,
        &foreign,
        "db.example"
    ));
    assert!(accepts(TlsMode::Require, &ours, &ours, "db.example"));
    assert!(!accepts(TlsMode::Require, &ours, &foreign, "db.example"));
}

/// A key, and a certificate that goes with it.
fn identity() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["app".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn file(content: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file
}

/// What is said of a certificate and a key that are to be shown.
fn refusal(certificate: Option<&Path>, key: Option<&Path>) -> String {
    let options = TlsOptions {
        mode: TlsMode::Require,
        certificate: certificate.map(Path::to_owned),
        key: key.map(Path::to_owned),
        ..TlsOptions::default()
    };
    client_config(&options).unwrap_err().to_string()
}

#[test]
fn a_client_certificate_needs_its_key_and_says_which_file_is_wrong() {
    let ((certificate, key), (_, other_key)) = (identity(), identity());
    let (certificate_file, key_file) = (file(&certificate), file(&key));
    let options = TlsOptions {
        certificate: Some(certificate_file.path().to_owned()),
        key: Some(key_file.path().to_owned()),
        ..TlsOptions::default()
    };
    assert!(client_config(&options).is_ok());
    assert!(!format!("{options:?}").contains("PRIVATE KEY"));

    let (certificate, key) = (certificate_file.path(), key_file.path());
    let missing = Path::new("/no/such/file.pem");
    let other = file(&other_key);
    let empty = file("");
    for (refusal, words) in [
        (
            refusal(Some(certificate), None),
            ["no key is set", "PGSSLKEY"],
        ),
        (
            refusal(None, Some(key)),
            ["no certificate is set", "PGSSLCERT"],
        ),
        (
            refusal(Some(missing), Some(key)),
            ["/no/such/file.pem", "tls_certificate"],
        ),
        (
            refusal(Some(certificate), Some(missing)),
            ["/no/such/file.pem", "tls_key"],
        ),
        (
            refusal(Some(certificate), Some(other.path())),
            ["the key is not the certificate's", ""],
        ),
        (
            refusal(Some(certificate), Some(empty.path())),
            ["no private key", "tls_key"],
        ),
        (
            refusal(Some(empty.path()), Some(key)),
            ["no certificate in PEM form", "tls_certificate"],
        ),
    ] {
        assert!(
            words.iter().all(|word| refusal.contains(word)),
            "{words:?}: {refusal}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let (certificate, key) = identity();
    let (certificate, key) = (file(&certificate), file(&key));
    let mode = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(key.path(), mode(0o644)).unwrap();
    let refusal = refusal(Some(certificate.path()), Some(key.path()));
    assert!(refusal.contains("mode is 0644"), "{refusal}");
    assert!(refusal.contains(key.path().to_str().unwrap()), "{refusal}");
}

#[test]
fn the_name_of_the_server_is_told_unless_forbidden() {
    for (query, told) in [("", true), ("sslsni=1", true), ("sslsni=0", false)] {
        let url = format!("postgres://db/shop?{query}");
        let options = crate::ConnectOptions::parse(&url).unwrap();
        assert_eq!(
            client_config(&options.tls).unwrap().enable_sni,
            told,
            "{query}"
        );
    }
}

#[test]
fn a_certificate_that_is_trusted_itself_needs_no_other() {
    let plain = self_signed(|_| {});
    // As `openssl req -x509` makes it.
    let authority = self_signed(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    for own in [&plain, &authority] {
        assert!(accepts(TlsMode::VerifyFull, own, own, "localhost"));
        assert!(!accepts(TlsMode::VerifyFull, own, own, "db.example"));
        assert!(accepts(TlsMode::VerifyCa, own, own, "db.example"));
    }
    assert!(!accepts(TlsMode::VerifyCa, &plain, &authority, "localhost"));
    let (past, future) = (date_time_ymd(2020, 1, 1), date_time_ymd(4000, 1, 1));
    let expired = self_signed(|params| params.not_after = past);
    assert!(!accepts(TlsMode::VerifyCa, &expired, &expired, "localhost"));
    let early = self_signed(|params| params.not_before = future);
    assert!(!accepts(TlsMode::VerifyCa, &early, &early, "localhost"));
}

#[test]
fn a_file_without_certificates_is_refused_by_name() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    let options = TlsOptions {
        mode: TlsMode::VerifyFull,
        root_certificate: Some(empty.path().to_owned()),
        ..TlsOptions::default()
    };
    let error = client_config(&options).unwrap_err().to_string();
    assert!(error.contains(empty.path().to_str().unwrap()), "{error}");
    assert!(
        error.contains("holds no certificate in PEM form"),
        "{error}"
    );
}
