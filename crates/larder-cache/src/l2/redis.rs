//! The handle: what can be asked of Redis.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::redis::{Pipeline, RedisResult, Value};
use futures::future::join_all;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::connector::{Connection, Connector};
use super::error::RedisError;
use super::options::RedisOptions;
use super::shared::{Shared, fault_of};
use super::statistics::RedisStatistics;
use super::writes::{Write, milliseconds};
use super::{hints, supervisor, writes};

/// How many locks are remembered before those that have ended are forgotten.
const LOCKS_TO_TIDY: usize = 1_024;

/// A millisecond more for each of so many keys.
const KEYS_A_MILLISECOND: usize = 16;

/// A Redis, or several that act as one. Clones share it.
///
/// It connects in the background and for ever. While it is not connected, or Redis does not
/// answer in time, everything answers "unavailable" at once. When the last clone is dropped it
/// lets go of its connections.
#[derive(Clone)]
pub struct Redis {
    shared: Arc<Shared>,
    open: Arc<Open>,
}

/// What ends with the last clone.
struct Open {
    closing: watch::Sender<bool>,
    locks: Mutex<HashMap<String, Lock>>,
}

struct Lock {
    token: String,
    until: Instant,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.closing.send_replace(true);
    }
}

/// What Redis had under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetch {
    /// A value.
    Found {
        /// It, as it was written. It may be anything.
        bytes: Vec<u8>,
        /// How long it will be kept; `None` if for ever.
        life: Option<Duration>,
    },
    /// Nothing.
    Missing,
    /// It is not known: Redis is not there, not well, or not fast enough.
    Unavailable,
}

