//! Files of TLS that are replaced while the process runs.

use std::path::Path;

use larder_database::sql;
use larder_pool::{ConnectErrorCause, ConnectOptions, Error, Pool, TlsMode};
use larder_testing::servers::{PostgresOptions, PostgresServer, TlsFiles};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use super::support::pool_by;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server whose certificate this authority has signed.
async fn server(authority: &Authority) -> PostgresServer {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let files = TlsFiles {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        client_authority: None,
    };
    let options = PostgresOptions::default().tls(files);
    PostgresServer::start_with(options).await.unwrap()
}

/// As those do who replace a file under the eyes of its readers.
fn replace(path: &Path, content: &str) {
    let next = path.with_extension("next");
    std::fs::write(&next, content).unwrap();
    std::fs::rename(next, path).unwrap();
}

/// Why no new connection can be made, if none can.
async fn refusal(pool: &Pool) -> Option<ConnectErrorCause> {
    let mut session = match pool.session().await {
        Ok(session) => session,
        Err(Error::Connect(error)) => return Some(error.cause()),
        Err(error) => unreachable!("{error}"),
    };
    let encrypted = sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        .fetch_scalar_on::<bool>(&mut session)
        .await;
    assert!(encrypted.unwrap());
    session.discard();
    None
}

#[tokio::test]
async fn an_authority_that_is_replaced_counts_from_the_next_connection_on() {
    let (ours, foreign) = (authority(), authority());
    let server = server(&ours).await;
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("authority.pem");
    replace(&file, &foreign.pem());
    let mut options = ConnectOptions::parse(&server.url()).unwrap();
    options.tls.mode = TlsMode::VerifyCa;
    options.tls.root_certificate = Some(file.clone());
    let pool = pool_by(options, |_| {});
    assert_eq!(refusal(&pool).await, Some(ConnectErrorCause::Tls));
    replace(&file, &ours.pem());
    assert_eq!(refusal(&pool).await, None);
    // What cannot be used does not take away what could.
    replace(&file, "half of a certificate");
    assert_eq!(refusal(&pool).await, None);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(refusal(&pool).await, None);
    replace(&file, &foreign.pem());
    assert_eq!(refusal(&pool).await, Some(ConnectErrorCause::Tls));
}
