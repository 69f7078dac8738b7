//! Switching caching off and on while services run, for the whole fleet.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use diesel::QueryableByName;
use diesel::sql_types::{Bool, Text};
use larder_cache::{Dependency, Doubt, Touched, Versions};
use larder_pool::Connection;
use larder_sql::catalog::WriteSet;

use crate::database::Inner;
use crate::events::CacheEvent;
use crate::sql::sql;
use crate::{Database, Error};

/// What caching is switched off or on for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CacheTarget {
    /// All reads.
    Everything,
    /// The reads of a service, as [`service`](crate::CachedQuery::service) names it.
    Service(String),
    /// Reads that depend on a table, its partitions and its parents; named as in SQL.
    Table(String),
    /// Reads that carry a tag.
    Tag(String),
}

/// What is switched off in this process. Each guard keeps what it is for out of the cache.
#[derive(Default)]
pub(crate) struct Switches(Mutex<HashMap<String, Doubt>>);

/// The newest word on each target.
const NEWEST: &str =
    "SELECT DISTINCT ON (target) target, enabled FROM larder.switch ORDER BY target, id DESC";

#[derive(QueryableByName)]
struct Word {
    #[diesel(sql_type = Text)]
    target: String,
    #[diesel(sql_type = Bool)]
    enabled: bool,
}

impl fmt::Display for CacheTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => formatter.write_str("everything"),
            Self::Service(name) => write!(formatter, "the service {name}"),
            Self::Table(name) => write!(formatter, "the table {name}"),
            Self::Tag(name) => write!(formatter, "the tag {name}"),
        }
    }
}

impl Switches {
    /// What is switched off, as it is written in the database: `everything`, `service:menus`,
    /// `tag:menu:7`, `table:16384,16390`.
    pub(crate) fn off(&self) -> Vec<String> {
        let mut off: Vec<String> = self.lock().keys().cloned().collect();
        off.sort();
        off
    }

    /// What is switched off of what a result with these dependencies belongs to.
    pub(crate) fn concerning(&self, dependencies: &[Dependency]) -> Vec<String> {
        let mut off = self.off();
        off.retain(|target| match target_of(target) {
            Some(targets) => targets.iter().any(|target| dependencies.contains(target)),
            None => true,
        });
        off
    }

    /// Says whether that has changed anything.
    fn set(&self, target: &str, enabled: bool, versions: &Versions) -> bool {
        let mut off = self.lock();
        if enabled {
            return off.remove(target).is_some();
        }
        if off.contains_key(target) {
            return false;
        }
        off.insert(target.to_owned(), suspend(target, versions));
        true
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Doubt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a target out of the cache.
fn suspend(target: &str, versions: &Versions) -> Doubt {
    match target_of(target) {
        Some(dependencies) => versions.suspend(dependencies),
        None => {
            if target != EVERYTHING {
                tracing::warn!(
                    target,
                    "a switch of a kind that this version does not know: everything is switched off"
                );
            }
            versions.suspend_everything()
        }
    }
}

const EVERYTHING: &str = "everything";

/// What a target stands for; `None` for everything, and so for one that a later version has
/// written.
fn target_of(target: &str) -> Option<Vec<Dependency>> {
    let (kind, name) = target.split_once(':')?;
    match kind {
        "service" => Some(vec![Dependency::service(name)]),
        "tag" => Some(vec![Dependency::tag(name)]),
        "table" => {
            let oids = name.split(',').filter_map(|oid| oid.parse().ok());
            Some(oids.map(Dependency::table).collect())
        }
        _ => None,
    }
}

/// Reads what is switched off in the whole fleet.
///
/// # Errors
///
/// If the server does not answer.
pub(crate) async fn load(inner: &Inner, connection: &mut Connection) -> Result<(), Error> {
    let words = sql(NEWEST).fetch_on::<Word>(connection).await?;
    for Word { target, enabled } in words {
        inner.switch(&target, enabled);
    }
    Ok(())
}

impl Inner {
    fn switch(&self, target: &str, enabled: bool) {
        if !self.switches.set(target, enabled, self.cache.versions()) {
            return;
        }
        self.events.send(|| {
            let target = target.to_owned();
            if enabled {
                CacheEvent::SwitchedOn { target }
            } else {
                CacheEvent::SwitchedOff { target }
            }
        });
    }
}

impl Database {
    /// Switches caching off for a target, in all processes that work on this database: at once
    /// here, within `cache.max_staleness` in the others, and in those that start later. Reads then
    /// go to the database, and nothing is kept. In mode `local` it concerns this process alone.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTable`] if there is no such table, or if the server does not answer.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has taken effect, or it has not.
    pub async fn switch_cache_off(&self, target: &CacheTarget) -> Result<(), Error> {
        self.switch_cache(target, false).await
    }

    /// Switches caching on again, as [`switch_cache_off`](Self::switch_cache_off) switched it
    /// off. What is switched off by a wider target stays off.
    ///
    /// # Errors
    ///
    /// As [`switch_cache_off`](Self::switch_cache_off).
    ///
    /// # Cancel safety
    ///
    /// As [`switch_cache_off`](Self::switch_cache_off).
    pub async fn switch_cache_on(&self, target: &CacheTarget) -> Result<(), Error> {
        self.switch_cache(target, true).await
    }

    /// What caching is switched off for, as this process knows it: `everything`, `service:menus`,
    /// `tag:menu:7`, `table:16384`.
    pub fn switched_off(&self) -> Vec<String> {
        self.inner().switches.off()
    }

    async fn switch_cache(&self, target: &CacheTarget, enabled: bool) -> Result<(), Error> {
        let inner = self.inner();
        let written = match target {
            CacheTarget::Everything => EVERYTHING.to_owned(),
            CacheTarget::Service(name) => format!("service:{name}"),
            CacheTarget::Tag(name) => format!("tag:{name}"),
            CacheTarget::Table(name) => {
                let oids = match self.written_with(name).await? {
                    (_, WriteSet::Tables(tables)) => tables.iter().map(|table| table.0).collect(),
                    (oid, _) => vec![oid],
                };
                let oids: Vec<String> = oids.iter().map(ToString::to_string).collect();
                format!("table:{}", oids.join(","))
            }
        };
        if let Some(fleet) = &inner.fleet {
            let row = fleet.row(&Touched::switches());
            // A statement that changes data runs to its end, whether or not it is read from.
            let both = format!(
                "WITH word AS (INSERT INTO larder.switch (target, enabled) VALUES (:target, :enabled)) {row}"
            );
            let mut session = inner.pool.session().await?;
            sql(both)
                .bind("target", written.as_str())
                .bind("enabled", enabled)
                .fetch_scalar_on::<String>(&mut session)
                .await?;
        }
        inner.switch(&written, enabled);
        tracing::info!(
            "caching of {target} is switched {}",
            if enabled { "on" } else { "off" }
        );
        if let Some(fleet) = &inner.fleet {
            fleet.announce();
        }
        Ok(())
    }
}
