//! A snapshot ahead of a query: never newer than the query's, in one round trip, dropped at will.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures::TryStreamExt;
use larder_pool::{
    ConnectOptions, Connection, EndedStatement, Observer, OwnedQuery, Pool, PoolObserver,
    PoolOptions,
};
use larder_testing::TestDatabase;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::{PATIENCE, accounts};

diesel::table! {
    /// A view of the transactions that have written, in one value, which takes its time.
    slow_written (transactions) {
        transactions -> Text,
    }
}

async fn pool(url: &str, change: impl FnOnce(&mut PoolOptions)) -> Pool {
    let mut options = PoolOptions::named("as_of");
    change(&mut options);
    let url = format!("{url}?sslmode=disable");
    Pool::open(ConnectOptions::parse(&url).unwrap(), options)
        .await
        .unwrap()
}

fn balances(pool: &Pool) -> OwnedQuery {
    OwnedQuery::of(&accounts::table.select(accounts::balance), pool).unwrap()
}

/// The snapshot and the number of rows.
async fn count_as_of(
    connection: &mut Connection,
    query: OwnedQuery,
) -> QueryResult<(String, usize)> {
    let (snapshot, rows) = connection.load_owned_as_of(query).await?;
    let rows: Vec<_> = rows.try_collect().await?;
    Ok((snapshot.unwrap(), rows.len()))
}

/// Writes and commits, over and over, until told to stop.
async fn write(pool: Pool, stop: watch::Receiver<bool>) {
    let mut session = pool.session().await.unwrap();
    while !*stop.borrow() {
        session
            .batch_execute("INSERT INTO written DEFAULT VALUES")
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_transaction_that_the_snapshot_sees_is_in_the_rows() {
    let test = accounts().await;
    if test.is_embedded() {
        return;
    }
    let pool = pool(test.url(), |_| {}).await;
    let mut session = pool.session().await.unwrap();
    session
        .batch_execute(
            "CREATE TABLE written (transaction text DEFAULT pg_current_xact_id()::text);
             CREATE VIEW slow_written AS
                 SELECT coalesce(string_agg(transaction, ','), '') AS transactions
                 FROM written, pg_sleep(0.01)",
        )
        .await
        .unwrap();
    let stop = watch::Sender::new(false);
    let writers = [(); 2].map(|()| tokio::spawn(write(pool.clone(), stop.subscribe())));
    let mut reads = Vec::new();
    for _ in 0..30 {
        let query = OwnedQuery::of(
            &slow_written::table.select(slow_written::transactions),
            &pool,
        )
        .unwrap();
        let (snapshot, rows) = session.load_owned_as_of(query).await.unwrap();
        let rows: Vec<_> = rows.try_collect().await.unwrap();
        reads.push((snapshot.unwrap(), transactions(&rows[0])));
    }
    stop.send_replace(true);
    for writer in writers {
        writer.await.unwrap();
    }
    let (first, last) = (&reads[0], &reads[reads.len() - 1]);
    assert!(last.1.len() > first.1.len(), "nobody wrote meanwhile");
    for (snapshot, seen) in reads {
        let missing: i64 = diesel::sql_query(
            "SELECT count(*) AS count FROM written
             WHERE pg_visible_in_snapshot(transaction::xid8, $1::pg_snapshot)
               AND NOT transaction = ANY($2)",
        )
        .bind::<diesel::sql_types::Text, _>(&snapshot)
        .bind::<diesel::sql_types::Array<diesel::sql_types::Text>, _>(&seen)
        .get_result::<Count>(&mut session)
        .await
        .unwrap()
        .count;
        assert_eq!(
            missing, 0,
            "the snapshot {snapshot} sees more than the rows"
        );
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

/// The only value of a row.
fn bytes(row: &larder_pool::Row) -> Vec<u8> {
    use diesel::row::{Field, Row};
    let field = row.get(0).unwrap();
    field.value().unwrap().as_bytes().to_vec()
}

fn transactions(row: &larder_pool::Row) -> Vec<String> {
    let list = String::from_utf8(bytes(row)).unwrap();
    list.split_terminator(',').map(str::to_owned).collect()
}

/// Between a pool and the server: counts what is asked, and can hold the answers back.
struct Gate {
    /// Whether answers pass.
    open: watch::Sender<bool>,
    /// How many messages "sync" were sent since it was closed: one ends each question.
    asked: watch::Sender<usize>,
}

impl Gate {
    /// In front of the server of this URL.
    async fn of(url: &str) -> (Arc<Self>, String) {
        let (head, place) = url.split_once('@').unwrap();
        let (server, database) = place.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let gate = Arc::new(Self {
            open: watch::Sender::new(true),
            asked: watch::Sender::new(0),
        });
        let (serving, server) = (Arc::clone(&gate), server.to_owned());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(Arc::clone(&serving).carry(client, server));
            }
        });
        (gate, format!("{head}@127.0.0.1:{port}/{database}"))
    }

    async fn carry(self: Arc<Self>, client: TcpStream, server: TcpStream) {
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let answers = Arc::clone(&self);
        tokio::spawn(async move {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
                answers
                    .open
                    .subscribe()
                    .wait_for(|open| *open)
                    .await
                    .unwrap();
                if to_client.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
            }
        });
        let mut buffer = vec![0; 1 << 16];
        let mut pending = Vec::new();
        while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
            if !*self.open.borrow() {
                pending.extend_from_slice(&buffer[..length]);
                self.count(&mut pending);
            }
            if to_server.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    }

    /// Takes the whole messages: a letter, and a length that counts itself.
    fn count(&self, pending: &mut Vec<u8>) {
        while let [kind, a, b, c, d, ..] = **pending {
            let length = 1 + u32::from_be_bytes([a, b, c, d]) as usize;
            if pending.len() < length {
                return;
            }
            pending.drain(..length);
            if kind == b'S' {
                self.asked.send_modify(|asked| *asked += 1);
            }
        }
    }

    /// Holds back the answers from now on.
    fn close(&self) {
        self.asked.send_replace(0);
        self.open.send_replace(false);
    }

    fn open(&self) {
        self.open.send_replace(true);
    }

    /// Waits for so many questions.
    async fn asked(&self, questions: usize) {
        let mut asked = self.asked.subscribe();
        let enough = asked.wait_for(|asked| *asked >= questions);
        timeout(PATIENCE, enough).await.unwrap().unwrap();
    }
}

