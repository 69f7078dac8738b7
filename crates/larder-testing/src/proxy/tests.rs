//! The proxy in front of a server that sends back what it gets.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::ErrorKind;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

use super::*;

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long is looked whether something comes that should not.
const A_MOMENT: Duration = Duration::from_millis(50);

async fn echo() -> Proxy {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reads, mut writes) = stream.split();
                let _ = tokio::io::copy(&mut reads, &mut writes).await;
            });
        }
    });
    Proxy::start(&url).unwrap()
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(("127.0.0.1", proxy.port()))
        .await
        .unwrap()
}

async fn receive(stream: &mut TcpStream, bytes: usize) -> Vec<u8> {
    let mut received = vec![0; bytes];
    let reading = stream.read_exact(&mut received);
    timeout(PATIENCE, reading).await.unwrap().unwrap();
    received
}

/// How the connection ended for its client.
async fn ending(stream: &mut TcpStream) -> Result<usize, ErrorKind> {
    let mut rest = Vec::new();
    let reading = timeout(PATIENCE, stream.read_to_end(&mut rest));
    reading.await.unwrap().map_err(|error| error.kind())
}

/// Whether a new connection is reset: that may be so before the client knows that it is there.
async fn is_reset(proxy: &Proxy) -> bool {
    let error = match TcpStream::connect(("127.0.0.1", proxy.port())).await {
        Ok(mut stream) => ending(&mut stream).await.err(),
        Err(error) => Some(error.kind()),
    };
    error == Some(ErrorKind::ConnectionReset)
}

async fn is_silent(stream: &TcpStream) -> bool {
    timeout(A_MOMENT, stream.peek(&mut [0])).await.is_err()
}

async fn ask(stream: &mut TcpStream, text: &[u8]) {
    stream.write_all(text).await.unwrap();
    assert_eq!(receive(stream, text.len()).await, text);
}

#[tokio::test]
async fn a_cut_resets_what_is_there_and_lets_others_through() {
    let proxy = echo().await;
    let mut first = connect(&proxy).await;
    ask(&mut first, b"before").await;
    assert_eq!(proxy.connections(), 1);
    proxy.cut();
    assert_eq!(proxy.connections(), 0);
    assert_eq!(ending(&mut first).await, Err(ErrorKind::ConnectionReset));
    let mut second = connect(&proxy).await;
    ask(&mut second, b"after").await;
    proxy.close();
    assert_eq!(ending(&mut second).await, Ok(0));
}

#[tokio::test]
async fn who_is_refused_gets_in_again_at_the_same_port() {
    let proxy = echo().await;
    let mut early = connect(&proxy).await;
    ask(&mut early, b"one").await;
    for _ in 0..3 {
        proxy.refuse();
        let refused = TcpStream::connect(("127.0.0.1", proxy.port())).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        ask(&mut early, b"two").await;
        proxy.resume();
        ask(&mut connect(&proxy).await, b"three").await;
    }
}

#[tokio::test]
async fn what_is_held_arrives_later() {
    let proxy = echo().await;
    let mut early = connect(&proxy).await;
    ask(&mut early, b"one").await;
    proxy.hold();
    let mut late = connect(&proxy).await;
    for stream in [&mut early, &mut late] {
        stream.write_all(b"two").await.unwrap();
        assert!(is_silent(stream).await);
    }
    proxy.resume();
    assert_eq!(receive(&mut early, 3).await, b"two");
    assert_eq!(receive(&mut late, 3).await, b"two");
    // One direction is enough for silence.
    for direction in [Direction::ToServer, Direction::ToClient] {
        proxy.hold_half(direction);
        early.write_all(b"three").await.unwrap();
        assert!(is_silent(&early).await);
        proxy.resume();
        assert_eq!(receive(&mut early, 5).await, b"three");
    }
}

#[tokio::test]
async fn one_half_ends_alone() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    ask(&mut stream, b"one").await;
    proxy.close_half(Direction::ToClient);
    assert_eq!(ending(&mut stream).await, Ok(0));
    assert_eq!(proxy.connections(), 1, "the other half is open");
    stream.write_all(b"two").await.unwrap();
}

#[tokio::test]
async fn so_many_bytes_of_replies_and_no_more() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    let passed = proxy.when(Moment::reply_bytes(3));
    let struck = proxy.at(Moment::reply_bytes(5), Fault::Close);
    stream.write_all(b"abcdefgh").await.unwrap();
    timeout(PATIENCE, passed).await.unwrap();
    timeout(PATIENCE, struck).await.unwrap();
    assert_eq!(receive(&mut stream, 5).await, b"abcde");
    assert_eq!(ending(&mut stream).await, Ok(0));
    // Once only.
    ask(&mut connect(&proxy).await, b"abcdefgh").await;
    // And not at all, if it was called off.
    let called_off = proxy.at(Moment::reply_bytes(1), Fault::Cut);
    proxy.resume();
    timeout(PATIENCE, called_off).await.unwrap();
    ask(&mut connect(&proxy).await, b"abcdefgh").await;
}

#[tokio::test]
async fn a_connection_is_awaited_and_struck() {
    let proxy = echo().await;
    let second = proxy.at(Moment::connection().nth(2), Fault::Cut);
    let arrived = proxy.when(Moment::connection());
    ask(&mut connect(&proxy).await, b"first").await;
    timeout(PATIENCE, arrived).await.unwrap();
    assert!(is_reset(&proxy).await);
    timeout(PATIENCE, second).await.unwrap();
    ask(&mut connect(&proxy).await, b"third").await;
}

#[tokio::test]
async fn a_slow_way_takes_its_time() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    proxy.delay(Duration::from_millis(30));
    let began = Instant::now();
    ask(&mut stream, b"there and back").await;
    assert!(began.elapsed() >= Duration::from_millis(60));
    proxy.resume();
    // A byte a millisecond in each direction.
    proxy.throttle(1000);
    let began = Instant::now();
    ask(&mut stream, &[7; 50]).await;
    assert!(began.elapsed() >= Duration::from_millis(50));
    proxy.resume();
    ask(&mut stream, &[7; 1 << 20]).await;
}

#[tokio::test]
async fn where_nobody_listens_the_client_is_told() {
    // A port that nobody else gets, and on which nobody listens.
    let nobody = TcpSocket::new_v4().unwrap();
    nobody.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let url = format!("tcp://{}", nobody.local_addr().unwrap());
    let proxy = Proxy::start(&url).unwrap();
    assert!(is_reset(&proxy).await);
    // Led elsewhere, it gets through.
    let other = echo().await;
    proxy
        .lead_to(&format!("tcp://127.0.0.1:{}", other.port()))
        .unwrap();
    ask(&mut connect(&proxy).await, b"there").await;
}

#[test]
fn an_address_that_leads_nowhere_is_an_error() {
    for wrong in ["somewhere", "tcp://127.0.0.1", "unix:/run/postgresql"] {
        let error = Proxy::start(wrong).unwrap_err();
        assert!(error.to_string().starts_with("start a proxy: "), "{error}");
    }
    let secret = Proxy::start("postgres://app:secret@127.0.0.1/shop").unwrap();
    assert!(!format!("{secret:?}").contains("secret"));
    let other = secret.url_of("postgres://app@db:5432/other").unwrap();
    assert_eq!(
        other,
        format!("postgres://app@127.0.0.1:{}/other", secret.port())
    );
}
