//! What a logged write costs: nothing of it waits for an answer before all of it was sent.

use std::sync::Arc;

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use larder_pool::ConnectOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::Logged;
use crate::support::{PATIENCE, accounts, withdraw};

/// A wire to the server that can keep the answers back until COMMIT has gone by.
struct Wire {
    keeps: Arc<watch::Sender<bool>>,
}

impl Wire {
    /// A wire to the server of this URL, and the URL by which it is used.
    fn lay(url: &str) -> (Self, String) {
        let (user, rest) = url.rsplit_once('@').unwrap();
        let (server, database) = rest.split_once('/').unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let keeps = Arc::new(watch::Sender::new(false));
        let listener = TcpListener::from_std(listener).unwrap();
        tokio::spawn(serve(listener, server.to_owned(), Arc::clone(&keeps)));
        let through = format!("{user}@127.0.0.1:{port}/{database}?sslmode=disable");
        (Self { keeps }, through)
    }

    /// From now on no answer comes through, until COMMIT was sent.
    fn keep_answers(&self) {
        self.keeps.send_replace(true);
    }

    fn keeps_answers(&self) -> bool {
        *self.keeps.borrow()
    }
}

async fn serve(listener: TcpListener, server: String, keeps: Arc<watch::Sender<bool>>) {
    while let Ok((client, _)) = listener.accept().await {
        let server = TcpStream::connect(&server).await.unwrap();
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::spawn(carry_questions(from_client, to_server, Arc::clone(&keeps)));
        tokio::spawn(carry_answers(from_server, to_client, keeps.subscribe()));
    }
}

async fn carry_questions(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    keeps: Arc<watch::Sender<bool>>,
) {
    let mut seen = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        seen.extend_from_slice(&buffer[..length]);
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
        const COMMIT: &[u8] = b"COMMIT\0";
        if seen.windows(COMMIT.len()).any(|window| window == COMMIT) {
            seen.clear();
            keeps.send_replace(false);
        }
    }
}

async fn carry_answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut keeps: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if keeps.wait_for(|keeps| !keeps).await.is_err()
            || to.write_all(&buffer[..length]).await.is_err()
        {
            return;
        }
    }
}

#[tokio::test]
async fn a_write_its_row_and_its_commit_are_one_round_trip() {
    let mut laid = None;
    let logged = Logged::start_with(|url| {
        let (wire, through) = Wire::lay(url);
        laid = Some(wire);
        ConnectOptions::parse(&through).unwrap()
    })
    .await;
    let wire = laid.unwrap();
    let mut session = logged.session().await;
    // From now on it is prepared.
    let close = diesel::delete(accounts::table.find(1));
    assert_eq!(close.execute(&mut session).await.unwrap(), 1);

    // What waits for an answer now waits in vain.
    wire.keep_answers();
    let close = diesel::delete(accounts::table.find(2));
    let written = close.execute(&mut *session);
    let written = tokio::time::timeout(PATIENCE, written).await;
    assert_eq!(written.unwrap().unwrap(), 1);
    assert!(!wire.keeps_answers());

    wire.keep_answers();
    let written = session.batch_execute("UPDATE accounts SET balance = 5");
    let written = tokio::time::timeout(PATIENCE, written).await;
    written.unwrap().unwrap();
    assert!(!wire.keeps_answers());

    let written = session.transaction(async |conn| {
        withdraw(conn, 1, 1).await?;
        // The commit, and what goes with it.
        wire.keep_answers();
        Ok::<_, diesel::result::Error>(())
    });
    let written = tokio::time::timeout(PATIENCE, written).await;
    written.unwrap().unwrap();
    assert!(!wire.keeps_answers());
    assert_eq!(logged.log().await.len(), 4);
}
