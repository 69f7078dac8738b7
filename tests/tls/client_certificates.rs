//! Who we are to the server, by a certificate of ours.

use larder_pool::ConnectErrorCause::{Authentication, Tls};

use super::Outcome::{Encrypted, Refused};
use super::certificates::{Authority, Signed};
use super::server::{PASSWORD, Server, Setup};

/// A password is not enough: the certificate has to bear the name of the user.
const WITH_CERTIFICATE: &str =
    "hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-full\n";
/// The certificate is enough.
const BY_CERTIFICATE: &str = "hostssl all all 127.0.0.1/32 cert\n";

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_takes_the_users_own() {
    let (authority, foreign) = (Authority::new("clients"), Authority::new("foreign"));
    let certificate = authority.sign("localhost");
    let files = tempfile::tempdir().unwrap();
    let server = Server::create();
    let url = |password: &str, signed: Option<&Signed>, mode: &str| {
        let identity = signed.map_or_else(String::new, |signed| {
            let (certificate, key) = signed.write(files.path(), "client");
            format!(
                "&sslcert={}&sslkey={}",
                certificate.display(),
                key.display()
            )
        });
        format!(
            "postgres://app{password}@localhost:{}/app?hostaddr=127.0.0.1&sslmode={mode}{identity}",
            server.port
        )
    };
    let own = authority.sign("app");
    let other = authority.sign("somebody_else");
    let expired = authority.sign_expired("app");
    let unknown = foreign.sign("app");
    let password = format!(":{PASSWORD}");
    let with_password: [(_, _, _); 6] = [
        ("require", Some(&own), Encrypted),
        ("prefer", Some(&own), Encrypted),
        ("require", None, Refused(Authentication)),
        ("require", Some(&other), Refused(Authentication)),
        ("require", Some(&expired), Refused(Tls)),
        ("require", Some(&unknown), Refused(Tls)),
    ];
    for (rules, password) in [(WITH_CERTIFICATE, password.as_str()), (BY_CERTIFICATE, "")] {
        server.start(&Setup {
            certificate: Some(&certificate),
            client_authority: Some(&authority),
            rules,
            ..Setup::default()
        });
        for (mode, signed, expected) in &with_password {
            let (outcome, text) = super::connect(&url(password, *signed, mode)).await;
            let name = signed.map(|signed| signed.certificate.as_str());
            assert_eq!(outcome, *expected, "{rules} {mode} {name:?}: {text}");
            assert!(!text.contains(PASSWORD), "{text}");
        }
    }
}
