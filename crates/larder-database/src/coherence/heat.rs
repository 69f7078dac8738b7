//! Tables that are written faster than a cache could help.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use larder_cache::{Dependency, Touched};
use serde::Serialize;

use crate::events::{CacheEvent, Events};

/// Counts writes to each table, and tells which tables are hot.
///
/// A table is hot if it was written more often than a bound within a second. What is loaded from
/// it is wrong again before anybody else could use it, so it is not stored. It cools down when the
/// writes of a second fall below half of the bound.
pub(crate) struct Heat {
    /// Writes a second; 0 for never.
    bound: u32,
    tables: Mutex<HashMap<Dependency, Table>>,
    events: Arc<Events>,
}

/// The writes to a table in the second that runs.
struct Table {
    since: Instant,
    writes: u32,
    hot: bool,
}

/// A table that is written faster than the cache could help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HotTable {
    /// Its object id.
    pub oid: u32,
    /// Writes in the last second, as far as it has gone.
    pub writes: u32,
}

impl Heat {
    /// More tables than this are not told apart: whoever writes to that many has none that is hot.
    const MOST: usize = 4_096;

    pub(crate) fn new(bound: u32, events: Arc<Events>) -> Self {
        Self {
            bound,
            tables: Mutex::default(),
            events,
        }
    }

    /// Counts one write to each of these.
    pub(crate) fn wrote(&self, touched: &Touched) {
        if self.bound == 0 {
            return;
        }
        let now = Instant::now();
        let mut tables = self.lock();
        // A single row that is written all the time makes no reader of others wrong.
        let concerns_many = |dependency: &Dependency| !dependency.is_row();
        for dependency in touched.iter().filter(concerns_many) {
            if tables.len() >= Self::MOST && !tables.contains_key(&dependency) {
                tables.retain(|_, table| now.duration_since(table.since) < Table::WINDOW * 2);
            }
            let table = tables.entry(dependency).or_insert(Table {
                since: now,
                writes: 0,
                hot: false,
            });
            self.turn(dependency, table, now);
            table.writes = table.writes.saturating_add(1);
            if table.writes > self.bound && !table.hot {
                table.hot = true;
                if let Some(table) = dependency.table_oid() {
                    self.events.send(|| CacheEvent::TableHot { table });
                }
                tracing::info!(
                    table = ?dependency,
                    "written more than {} times a second: what is read from it is not kept",
                    self.bound
                );
            }
        }
    }

    /// Whether one of these is hot.
    pub(crate) fn is_hot(&self, dependencies: impl IntoIterator<Item = Dependency>) -> bool {
        if self.bound == 0 {
            return false;
        }
        let now = Instant::now();
        let mut tables = self.lock();
        dependencies.into_iter().any(|dependency| {
            tables.get_mut(&dependency).is_some_and(|table| {
                self.turn(dependency, table, now);
                table.hot
            })
        })
    }

    /// The tables that are hot now.
    pub(crate) fn hot(&self) -> Vec<HotTable> {
        let now = Instant::now();
        let mut hot: Vec<HotTable> = self
            .lock()
            .iter_mut()
            .filter_map(|(dependency, table)| {
                self.turn(*dependency, table, now);
                let oid = dependency.table_oid().filter(|_| table.hot)?;
                let writes = table.writes;
                Some(HotTable { oid, writes })
            })
            .collect();
        // A table can be hot by writes that name their rows, and by others.
        hot.sort_by_key(|table| (table.oid, std::cmp::Reverse(table.writes)));
        hot.dedup_by_key(|table| table.oid);
        hot
    }

    /// Begins another second for a table if the one that runs is over.
    fn turn(&self, dependency: Dependency, table: &mut Table, now: Instant) {
        let was_hot = table.hot;
        table.turn(now, self.bound);
        if was_hot
            && !table.hot
            && let Some(table) = dependency.table_oid()
        {
            self.events.send(|| CacheEvent::TableCooled { table });
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Dependency, Table>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    const WINDOW: Duration = Duration::from_secs(1);

    /// Begins another second if the one that runs is over.
    fn turn(&mut self, now: Instant, bound: u32) {
        let elapsed = now.duration_since(self.since);
        if elapsed < Self::WINDOW {
            return;
        }
        // A second in which nothing was written lies between.
        let quiet = elapsed >= Self::WINDOW * 2;
        if quiet || self.writes < bound.div_ceil(2) {
            self.hot = false;
        }
        self.since = now;
        self.writes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Dependency = Dependency::table(16_384);

    fn later(heat: &Heat, by: Duration) {
        for table in heat.lock().values_mut() {
            table.since -= by;
        }
    }

    #[test]
    fn a_table_is_hot_beyond_the_bound_and_cools_below_half_of_it() {
        let heat = Heat::new(10, Arc::default());
        let write = |times: u32| {
            for _ in 0..times {
                heat.wrote(&Touched::dependencies([TABLE]));
            }
        };
        write(10);
        assert!(!heat.is_hot([TABLE]));
        write(1);
        assert!(heat.is_hot([Dependency::table(1), TABLE]));
        assert_eq!(
            heat.hot(),
            [HotTable {
                oid: 16_384,
                writes: 11
            }]
        );
        later(&heat, Duration::from_millis(1_100));
        write(5);
        later(&heat, Duration::from_millis(1_100));
        assert!(heat.is_hot([TABLE]), "half of the bound keeps it hot");
        write(4);
        later(&heat, Duration::from_millis(1_100));
        assert!(!heat.is_hot([TABLE]));
        write(11);
        assert!(heat.is_hot([TABLE]));
        later(&heat, Duration::from_secs(3));
        assert!(!heat.is_hot([TABLE]), "nobody writes any more");
    }

    #[test]
    fn without_a_bound_nothing_is_hot() {
        let heat = Heat::new(0, Arc::default());
        for _ in 0..1_000 {
            heat.wrote(&Touched::dependencies([TABLE]));
        }
        assert!(!heat.is_hot([TABLE]));
    }
}