impl Redis {
    /// Uses the Redis of these options. It connects in the background: that it cannot be
    /// reached is no error.
    ///
    /// # Errors
    ///
    /// [`RedisError`] if it could never be used: the URL cannot be read, no host is named, a
    /// time or a number is zero, or there is no tokio runtime.
    pub fn open(options: RedisOptions) -> Result<Self, RedisError> {
        let positive = |option, value: Duration| match value.is_zero() {
            true => Err(RedisError::OutOfRange {
                option,
                value: format!("{value:?}"),
                range: "more than zero",
            }),
            false => Ok(()),
        };
        positive("connect_timeout", options.connect_timeout)?;
        positive("deadline", options.deadline)?;
        if options.max_connections == 0 {
            return Err(RedisError::OutOfRange {
                option: "max_connections",
                value: "0".to_owned(),
                range: "1 or more",
            });
        }
        let connector = Connector::new(&options)?;
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| RedisError::NoRuntime)?;
        let shared = Shared::new(connector, options.connect_timeout, options.deadline);
        let shared = Arc::new(shared);
        let closing = watch::Sender::new(false);
        let spawn = |task: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
            let mut closing = closing.subscribe();
            runtime.spawn(async move {
                tokio::select! {
                    () = task => {}
                    _ = closing.wait_for(|closing| *closing) => {}
                }
            });
        };
        spawn(Box::pin(supervisor::supervise(Arc::clone(&shared))));
        spawn(Box::pin(writes::write_all(Arc::clone(&shared))));
        spawn(Box::pin(hints::send_all(Arc::clone(&shared))));
        if options.max_connections > 1 {
            spawn(Box::pin(hints::listen(Arc::clone(&shared))));
        }
        let locks = Mutex::default();
        Ok(Self {
            shared,
            open: Arc::new(Open { closing, locks }),
        })
    }

    /// The value of a key. One round trip, within the deadline.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn get(&self, key: &str) -> Fetch {
        let ask = |connection| fetch(connection, std::slice::from_ref(&key));
        let fetched = self.shared.call(self.shared.deadline, ask).await;
        let fetch = fetched.map(|mut all| all.pop());
        let fetch = fetch.ok().flatten().unwrap_or(Fetch::Unavailable);
        self.count(&fetch);
        fetch
    }

    /// The values of several keys, in their order. One round trip (in a Cluster one for each
    /// key, at the same time), within the deadline and a millisecond more for each 16 keys.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn get_many(&self, keys: &[String]) -> Vec<Fetch> {
        if keys.is_empty() {
            return Vec::new();
        }
        let in_cluster = self.shared.connector.is_cluster();
        let ask = |connection| fetch_all(connection, keys, in_cluster);
        let more = Duration::from_millis((keys.len() / KEYS_A_MILLISECOND) as u64);
        let fetched = self.shared.call(self.shared.deadline + more, ask).await;
        let mut fetched = fetched.unwrap_or_default();
        fetched.resize(keys.len(), Fetch::Unavailable);
        fetched.iter().for_each(|fetch| self.count(fetch));
        fetched
    }

    fn count(&self, fetch: &Fetch) {
        let counters = &self.shared.counters;
        counters.gets.increment();
        match fetch {
            Fetch::Found { bytes, .. } => {
                counters.found.increment();
                counters.bytes_in.add(bytes.len());
            }
            Fetch::Missing => counters.missing.increment(),
            Fetch::Unavailable => counters.unavailable.increment(),
        }
    }

    /// Writes a value, soon, to be kept for `life`. Never waits: if too much is to be written
    /// already, or Redis is unavailable, it is dropped, and counted.
    pub fn put(&self, key: String, value: Vec<u8>, life: Duration) {
        let add = || self.shared.writes.add(Write::Put { key, value, life });
        if !self.is_available() || !add() {
            self.shared.counters.puts_dropped.increment();
        }
    }

    /// Whether a value would be taken to be written now: asked before one is made, which may take
    /// long. If not, it counts as dropped.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let has_room = self.is_available() && self.shared.writes.has_room();
        if !has_room {
            self.shared.counters.puts_dropped.increment();
        }
        has_room
    }

    /// Removes a key, soon, if it still has this value: one that could not be read, and that
    /// nobody has replaced meanwhile. Never waits, and may do nothing.
    pub fn remove_if_unchanged(&self, key: String, value: Vec<u8>) {
        if self.is_available() {
            self.shared
                .writes
                .add(Write::RemoveIfUnchanged { key, value });
        }
    }

    /// Takes a lock for `life` at most, if nobody has it. False if somebody has, and if Redis is
    /// unavailable. Two may have it at once: it saves work, and protects nothing.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the lock may be taken until its `life` ends.
    pub async fn try_lock(&self, key: &str, life: Duration) -> bool {
        let token = format!("{:032x}", fastrand::u128(..));
        let mut command = ::redis::cmd("SET");
        command.arg(key).arg(&token).arg("NX");
        command.arg("PX").arg(milliseconds(life));
        let ask = |mut connection: Connection| async move {
            command.query_async::<Option<()>>(&mut connection).await
        };
        let taken = self.shared.call(self.shared.deadline, ask).await;
        if taken != Ok(Some(())) {
            return false;
        }
        let now = Instant::now();
        let until = now.checked_add(life).unwrap_or(now);
        let mut locks = self.locks();
        if locks.len() >= LOCKS_TO_TIDY {
            locks.retain(|_, lock| lock.until > now);
        }
        locks.insert(key.to_owned(), Lock { token, until });
        true
    }

    /// Gives a lock back, soon, if this process still has it. Never waits.
    pub fn unlock(&self, key: String) {
        let lock = self.locks().remove(&key);
        if let Some(lock) = lock {
            self.remove_if_unchanged(key, lock.token.into_bytes());
        }
    }

    fn locks(&self) -> std::sync::MutexGuard<'_, HashMap<String, Lock>> {
        self.open
            .locks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells all who listen on the channel that something is to be looked at. Never waits, and
    /// may not be heard. Several at once may be heard as one.
    pub fn hint(&self, channel: &str) {
        if self.is_available() {
            self.shared.hints.send(channel);
        }
    }

    /// Calls back for every hint on the channel, those of this process too, and whenever
    /// listening begins, at first and after it was interrupted, because hints may have been
    /// missed. The callback must not block.
    pub fn on_hint(&self, channel: &str, callback: impl Fn() + Send + Sync + 'static) {
        self.shared.hints.listen(channel, Arc::new(callback));
    }

    /// What it has done so far.
    #[must_use]
    pub fn statistics(&self) -> RedisStatistics {
        self.shared.counters.statistics()
    }

    /// Whether Redis is asked at all: it is connected, and has answered so far.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.shared.breaker.is_closed()
    }

    /// How long Redis takes to answer now. `None` if it is not asked because it is unavailable, or
    /// does not answer within `limit`, which counts as a failure.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn ping(&self, limit: Duration) -> Option<Duration> {
        let ask = |mut connection: Connection| async move {
            let ping = ::redis::cmd("PING");
            ping.query_async::<()>(&mut connection).await
        };
        let began = Instant::now();
        self.shared.call(limit, ask).await.ok()?;
        Some(began.elapsed())
    }

    /// Why Redis is unavailable, as it was logged; `None` if it is available, or was never asked.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.shared.complaint()
    }

    /// Calls back whenever Redis becomes available (true) or unavailable (false). The callback
    /// must not block.
    pub fn on_change(&self, callback: impl Fn(bool) + Send + Sync + 'static) {
        self.shared.breaker.on_change(Arc::new(callback));
    }

    /// Writes what is still to be written, for as long as a connection may take to be made, and
    /// lets go of the connections. After it everything answers "unavailable".
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped it may still be open; call it again.
    pub async fn shutdown(&self) {
        let written = async {
            while self.is_available() && !self.shared.writes.is_idle() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = timeout(self.shared.connect_timeout, written).await;
        self.open.closing.send_replace(true);
        self.open.closing.closed().await;
        self.shared.close();
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut redis = formatter.debug_struct("Redis");
        redis.field("server", &self.shared.connector.describe());
        redis.field("available", &self.is_available());
        redis.finish_non_exhaustive()
    }
}

