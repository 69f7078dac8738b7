//! What the values of a store depend on, worked out once for each picture of the catalog.

use std::any::{TypeId, type_name};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use larder_cache::{Dependency, Freshness, Key, KeyBuilder, Slots};
use larder_sql::QualifiedName;
use larder_sql::catalog::{TableId, Uncacheable};
use larder_sql::classify;

use crate::coherence::{CatalogState, read_dependencies};
use crate::database::Inner;
use crate::request_scope::RequestScope;

/// What is said of all values of a store.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    /// The service that they belong to.
    pub(super) name: String,
    /// The tables that they depend on, as in SQL.
    pub(super) tables: Vec<String>,
    pub(super) tags: Vec<String>,
    pub(super) local_only: bool,
    /// On whose behalf the values are.
    pub(super) scope: Option<Arc<RequestScope>>,
}

/// The same by one picture of the catalog.
#[derive(Debug)]
pub(super) struct Place {
    /// The picture.
    pub(super) generation: u64,
    /// The beginning of all keys.
    seed: Key,
    pub(super) dependencies: Vec<Dependency>,
    pub(super) slots: Slots,
    /// Whether the values may be kept outside of this process.
    pub(super) may_leave: bool,
}

/// Why the values of a store are not kept.
#[derive(Debug)]
pub(super) enum NotKept {
    /// It is not the name of one table.
    NotATable(String),
    /// What is read from it may not be kept, or is not there.
    Table(String, Uncacheable),
}

impl fmt::Display for NotKept {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotATable(name) => write!(
                formatter,
                "it is said to depend on the table {name:?}, which is not a name: write it as in SQL, such as orders, shop.orders or \"Orders\""
            ),
            Self::Table(name, reason) => {
                write!(
                    formatter,
                    "it is said to depend on the table {name:?}: {reason}"
                )
            }
        }
    }
}

impl Said {
    /// Works out what the values depend on.
    ///
    /// # Errors
    ///
    /// Why they are not kept.
    pub(super) fn place(&self, inner: &Inner, state: &CatalogState) -> Result<Place, NotKept> {
        let (tables, relations) = self.read(state)?;
        let mut seed = KeyBuilder::with_seed(inner.key_seed(state));
        seed.text("store of the crate cached").text(&self.name);
        if let Some(scope) = &self.scope {
            seed.bytes(&scope.digest.as_u128().to_le_bytes());
        }
        for table in &tables {
            // So that a table that was dropped and made again is another one.
            seed.u32(table.0);
        }
        for tag in &self.tags {
            seed.text(tag);
        }
        let mut all = read_dependencies(&tables);
        all.extend(self.tags.iter().map(|tag| Dependency::tag(tag)));
        all.push(Dependency::service(&self.name));
        Ok(Place {
            generation: state.generation,
            seed: seed.finish(),
            slots: inner.cache.versions().slots(&all),
            dependencies: all,
            may_leave: !self.local_only && inner.may_share_tables(state, relations),
        })
    }

    /// The tables that are read where these are, and these and the views among them.
    fn read(&self, state: &CatalogState) -> Result<(Vec<TableId>, Vec<TableId>), NotKept> {
        let (mut tables, mut relations) = (Vec::new(), Vec::new());
        for name in &self.tables {
            if QualifiedName::parse(name).is_none() {
                return Err(NotKept::NotATable(name.clone()));
            }
            // What is said of a view is said of the tables that it reads, so it is read as SQL.
            let select = classify(&format!("SELECT * FROM {name}"));
            let reads = state
                .catalog
                .reads_in(&select, self.scope.as_ref().map(|scope| &scope.reads));
            let reads = reads.map_err(|reason| NotKept::Table(name.clone(), reason))?;
            relations.extend(reads.tables.iter().chain(&reads.views));
            tables.extend(reads.tables);
        }
        tables.sort_unstable();
        tables.dedup();
        Ok((tables, relations))
    }

    /// What makes the values of one key go.
    pub(super) fn tag_of(&self, arguments: Key) -> String {
        format!("cached {}:{arguments}", self.name)
    }
}

impl Place {
    /// What a value is kept under in this process.
    pub(super) fn key<V: 'static>(&self, arguments: Key, ttl: Duration) -> Key {
        let mut key = self.of(arguments, ttl);
        key.type_id(TypeId::of::<V>()).finish()
    }

    /// What it is kept under for all processes: there types have other ids.
    pub(super) fn shared_key<V>(&self, arguments: Key, ttl: Duration) -> Key {
        self.of(arguments, ttl).text(type_name::<V>()).finish()
    }

    /// What may be served for an hour is not for a process that allows a minute.
    fn of(&self, arguments: Key, ttl: Duration) -> KeyBuilder {
        let mut key = KeyBuilder::with_seed(self.seed);
        key.bytes(&arguments.as_u128().to_le_bytes())
            .u64(u64::try_from(ttl.as_nanos()).unwrap_or(u64::MAX));
        key
    }

    pub(super) fn freshness(ttl: Duration) -> Freshness {
        Freshness::for_ttl(ttl)
    }
}
