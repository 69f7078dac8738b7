//! What happens to the cache, told to whoever listens.

use std::sync::OnceLock;

use larder_cache::{Cause, Invalidated};
use serde::Serialize;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::Database;

/// Something that has happened to the cache of this process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum CacheEvent {
    /// Results have become wrong, and are not served any more.
    Invalidated {
        /// What did it.
        cause: Cause,
        /// Whether it was all of them.
        everything: bool,
        /// The object ids of the tables whose results it was; empty where it was tags or services.
        tables: Vec<u32>,
        /// The pattern of names, if it was by one.
        pattern: Option<String>,
    },
    /// Caching was switched off for a target: `everything`, `service:menus`, `table:16384`.
    SwitchedOff {
        /// The target.
        target: String,
    },
    /// Caching was switched on again for a target.
    SwitchedOn {
        /// The target.
        target: String,
    },
    /// The log of invalidations could not be looked at for longer than `cache.max_staleness`:
    /// nothing is served from the cache.
    LeaseLost,
    /// What is kept may be served again.
    LeaseRegained,
    /// The database turned out to have another history than before: nothing from before is used.
    HistoryChanged,
    /// More was pruned from the log of invalidations than had been read: nothing from before is
    /// used.
    LogGap,
    /// Redis answers, for the first time or again.
    RedisAvailable,
    /// Redis does not answer: the database is asked instead.
    RedisUnavailable,
    /// A table is written so often that what is read from it is not kept.
    TableHot {
        /// Its object id.
        table: u32,
    },
    /// What is read from a table is kept again. Noticed when the table is read or written, or
    /// within half a minute.
    TableCooled {
        /// Its object id.
        table: u32,
    },
    /// A result was served that is not what the database returns, see
    /// [`ShadowStatistics`](crate::ShadowStatistics).
    ShadowViolation {
        /// The key of the entry.
        key: String,
        /// Its readable name.
        name: String,
        /// The statement, without its values.
        statement: String,
        /// The tables that the result depends on, and the tags and services by their numbers.
        dependencies: Vec<String>,
    },
    /// A registered read that warms the cache has failed.
    WarmingFailed {
        /// The name that it is registered by.
        name: String,
        /// Its error.
        error: String,
    },
    /// A round of warming has ended: that of the start, or one that was asked for.
    Warmed {
        /// Registered reads that have ended well.
        done: u64,
        /// Registered reads that have failed.
        failed: u64,
        /// Values of hot keys that were fetched from Redis.
        fetched: u64,
    },
    /// So many events came faster than they were received, and are lost.
    Missed {
        /// How many.
        events: u64,
    },
}

/// Receives what happens to the cache; made by [`Database::cache_events`].
#[derive(Debug)]
pub struct CacheEvents(broadcast::Receiver<CacheEvent>);

impl CacheEvents {
    /// The next event; `None` once nobody holds the database any more.
    ///
    /// Whoever receives too slowly gets [`CacheEvent::Missed`] in place of the oldest events.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has lost no event.
    pub async fn recv(&mut self) -> Option<CacheEvent> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(events)) => Some(CacheEvent::Missed { events }),
            Err(RecvError::Closed) => None,
        }
    }
}

/// The sending side. Costs nothing as long as nobody has ever listened.
#[derive(Default)]
pub(crate) struct Events(OnceLock<broadcast::Sender<CacheEvent>>);

impl Events {
    /// So many events wait for a slow receiver.
    const WAITING: usize = 256;

    /// Tells those who listen. The event is made only if there is somebody; nobody is waited for.
    pub(crate) fn send(&self, event: impl FnOnce() -> CacheEvent) {
        if let Some(sender) = self.0.get()
            && sender.receiver_count() > 0
        {
            // The last one may have gone just now.
            sender.send(event()).ok();
        }
    }

    pub(crate) fn invalidated(&self, cause: Cause, what: Invalidated<'_>) {
        self.send(|| {
            let (mut tables, mut pattern) = (Vec::new(), None);
            match what {
                Invalidated::Dependencies(dependencies) => {
                    tables = dependencies.iter().filter_map(|d| d.table_oid()).collect();
                    // Of one table there may be several rows.
                    tables.sort_unstable();
                    tables.dedup();
                }
                Invalidated::Matching(names) => pattern = Some(names.to_owned()),
                Invalidated::Everything => {}
            }
            CacheEvent::Invalidated {
                cause,
                everything: matches!(what, Invalidated::Everything),
                tables,
                pattern,
            }
        });
    }

    fn subscribe(&self) -> CacheEvents {
        let sender = self.0.get_or_init(|| broadcast::Sender::new(Self::WAITING));
        CacheEvents(sender.subscribe())
    }
}

impl Database {
    /// What happens to the cache of this process from now on, for people and for logs. The cache
    /// itself does not depend on anybody receiving it.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(db: larder_database::Database) {
    /// let mut events = db.cache_events();
    /// while let Some(event) = events.recv().await {
    ///     println!("{event:?}");
    /// }
    /// # }
    /// ```
    #[must_use = "events are lost if nobody receives them"]
    pub fn cache_events(&self) -> CacheEvents {
        self.inner().events.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_slow_hears_how_much_was_lost() {
        let events = Events::default();
        events.send(|| unreachable!("nobody listens"));
        let mut receiver = events.subscribe();
        for _ in 0..Events::WAITING + 3 {
            events.send(|| CacheEvent::LogGap);
        }
        assert_eq!(
            receiver.recv().await,
            Some(CacheEvent::Missed { events: 3 })
        );
        assert_eq!(receiver.recv().await, Some(CacheEvent::LogGap));
        drop(receiver);
        events.send(|| unreachable!("nobody listens any more"));
        let mut receiver = events.subscribe();
        drop(events);
        assert_eq!(receiver.recv().await, None);
    }
}
