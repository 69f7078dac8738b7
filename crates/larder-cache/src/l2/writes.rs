//! What is to be written, and the task that writes it. Who has something to write never waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::redis::{Pipeline, RedisResult, Value};
use futures::future::join_all;
use tokio::sync::Notify;

use super::connector::Connection;
use super::shared::Shared;

/// How much may wait to be written.
const MOST_WRITES: usize = 4_096;
const MOST_BYTES: usize = 16 << 20;

/// How much is written at once: little enough that reads on the same connection do not wait
/// long for it.
const BATCH_WRITES: usize = 64;
const BATCH_BYTES: usize = 256 << 10;

/// A millisecond more for each of so many bytes.
const BYTES_A_MILLISECOND: usize = 16 << 10;

/// Removes a key if it still has this value: nobody can write between.
const REMOVE_IF_UNCHANGED: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/// Something to write.
pub(super) enum Write {
    Put {
        key: String,
        value: Vec<u8>,
        life: Duration,
    },
    RemoveIfUnchanged {
        key: String,
        value: Vec<u8>,
    },
}

impl Write {
    fn bytes(&self) -> usize {
        match self {
            Self::Put { key, value, .. } | Self::RemoveIfUnchanged { key, value } => {
                key.len() + value.len()
            }
        }
    }

    fn command(&self) -> ::redis::Cmd {
        match self {
            Self::Put { key, value, life } => {
                let mut command = ::redis::cmd("SET");
                command
                    .arg(key)
                    .arg(value)
                    .arg("PX")
                    .arg(milliseconds(*life));
                command
            }
            Self::RemoveIfUnchanged { key, value } => {
                let mut command = ::redis::cmd("EVAL");
                command.arg(REMOVE_IF_UNCHANGED).arg(1).arg(key).arg(value);
                command
            }
        }
    }
}

/// Redis knows no life of zero, and none of thousands of years.
pub(super) fn milliseconds(life: Duration) -> u64 {
    const LONGEST: u128 = 10 * 366 * 24 * 60 * 60 * 1_000;
    life.as_millis().clamp(1, LONGEST) as u64
}

/// What waits to be written.
#[derive(Default)]
pub(super) struct Writes {
    queue: Mutex<Queue>,
    added: Notify,
}

#[derive(Default)]
struct Queue {
    writes: VecDeque<Write>,
    bytes: usize,
    /// Some were taken out and are being written.
    under_way: bool,
}

impl Writes {
    /// Whether there was room for it.
    pub(super) fn add(&self, write: Write) -> bool {
        {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            let bytes = write.bytes();
            if queue.writes.len() >= MOST_WRITES || queue.bytes + bytes > MOST_BYTES {
                return false;
            }
            queue.bytes += bytes;
            queue.writes.push_back(write);
        }
        self.added.notify_one();
        true
    }

    /// Whether there is room for another one, if it is small.
    pub(super) fn has_room(&self) -> bool {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.writes.len() < MOST_WRITES && queue.bytes < MOST_BYTES
    }

    /// Whether all that was added is written, or given up.
    pub(super) fn is_idle(&self) -> bool {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.writes.is_empty() && !queue.under_way
    }

    /// The next to be written together, and their bytes. None if there are none.
    fn take(&self) -> (Vec<Write>, usize) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(write) = queue.writes.front() {
            let full = batch.len() >= BATCH_WRITES || bytes + write.bytes() > BATCH_BYTES;
            if full && !batch.is_empty() {
                break;
            }
            bytes += write.bytes();
            batch.extend(queue.writes.pop_front());
        }
        queue.bytes -= bytes;
        queue.under_way = !batch.is_empty();
        (batch, bytes)
    }
}

/// Writes what waits, for ever.
pub(super) async fn write_all(shared: Arc<Shared>) {
    loop {
        let (batch, bytes) = shared.writes.take();
        if batch.is_empty() {
            shared.writes.added.notified().await;
        } else {
            write(&shared, &batch, bytes).await;
        }
    }
}

async fn write(shared: &Shared, batch: &[Write], bytes: usize) {
    let more = Duration::from_millis((bytes / BYTES_A_MILLISECOND) as u64);
    let in_cluster = shared.connector.is_cluster();
    let send = |connection| send(connection, batch, in_cluster);
    let written = shared.call(shared.deadline + more, send).await;
    let answers = written.unwrap_or_default();
    for (n, write) in batch.iter().enumerate() {
        let Write::Put { value, .. } = write else {
            continue;
        };
        if matches!(answers.get(n), Some(Ok(_))) {
            shared.counters.puts.increment();
            shared.counters.bytes_out.add(value.len());
        } else {
            shared.counters.puts_dropped.increment();
        }
    }
    // All of a batch are refused alike: a master that is none any more, for example.
    if let Some(Err(error)) = answers.into_iter().find(Result::is_err)
        && let Some(link) = shared.link()
    {
        shared.failed(link.number, &error);
    }
}

type Answer = RedisResult<Value>;

async fn send(
    mut connection: Connection,
    batch: &[Write],
    in_cluster: bool,
) -> RedisResult<Vec<Answer>> {
    if in_cluster {
        // Their keys are on different servers.
        let each = batch.iter().map(|write| {
            let mut connection = connection.clone();
            async move { write.command().query_async(&mut connection).await }
        });
        return Ok(join_all(each).await);
    }
    let mut pipeline = Pipeline::with_capacity(batch.len());
    for write in batch {
        pipeline.add_command(write.command());
    }
    pipeline.ignore_errors().query_async(&mut connection).await
}
