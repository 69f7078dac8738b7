//! Every mode with every kind of server, against what libpq's manual says ("SSL Mode
//! Descriptions", "sslrootcert", "Client Verification of Server Certificates").

use larder_pool::ConnectErrorCause::{Authentication, Tls};

use super::Outcome::{self, Clear, Encrypted, Refused, Unusable};
use super::certificates::{Authority, Signed};
use super::server::{PASSWORD, Server, Setup};

/// Lets `app` in over any connection, if it knows its password.
const ANY: &str = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n";
/// Only over TLS.
const TLS_ONLY: &str = "hostssl all all 127.0.0.1/32 scram-sha-256\n";
/// Only in the clear.
const CLEAR_ONLY: &str = "hostnossl all all 127.0.0.1/32 scram-sha-256\n";

/// The kinds of servers, all of them reached as `localhost`.
const SERVERS: [&str; 7] = [
    "without TLS",
    "right host",
    "wrong host",
    "self-signed",
    "expired",
    "TLS only",
    "clear only",
];

const NO_TLS: Outcome = Refused(Tls);
const NOT_LET_IN: Outcome = Refused(Authentication);

/// What is in the URL, and how each server is met. `{root}` is the file of the authority that
/// signed for the servers, `{other}` that of one that did not.
const MODES: [(&str, [Outcome; 7]); 13] = [
    (
        "sslmode=disable",
        [Clear, Clear, Clear, Clear, Clear, NOT_LET_IN, Clear],
    ),
    (
        // TLS if the server has it, unverified; in the clear also where it lets nobody in over TLS.
        "sslmode=prefer",
        [
            Clear, Encrypted, Encrypted, Encrypted, Encrypted, Encrypted, Clear,
        ],
    ),
    (
        // Without any mode it is the same.
        "",
        [
            Clear, Encrypted, Encrypted, Encrypted, Encrypted, Encrypted, Clear,
        ],
    ),
    (
        // A file of authorities is asked, and if TLS fails so, the clear is the way left.
        "sslmode=prefer&sslrootcert={root}",
        [Clear, Encrypted, Encrypted, Clear, Clear, Encrypted, Clear],
    ),
    (
        "sslmode=require",
        [
            NO_TLS, Encrypted, Encrypted, Encrypted, Encrypted, Encrypted, NOT_LET_IN,
        ],
    ),
    (
        // With a file of authorities it is verify-ca.
        "sslmode=require&sslrootcert={root}",
        [
            NO_TLS, Encrypted, Encrypted, NO_TLS, NO_TLS, Encrypted, NOT_LET_IN,
        ],
    ),
    (
        "sslmode=verify-ca&sslrootcert={root}",
        [
            NO_TLS, Encrypted, Encrypted, NO_TLS, NO_TLS, Encrypted, NOT_LET_IN,
        ],
    ),
    (
        "sslmode=verify-ca&sslrootcert={other}",
        [NO_TLS, NO_TLS, NO_TLS, NO_TLS, NO_TLS, NO_TLS, NO_TLS],
    ),
    (
        "sslmode=verify-full&sslrootcert={root}",
        [
            NO_TLS, Encrypted, NO_TLS, NO_TLS, NO_TLS, Encrypted, NOT_LET_IN,
        ],
    ),
    (
        "sslmode=verify-full&sslrootcert={other}",
        [NO_TLS, NO_TLS, NO_TLS, NO_TLS, NO_TLS, NO_TLS, NO_TLS],
    ),
    (
        // The authorities of the system signed for none of them; the mode is verify-full.
        "sslrootcert=system",
        [NO_TLS, NO_TLS, NO_TLS, NO_TLS, NO_TLS, NO_TLS, NO_TLS],
    ),
    (
        "sslmode=require&sslrootcert=system",
        [
            Unusable, Unusable, Unusable, Unusable, Unusable, Unusable, Unusable,
        ],
    ),
    (
        "sslmode=verify-ca&sslrootcert=/no/such/file.pem",
        [
            Unusable, Unusable, Unusable, Unusable, Unusable, Unusable, Unusable,
        ],
    ),
];

#[tokio::test]
async fn every_mode_accepts_and_refuses_what_the_manual_says() {
    let (authority, other) = (Authority::new("ours"), Authority::new("another"));
    let right = authority.sign("localhost");
    let wrong = authority.sign("other.example");
    let own = Signed::by_itself("localhost");
    let expired = authority.sign_expired("localhost");
    let setups = [
        (None, ANY),
        (Some(&right), ANY),
        (Some(&wrong), ANY),
        (Some(&own), ANY),
        (Some(&expired), ANY),
        (Some(&right), TLS_ONLY),
        (Some(&right), CLEAR_ONLY),
    ];
    let server = Server::create();
    let mut differences = Vec::new();
    for (column, (certificate, rules)) in setups.into_iter().enumerate() {
        server.start(&Setup {
            certificate,
            rules,
            ..Setup::default()
        });
        for (parameters, outcomes) in MODES {
            let parameters = parameters
                .replace("{root}", authority.file().to_str().unwrap())
                .replace("{other}", other.file().to_str().unwrap());
            let url = format!(
                "postgres://app:{PASSWORD}@localhost:{}/app?hostaddr=127.0.0.1&{parameters}",
                server.port
            );
            let (outcome, text) = super::connect(&url).await;
            assert!(!text.contains(PASSWORD), "{text}");
            if outcome != outcomes[column] {
                differences.push(format!(
                    "{} and `{parameters}`: {outcome:?} instead of {:?} ({text})",
                    SERVERS[column], outcomes[column]
                ));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test]
async fn modes_mean_nothing_on_a_socket_of_the_same_machine() {
    let authority = Authority::new("ours");
    let certificate = authority.sign("localhost");
    let server = Server::create();
    server.start(&Setup {
        certificate: Some(&certificate),
        rules: ANY,
        ..Setup::default()
    });
    let (socket, port) = (server.socket().display(), server.port);
    let root = authority.file();
    for mode in ["disable", "prefer", "require", "verify-full"] {
        let url = format!(
            "postgres:///app?host={socket}&port={port}&user=app&password={PASSWORD}\
             &sslmode={mode}&sslrootcert={}",
            root.display()
        );
        let (outcome, text) = super::connect(&url).await;
        assert_eq!(outcome, Clear, "{mode}: {text}");
    }
}

#[tokio::test]
async fn an_error_of_a_certificate_says_what_is_wrong_with_it() {
    let authority = Authority::new("ours");
    let wrong = authority.sign("other.example");
    let expired = authority.sign_expired("localhost");
    let foreign = Signed::by_itself("localhost");
    let server = Server::create();
    for (certificate, words) in [
        (&wrong, "other.example"),
        (&expired, "expired"),
        (&foreign, "UnknownIssuer"),
    ] {
        server.start(&Setup {
            certificate: Some(certificate),
            rules: ANY,
            ..Setup::default()
        });
        let url = format!(
            "postgres://app:{PASSWORD}@localhost:{}/app?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={}",
            server.port,
            authority.file().display()
        );
        let (outcome, text) = super::connect(&url).await;
        assert_eq!(outcome, NO_TLS, "{text}");
        assert!(text.contains(words), "{words}: {text}");
        assert!(!text.contains(PASSWORD), "{text}");
    }
}
