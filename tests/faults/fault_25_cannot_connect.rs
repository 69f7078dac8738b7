//! Fault 25: the credentials are wrong, the host is unknown, the certificate is wrong, the
//! database is missing. Each is one clear error, soon, that names the cause and no password.

use larder_pool::ConnectErrorCause::{self, Authentication, Tls, UnknownDatabase, UnknownHost};
use larder_pool::{ConnectOptions, Error, Pool, PoolOptions};
use tokio::time::timeout;

use crate::support::PATIENCE;
use crate::tls::certificates::{Authority, Signed};
use crate::tls::server::{PASSWORD, Server, Setup};

/// A password that is wrong, and that must be seen nowhere.
const WRONG: &str = "wr0ng-0ne";

/// What is said of a URL, which must be an error of connecting, soon.
async fn refusal(url: &str) -> (ConnectErrorCause, String) {
    let options = ConnectOptions::parse(url).unwrap();
    let opened = Pool::open(options, PoolOptions::named("main"));
    let error = timeout(PATIENCE, opened).await.unwrap().unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(
        !shown.contains(WRONG) && !shown.contains(PASSWORD),
        "{shown}"
    );
    let text = error.to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    match error {
        Error::Connect(error) => (error.cause(), text),
        other => panic!("not an error of connecting: {other}"),
    }
}

#[tokio::test]
async fn fault_25_each_cause_is_named_and_no_password() {
    let authority = Authority::new("ours");
    let certificate = Signed::by_itself("localhost");
    let server = Server::create();
    server.start(&Setup {
        certificate: Some(&certificate),
        rules: "host all all 127.0.0.1/32 scram-sha-256\n",
        ..Setup::default()
    });
    let place = format!("localhost:{}", server.port);
    let root = authority.file();
    let root = root.display();
    let local = "hostaddr=127.0.0.1";
    let secure = format!("{local}&sslmode=verify-full&sslrootcert={root}");
    let faults = [
        (
            format!("postgres://app:{WRONG}@{place}/app?{local}"),
            Authentication,
            "authentication failed",
        ),
        (
            format!("postgres://nobody:{WRONG}@{place}/app?{local}"),
            Authentication,
            "authentication failed",
        ),
        (
            format!("postgres://app@{place}/app?{local}"),
            Authentication,
            "password missing",
        ),
        (
            format!("postgres://app:{PASSWORD}@nobody.invalid/app"),
            UnknownHost,
            "the host is unknown",
        ),
        (
            format!("postgres://app:{PASSWORD}@{place}/app?{secure}"),
            Tls,
            "TLS failed",
        ),
        (
            format!("postgres://app:{PASSWORD}@{place}/no_such_database?{local}"),
            UnknownDatabase,
            "the database does not exist",
        ),
    ];
    for (url, cause, words) in &faults {
        let (found, text) = refusal(url).await;
        assert_eq!(found, *cause, "{text}");
        assert!(text.starts_with("connect to database `"), "{text}");
        assert!(text.contains(words), "{words}: {text}");
    }
    // A pool that was opened without connecting says the same to its first caller, and does
    // not let it wait where waiting cannot help.
    for (url, cause, _) in faults.iter().filter(|(_, cause, _)| *cause != UnknownHost) {
        let options = ConnectOptions::parse(url).unwrap();
        let mut pool = PoolOptions::named("main");
        pool.acquire_timeout = PATIENCE * 10;
        let pool = Pool::open_lazily(options, pool).unwrap();
        match timeout(PATIENCE, pool.session()).await.unwrap() {
            Err(Error::Connect(error)) => assert_eq!(error.cause(), *cause, "{error}"),
            other => panic!("not an error of connecting: {other:?}"),
        }
    }
}
