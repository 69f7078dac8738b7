//! Logging in by SCRAM-SHA-256-PLUS: somebody in between is noticed by the password's proof,
//! even where no certificate is looked at.

use std::sync::Arc;

use larder_pool::ConnectErrorCause::Authentication;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::Outcome::{Clear, Encrypted, Refused};
use super::certificates::{Authority, Signed};
use super::server::{PASSWORD, Server, Setup};

const SCRAM: &str = "host all all 127.0.0.1/32 scram-sha-256\n";
const MD5_OR_CLEAR_TEXT: &str = "host all all 127.0.0.1/32 password\n";

fn url(port: u16, parameters: &str) -> String {
    format!("postgres://app:{PASSWORD}@localhost:{port}/app?hostaddr=127.0.0.1&{parameters}")
}

#[tokio::test]
async fn a_binding_that_is_required_is_had_or_connecting_fails() {
    let authority = Authority::new("ours");
    let certificate = authority.sign("localhost");
    let server = Server::create();
    let with_tls = |rules| Setup {
        certificate: Some(&certificate),
        rules,
        ..Setup::default()
    };
    server.start(&with_tls(SCRAM));
    for (parameters, expected) in [
        ("sslmode=require&channel_binding=require", Encrypted),
        ("sslmode=require&channel_binding=prefer", Encrypted),
        ("sslmode=require&channel_binding=disable", Encrypted),
        // Nothing to bind to.
        (
            "sslmode=disable&channel_binding=require",
            Refused(Authentication),
        ),
        ("sslmode=disable&channel_binding=prefer", Clear),
    ] {
        let (outcome, text) = super::connect(&url(server.port, parameters)).await;
        assert_eq!(outcome, expected, "{parameters}: {text}");
        assert!(
            text.is_empty() || text.contains("channel binding"),
            "{text}"
        );
    }
    // A server that wants the password itself proves nothing.
    server.start(&with_tls(MD5_OR_CLEAR_TEXT));
    for (parameters, expected) in [
        (
            "sslmode=require&channel_binding=require",
            Refused(Authentication),
        ),
        ("sslmode=require&channel_binding=prefer", Encrypted),
    ] {
        let (outcome, text) = super::connect(&url(server.port, parameters)).await;
        assert_eq!(outcome, expected, "{parameters}: {text}");
    }
}

#[tokio::test]
async fn somebody_in_between_is_noticed() {
    let authority = Authority::new("ours");
    let certificate = authority.sign("localhost");
    let server = Server::create();
    server.start(&Setup {
        certificate: Some(&certificate),
        rules: SCRAM,
        ..Setup::default()
    });
    let port = stand_in_between(server.port, &authority).await;
    for (binding, expected) in [
        // The relay works: nothing else keeps us from logging in through it.
        ("disable", Encrypted),
        ("prefer", Refused(Authentication)),
        ("require", Refused(Authentication)),
    ] {
        let parameters = format!("sslmode=require&channel_binding={binding}");
        let (outcome, text) = super::connect(&url(port, &parameters)).await;
        assert_eq!(outcome, expected, "{binding}: {text}");
    }
}

/// Takes TLS with a certificate of its own, and passes everything on to the server through TLS.
async fn stand_in_between(server: u16, authority: &Authority) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let signed = Signed::by_itself("localhost");
    let chain = vec![CertificateDer::from_pem_slice(signed.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap();
    roots.add(root).unwrap();
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (acceptor, connector) = (acceptor.clone(), connector.clone());
            tokio::spawn(async move {
                // Either side may hang up at any time, and that is the end of it.
                let _ = relay(client, server, acceptor, connector).await;
            });
        }
    });
    port
}

async fn relay(
    mut client: TcpStream,
    server: u16,
    acceptor: TlsAcceptor,
    connector: TlsConnector,
) -> std::io::Result<()> {
    let mut request = [0; 8];
    client.read_exact(&mut request).await?;
    client.write_all(b"S").await?;
    let mut client = acceptor.accept(client).await?;
    let mut stream = TcpStream::connect(("127.0.0.1", server)).await?;
    stream.write_all(&request).await?;
    let mut answer = [0; 1];
    stream.read_exact(&mut answer).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector.connect(name, stream).await?;
    copy_bidirectional(&mut client, &mut stream).await.map(drop)
}