/// A pool of one connection behind a gate, on which both questions are prepared.
async fn behind_a_gate(test: &TestDatabase) -> (Arc<Gate>, Pool) {
    let (gate, url) = Gate::of(test.url()).await;
    let pool = pool(&url, |options| {
        options.size = 1;
        options.overflow = 0;
    })
    .await;
    let mut session = pool.session().await.unwrap();
    let query = balances(&pool);
    assert_eq!(count_as_of(&mut session, query).await.unwrap().1, 2);
    drop(session);
    (gate, pool)
}

#[tokio::test]
async fn both_are_asked_before_anything_is_answered() {
    let test = accounts().await;
    if test.is_embedded() {
        return;
    }
    let (gate, pool) = behind_a_gate(&test).await;
    let mut session = pool.session().await.unwrap();
    let query = balances(&pool);
    gate.close();
    let reading = tokio::spawn(async move { count_as_of(&mut session, query).await });
    gate.asked(2).await;
    assert!(!reading.is_finished());
    gate.open();
    assert_eq!(reading.await.unwrap().unwrap().1, 2);
    assert_eq!(*gate.asked.borrow(), 2);
}

#[tokio::test]
async fn dropped_with_both_on_their_way_the_connection_is_not_lent_before_they_are_answered() {
    let test = accounts().await;
    if test.is_embedded() {
        return;
    }
    let (gate, pool) = behind_a_gate(&test).await;
    for as_of in [true, false] {
        let mut session = pool.session().await.unwrap();
        let query = balances(&pool);
        gate.close();
        {
            let asking = async {
                match as_of {
                    true => count_as_of(&mut session, query).await.map(drop),
                    false => session.snapshot().await.map(drop),
                }
            };
            tokio::select! {
                _ = asking => panic!("answered through a closed gate"),
                () = gate.asked(if as_of { 2 } else { 1 }) => {}
            }
        }
        drop(session);
        assert_eq!(pool.status().in_use, 1, "lent before it was answered");
        gate.open();
        let mut session = pool.session().await.unwrap();
        let query = balances(&pool);
        assert_eq!(count_as_of(&mut session, query).await.unwrap().1, 2);
    }
}

