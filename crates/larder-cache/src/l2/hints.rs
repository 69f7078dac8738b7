//! Hints: one process tells the others, by a word on a channel of Redis, that something is to be
//! looked at. Nothing is concluded from a hint, and none may be relied on.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use ::redis::aio::{PubSubSink, PubSubStream};
use futures::StreamExt;
use futures::future::join_all;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::breaker::Pauses;
use super::connector::Connection;
use super::shared::Shared;

/// What is said on a channel: that something was is all.
const WORD: &str = "1";

type Callback = Arc<dyn Fn() + Send + Sync>;

/// What is to be said, and who listens.
#[derive(Default)]
pub(super) struct Hints {
    /// Channels on which a hint is to be sent. One that comes while another waits is the same.
    to_send: Mutex<BTreeSet<String>>,
    added: Notify,
    listeners: Mutex<Vec<(String, Callback)>>,
    listeners_changed: Notify,
}

impl Hints {
    pub(super) fn send(&self, channel: &str) {
        {
            let mut to_send = self.to_send.lock().unwrap_or_else(PoisonError::into_inner);
            if to_send.contains(channel) {
                return;
            }
            to_send.insert(channel.to_owned());
        }
        self.added.notify_one();
    }

    pub(super) fn listen(&self, channel: &str, callback: Callback) {
        {
            let mut listeners = self
                .listeners
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            listeners.push((channel.to_owned(), callback));
        }
        self.listeners_changed.notify_one();
    }

    fn take(&self) -> BTreeSet<String> {
        let mut to_send = self.to_send.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut to_send)
    }

    fn listeners(&self) -> Vec<(String, Callback)> {
        let listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        listeners.clone()
    }

    /// Calls those who listen on this channel.
    fn tell(&self, channel: &str) {
        for (_, callback) in self.listeners().iter().filter(|(of, _)| of == channel) {
            callback();
        }
    }
}

/// Sends hints, for ever. Those that cannot be sent now are never.
pub(super) async fn send_all(shared: Arc<Shared>) {
    loop {
        shared.hints.added.notified().await;
        let channels = shared.hints.take();
        let publish = |connection| publish(connection, &channels);
        if shared.call(shared.deadline, publish).await.is_ok() {
            shared.counters.hints_sent.add(channels.len());
        }
    }
}

async fn publish(connection: Connection, channels: &BTreeSet<String>) -> ::redis::RedisResult<()> {
    let each = channels.iter().map(|channel| {
        let mut connection = connection.clone();
        async move {
            let mut command = ::redis::cmd("PUBLISH");
            command.arg(channel).arg(WORD);
            command.query_async::<()>(&mut connection).await
        }
    });
    join_all(each).await.into_iter().collect()
}

/// Listens on a connection of its own, for ever.
pub(super) async fn listen(shared: Arc<Shared>) {
    let mut pauses = Pauses::new();
    loop {
        while shared.hints.listeners().is_empty() {
            shared.hints.listeners_changed.notified().await;
        }
        match timeout(shared.connect_timeout, connect(&shared)).await {
            Ok(Ok((sink, stream))) => {
                pauses = Pauses::new();
                if let Err(error) = hear(&shared, sink, stream).await {
                    tracing::debug!(%error, "the connection that listens to Redis is lost");
                }
            }
            Ok(Err(error)) => tracing::debug!(%error, "cannot listen to Redis"),
            Err(_) => tracing::debug!("cannot listen to Redis: connecting takes too long"),
        }
        sleep(pauses.next()).await;
    }
}

async fn connect(shared: &Shared) -> ::redis::RedisResult<(PubSubSink, PubSubStream)> {
    let client = shared.connector.listening_client().await?;
    Ok(client.get_async_pubsub().await?.split())
}

/// Subscribes to all channels, and calls who listens, until the connection is lost.
async fn hear(
    shared: &Shared,
    mut sink: PubSubSink,
    mut stream: PubSubStream,
) -> ::redis::RedisResult<()> {
    let mut subscribed = BTreeSet::new();
    let mut told = 0;
    loop {
        for (channel, callback) in shared.hints.listeners().into_iter().skip(told) {
            if !subscribed.contains(&channel) {
                limited(shared, sink.subscribe(&channel)).await?;
                subscribed.insert(channel);
            }
            // What was said before, it did not hear.
            callback();
            told += 1;
        }
        tokio::select! {
            message = stream.next() => match message {
                Some(message) => {
                    shared.counters.hints_received.increment();
                    shared.hints.tell(message.get_channel_name());
                }
                None => return Ok(()),
            },
            () = shared.hints.listeners_changed.notified() => {}
            // Nothing heard for long: is anybody there?
            () = sleep(shared.connect_timeout) => limited(shared, sink.ping::<()>()).await?,
        }
    }
}

async fn limited<T>(
    shared: &Shared,
    asked: impl Future<Output = ::redis::RedisResult<T>>,
) -> ::redis::RedisResult<T> {
    match timeout(shared.connect_timeout, asked).await {
        Ok(answer) => answer,
        Err(_) => Err((::redis::ErrorKind::Io, "no answer in time").into()),
    }
}
