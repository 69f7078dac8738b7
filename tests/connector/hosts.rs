//! Several hosts: one after the other, each with its share of the time and its own cause.

use std::time::Duration;

use larder_database::sql;
use larder_pool::{ConnectErrorCause, ConnectOptions};
use tokio::net::TcpListener;

use super::{pool, refusal};
use crate::support::accounts;

/// A place where nobody listens.
async fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A URL of the test's database in which its host is the last of several.
fn after(others: &[String], url: &str) -> String {
    let (user, place) = url.rsplit_once('@').unwrap();
    format!("{user}@{},{place}", others.join(","))
}

#[tokio::test]
async fn a_host_that_refuses_is_passed_over() {
    let test = accounts().await;
    if test.is_embedded() {
        return;
    }
    let url = after(&[closed().await, "nobody.invalid".to_owned()], test.url());
    let pool = pool(ConnectOptions::parse(&url).unwrap());
    let mut session = pool.session().await.unwrap();
    let one: i32 = sql("SELECT 1").fetch_scalar_on(&mut session).await.unwrap();
    assert_eq!(one, 1);
}

#[tokio::test]
async fn a_host_that_is_silent_leaves_time_for_the_others() {
    let test = accounts().await;
    if test.is_embedded() {
        return;
    }
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = silent.local_addr().unwrap().to_string();
    let mut options = ConnectOptions::parse(&after(&[place], test.url())).unwrap();
    options.connect_timeout = Duration::from_secs(8);
    // The deadline of the caller is later, so it is the share of the host that ends.
    pool(options).session().await.unwrap();
    drop(silent);
}

#[tokio::test]
async fn an_error_names_every_host_with_its_own_cause() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_place = silent.local_addr().unwrap();
    let closed = closed().await;
    let url = format!("postgres://app:s3cret@nobody.invalid:1,{silent_place},{closed}/shop");
    let mut options = ConnectOptions::parse(&url).unwrap();
    options.connect_timeout = Duration::from_secs(6);
    let error = refusal(options).await;
    let causes: Vec<_> = error
        .attempts()
        .iter()
        .map(|attempt| (attempt.place(), attempt.cause()))
        .collect();
    let silent_place = silent_place.to_string();
    assert_eq!(
        causes,
        [
            ("nobody.invalid:1", ConnectErrorCause::UnknownHost),
            (silent_place.as_str(), ConnectErrorCause::TimedOut),
            (closed.as_str(), ConnectErrorCause::Refused),
        ]
    );
    let text = error.to_string();
    for words in [
        "at nobody.invalid:1: the host is unknown".to_owned(),
        format!("at {silent_place}: there was no answer in time: gave up after "),
        format!("at {closed}: the connection was refused"),
    ] {
        assert!(text.contains(&words), "{words}: {text}");
    }
    assert!(!text.contains("s3cret"), "{text}");
    drop(silent);
}

#[tokio::test]
async fn a_password_that_is_wrong_is_wrong_on_every_host() {
    let test = accounts().await;
    if test.is_embedded() {
        return;
    }
    let place = test.url().rsplit_once('@').unwrap().1;
    let (host, database) = place.split_once('/').unwrap();
    let url = format!("postgres://nobody_at_all:wr0ng@{host},{host}/{database}");
    let error = refusal(ConnectOptions::parse(&url).unwrap()).await;
    assert_eq!(error.cause(), ConnectErrorCause::Authentication);
    assert_eq!(error.attempts().len(), 1, "{error}");
}
