//! Servers of different kinds: which one a connection stays with.

use std::collections::BTreeSet;

use larder_database::sql;
use larder_pool::{ConnectErrorCause, ConnectOptions};

use super::{pool, refusal};
use crate::tls::server::{PASSWORD, Server, Setup};

const RULES: &str = "host all all 127.0.0.1/32 scram-sha-256\n";

struct Pair {
    primary: Server,
    standby: Server,
}

impl Pair {
    fn start() -> Self {
        let (primary, standby) = (Server::create(), Server::create());
        primary.start(&Setup {
            rules: RULES,
            ..Setup::default()
        });
        standby.start(&Setup {
            rules: RULES,
            is_standby: true,
            ..Setup::default()
        });
        Self { primary, standby }
    }

    fn options(ports: &[u16], parameters: &str) -> ConnectOptions {
        let hosts: Vec<_> = ports
            .iter()
            .map(|port| format!("127.0.0.1:{port}"))
            .collect();
        let url = format!(
            "postgres://app:{PASSWORD}@{}/app?{parameters}",
            hosts.join(",")
        );
        ConnectOptions::parse(&url).unwrap()
    }
}

/// The port of the server that a new connection leads to.
async fn port(options: ConnectOptions) -> u16 {
    let mut session = pool(options).session().await.unwrap();
    let port: i32 = sql("SELECT inet_server_port()")
        .fetch_scalar_on(&mut session)
        .await
        .unwrap();
    u16::try_from(port).unwrap()
}

#[tokio::test]
async fn the_first_server_of_the_kind_that_is_asked_for_is_used() {
    let pair = Pair::start();
    let (primary, standby) = (pair.primary.port, pair.standby.port);
    for (wanted, first, expected) in [
        ("any", primary, primary),
        ("any", standby, standby),
        ("read-write", standby, primary),
        ("primary", standby, primary),
        ("read-only", primary, standby),
        ("standby", primary, standby),
        ("prefer-standby", primary, standby),
    ] {
        let second = if first == primary { standby } else { primary };
        let parameters = format!("target_session_attrs={wanted}");
        let found = port(Pair::options(&[first, second], &parameters)).await;
        assert_eq!(found, expected, "{wanted}, first {first}");
    }
    // Where there is none, the primary is better than nothing, or worse.
    let options = Pair::options(&[primary], "target_session_attrs=prefer-standby");
    assert_eq!(port(options).await, primary);
    let options = Pair::options(&[primary], "target_session_attrs=standby");
    let error = refusal(options).await;
    assert_eq!(error.cause(), ConnectErrorCause::WrongServer);
    let text = error.to_string();
    assert!(
        text.contains("a primary that takes writes, and target_session_attrs is standby"),
        "{text}"
    );

    // A primary that takes no writes by default is no place for writing, but still a primary.
    pair.primary.start(&Setup {
        rules: RULES,
        settings: "default_transaction_read_only = on\n",
        ..Setup::default()
    });
    let both = [primary, standby];
    let options = Pair::options(&both, "target_session_attrs=read-write");
    let error = refusal(options).await;
    assert_eq!(error.attempts().len(), 2, "{error}");
    let options = Pair::options(&both, "target_session_attrs=read-only");
    assert_eq!(port(options).await, primary);
    let options = Pair::options(&both, "target_session_attrs=primary");
    assert_eq!(port(options).await, primary);
}

#[tokio::test]
async fn hosts_are_balanced_where_that_is_asked_for() {
    let pair = Pair::start();
    let ports = [pair.primary.port, pair.standby.port];
    let mut seen = BTreeSet::new();
    // All of them on the same side is less likely than one in a thousand million.
    for _ in 0..32 {
        seen.insert(port(Pair::options(&ports, "load_balance_hosts=random")).await);
    }
    assert_eq!(seen, BTreeSet::from(ports));
    for _ in 0..4 {
        let first = port(Pair::options(&ports, "load_balance_hosts=disable")).await;
        assert_eq!(first, ports[0]);
    }
}