/// Values and lives of keys that may be on different servers.
async fn fetch_all(
    connection: Connection,
    keys: &[String],
    in_cluster: bool,
) -> RedisResult<Vec<Fetch>> {
    if !in_cluster {
        return fetch(connection, keys).await;
    }
    let each = keys
        .iter()
        .map(|key| fetch(connection.clone(), std::slice::from_ref(key)));
    let each: RedisResult<Vec<Vec<Fetch>>> = join_all(each).await.into_iter().collect();
    Ok(each?.concat())
}

/// Values and lives of keys that are on the same server.
async fn fetch<K: AsRef<str>>(mut connection: Connection, keys: &[K]) -> RedisResult<Vec<Fetch>> {
    let mut pipeline = Pipeline::with_capacity(keys.len() * 2);
    for key in keys {
        pipeline.cmd("GET").arg(key.as_ref());
        pipeline.cmd("PTTL").arg(key.as_ref());
    }
    pipeline.ignore_errors();
    let answers: Vec<RedisResult<Value>> = pipeline.query_async(&mut connection).await?;
    let mut fetched = Vec::with_capacity(keys.len());
    let mut answers = answers.into_iter();
    while let (Some(value), Some(life)) = (answers.next(), answers.next()) {
        fetched.push(read(value, life)?);
    }
    Ok(fetched)
}

fn read(value: RedisResult<Value>, life: RedisResult<Value>) -> RedisResult<Fetch> {
    match (value, life) {
        (Ok(Value::BulkString(bytes)), Ok(Value::Int(life))) => Ok(Fetch::Found {
            bytes,
            // -1 is for ever. One that has gone since, -2, had no time left.
            life: (life != -1).then(|| Duration::from_millis(life.try_into().unwrap_or(0))),
        }),
        (Ok(Value::Nil), _) => Ok(Fetch::Missing),
        // Not a fault of Redis: another key can be read.
        (Err(error), _) | (_, Err(error)) if fault_of(&error).is_some() => Err(error),
        _ => Ok(Fetch::Unavailable),
    }
}