#[tokio::test]
async fn dropped_after_any_number_of_polls_the_connection_goes_on() {
    let test = accounts().await;
    let pool = pool(test.url(), |_| {}).await;
    let mut dropped = 0;
    for polls in 0..1000 {
        let mut session = pool.session().await.unwrap();
        let finished = {
            let query = balances(&pool);
            let mut reading = pin!(count_as_of(&mut session, query));
            let mut context = Context::from_waker(Waker::noop());
            let mut finished = false;
            for _ in 0..polls {
                if let Poll::Ready(read) = reading.as_mut().poll(&mut context) {
                    assert_eq!(read.unwrap().1, 2);
                    finished = true;
                    break;
                }
                tokio::task::yield_now().await;
            }
            finished
        };
        let twice = diesel::select(
            diesel::dsl::sql::<diesel::sql_types::Integer>("2 * ")
                .bind::<diesel::sql_types::Integer, _>(polls),
        );
        assert_eq!(
            twice.get_result::<i32>(&mut session).await.unwrap(),
            2 * polls
        );
        let query = balances(&pool);
        assert_eq!(count_as_of(&mut session, query).await.unwrap().1, 2);
        if finished {
            break;
        }
        dropped += 1;
    }
    assert!(dropped > 2, "it was never dropped midway");
}

#[tokio::test]
async fn given_up_in_a_transaction_its_failure_is_not_committed() {
    let test = accounts().await;
    if test.is_embedded() {
        return;
    }
    let (gate, pool) = behind_a_gate(&test).await;
    let mut session = pool.session().await.unwrap();
    // Fails once a balance is zero.
    let shares = || {
        OwnedQuery::of(
            &accounts::table.select(accounts::balance / accounts::balance),
            &pool,
        )
    };
    let query = shares().unwrap();
    count_as_of(&mut session, query).await.unwrap();
    session
        .transaction(async |connection: &mut Connection| {
            connection
                .batch_execute("UPDATE accounts SET balance = 0")
                .await?;
            let query = shares()?;
            gate.close();
            tokio::select! {
                _ = count_as_of(connection, query) => panic!("answered through a closed gate"),
                () = gate.asked(2) => gate.open(),
            }
            Ok::<_, diesel::result::Error>(())
        })
        .await
        .unwrap_err();
    let query = balances(&pool);
    let (_, rows) = session.load_owned_as_of(query).await.unwrap();
    let rows: Vec<_> = rows.try_collect().await.unwrap();
    let kept: Vec<_> = rows.iter().map(bytes).collect();
    assert_eq!(kept, [100_i64.to_be_bytes(); 2]);
}

/// Keeps what ended.
#[derive(Default)]
struct Ended(Mutex<usize>);

impl PoolObserver for Ended {
    fn statement_ended(&self, _: &EndedStatement<'_>) {
        *self.0.lock().unwrap() += 1;
    }
}

#[tokio::test]
async fn the_query_alone_is_observed_and_recorded() {
    let test = accounts().await;
    let ended = Arc::new(Ended::default());
    let observer = Observer::new(Arc::clone(&ended) as Arc<dyn PoolObserver>);
    let pool = pool(test.url(), |options| options.observer = observer).await;
    let mut session = pool.session().await.unwrap();
    session.start_recording();
    session.snapshot().await.unwrap();
    assert_eq!(*ended.0.lock().unwrap(), 0);
    let query = balances(&pool);
    let (_, rows) = count_as_of(&mut session, query).await.unwrap();
    assert_eq!(*ended.0.lock().unwrap(), 1);
    let recording = session.finish_recording();
    assert_eq!(recording.statements.len(), 1);
    assert_eq!(recording.values, rows as u64);
}

#[tokio::test]
async fn a_snapshot_is_prepared_again_where_its_statement_is_gone() {
    let test = accounts().await;
    let pool = pool(test.url(), |_| {}).await;
    let mut session = pool.session().await.unwrap();
    let snapshot = session.snapshot().await.unwrap();
    assert_eq!(snapshot.split(':').count(), 3, "{snapshot}");
    session.batch_execute("DEALLOCATE ALL").await.unwrap();
    session.snapshot().await.unwrap_err();
    session.snapshot().await.unwrap();
}

#[tokio::test]
async fn in_a_transaction_the_snapshot_is_that_of_the_transaction() {
    let test = accounts().await;
    if test.is_embedded() {
        return;
    }
    let pool = pool(test.url(), |_| {}).await;
    let mut writer = pool.session().await.unwrap();
    let mut session = pool.session().await.unwrap();
    session
        .transaction(async |connection: &mut Connection| {
            connection
                .batch_execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                .await?;
            let before = connection.snapshot().await?;
            writer
                .batch_execute("UPDATE accounts SET balance = 7")
                .await?;
            let query = balances(&pool);
            let (after, _) = count_as_of(connection, query).await?;
            assert_eq!(before, after);
            Ok::<_, diesel::result::Error>(())
        })
        .await
        .unwrap();
}
