//! Wrong options are refused with their cure, and passwords are never shown.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder_cache::l2::{Redis, RedisErrorKind, RedisOptions, RedisServer};

use crate::server::{Server, options, until};

fn refused(options: RedisOptions) -> RedisErrorKind {
    let error = Redis::open(options).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    error.kind()
}

#[tokio::test]
async fn options_that_can_never_work_are_refused() {
    for url in [
        "hunter2",
        "http://:hunter2@cache",
        "redis://:hunter2@cache:port",
        "redis://:hunter2@cache:6379/x",
    ] {
        assert_eq!(refused(options(url)), RedisErrorKind::InvalidUrl, "{url}");
    }
    let url = "redis://:hunter2@cache:6379";
    let zero = Duration::ZERO;
    for wrong in [
        RedisOptions {
            deadline: zero,
            ..options(url)
        },
        RedisOptions {
            connect_timeout: zero,
            ..options(url)
        },
        RedisOptions {
            max_connections: 0,
            ..options(url)
        },
    ] {
        assert_eq!(refused(wrong), RedisErrorKind::OutOfRange);
    }
    for server in [
        RedisServer::Cluster {
            hosts: vec![],
            url: None,
        },
        RedisServer::Sentinel {
            hosts: vec![],
            service: "main".to_owned(),
            url: Some(url.into()),
        },
    ] {
        assert_eq!(refused(RedisOptions::new(server)), RedisErrorKind::NoHosts);
    }
}

#[test]
fn it_is_opened_inside_of_a_runtime() {
    assert_eq!(refused(options("redis://cache")), RedisErrorKind::NoRuntime);
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn a_wrong_password_is_one_clear_line_without_it() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let server = Server::start(&["--requirepass", "the right one"]).await;
    let url = format!("redis://:hunter2@127.0.0.1:{}", server.port);
    let redis = Redis::open(options(&url)).unwrap();
    let of_server = format!("127.0.0.1:{}", server.port);
    let refusals = || server.cli(&["-a", "the right one", "INFO", "errorstats"]);
    until("it was refused several times", async || {
        let stats = refusals();
        let count = stats.split("errorstat_WRONGPASS:count=").nth(1);
        count.is_some_and(|count| count.trim().parse::<u32>().is_ok_and(|count| count >= 3))
    })
    .await;
    let text = log.text();
    let warnings: Vec<&str> = text.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 1, "{text}");
    assert!(
        warnings[0].contains("password") && warnings[0].contains(&of_server),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
    assert!(!format!("{redis:?} {:?}", options(&url)).contains("hunter2"));
    assert!(!redis.is_available());
}
