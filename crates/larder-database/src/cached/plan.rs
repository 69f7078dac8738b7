//! What is worked out once for a statement: on which tables its result depends, and whether it
//! may be cached.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use larder_cache::{Dependency, Key, KeyBuilder, Slots};
use larder_pool::BoundValues;
use larder_sql::catalog::{ReadSet, RowAccess, TableId, Uncacheable};
use larder_sql::{QualifiedName, StatementProfile};
use quick_cache::sync::Cache as Memo;

use super::classes::Class;
use super::options::ReadOptions;
use crate::coherence::{CatalogState, read_dependencies, row_dependencies};
use crate::database::Inner;
use crate::failpoints;
use crate::request_scope::RequestScope;

/// The plan of one statement, as long as the picture of the catalog holds.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The picture that it was made by.
    pub(crate) generation: u64,
    /// The beginning of all keys of this statement: context, text, tables.
    seed: Key,
    /// What the result depends on, or why it may not be cached.
    pub(crate) verdict: Result<Reads, NotCached>,
    pub(crate) profile: Arc<StatementProfile>,
    /// Whether its results may be kept outside of this process.
    pub(super) shareable: bool,
    /// What becomes of its results.
    pub(super) class: Arc<Class>,
}

/// The tables that a result depends on.
#[derive(Debug, Clone)]
pub(crate) struct Reads {
    pub(crate) tables: Arc<[TableId]>,
    /// How a key among its values decides which row it is all about, if one does.
    pub(super) row: Option<Arc<RowAccess>>,
    /// The views that it reads them through.
    pub(crate) views: Arc<[TableId]>,
    pub(crate) slots: Slots,
    /// Functions whose results change by themselves. The caller may allow them.
    pub(crate) volatile: Arc<[QualifiedName]>,
}

/// Why a result is not cached.
#[derive(Debug, Clone)]
pub(crate) enum NotCached {
    /// The statement does not allow it.
    Statement(Uncacheable),
    /// It calls functions whose results change by themselves.
    Volatile(Arc<[QualifiedName]>),
    /// Names may mean other tables to the role of the scope.
    Role(String),
}

impl fmt::Display for NotCached {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statement(reason) => reason.fmt(formatter),
            Self::Role(role) => write!(
                formatter,
                "the role {role} sees other schemas in its search path than the role of the connection, or it was not possible to find out: give it USAGE on the same schemas, and take \"$user\" out of the search path"
            ),
            Self::Volatile(functions) => {
                let names: Vec<String> = functions.iter().map(ToString::to_string).collect();
                write!(
                    formatter,
                    "its result changes by itself, because of {}: say allow_volatile() if it may stay as it was",
                    names.join(", ")
                )
            }
        }
    }
}

impl Plan {
    pub(crate) fn new(
        text: &str,
        profile: Arc<StatementProfile>,
        state: &CatalogState,
        beginning: Key,
        database: &Inner,
        scope: Option<&RequestScope>,
    ) -> Self {
        let cache = &database.cache;
        let role = scope.and_then(RequestScope::role);
        let stranger = role.filter(|role| state.roles.see_the_same(role) != Some(true));
        let reads = state
            .catalog
            .reads_in(&profile, scope.map(|scope| &scope.reads));
        let verdict = match reads {
            _ if stranger.is_some() => {
                Err(NotCached::Role(stranger.unwrap_or_default().to_owned()))
            }
            Ok(ReadSet {
                tables,
                views,
                volatile,
                ..
            }) => Ok(Reads {
                views: views.into(),
                row: state.row_read(&profile).map(Arc::new),
                slots: cache.versions().slots(&read_dependencies(&tables)),
                tables: tables.into(),
                volatile: volatile.into(),
            }),
            Err(reason) => Err(NotCached::Statement(reason)),
        };
        let mut seed = KeyBuilder::with_seed(beginning);
        seed.text(text);
        for table in verdict.iter().flat_map(|reads| reads.tables.iter()) {
            // So that a table that was dropped and made again is another one.
            seed.u32(table.0);
        }
        let reads = verdict.iter();
        let relations = reads.flat_map(|reads| reads.tables.iter().chain(&*reads.views));
        let shareable = database.may_share_tables(state, relations.copied());
        Self {
            generation: state.generation,
            seed: seed.finish(),
            shareable,
            class: database.classes.of_statement(&profile),
            verdict,
            profile,
        }
    }

    /// The key of one run: the plan, what the result becomes, the values, and what else makes
    /// the result go.
    pub(super) fn key<V: 'static>(
        &self,
        values: &BoundValues,
        options: &ReadOptions,
        default_ttl: Duration,
    ) -> Key {
        let mut key = KeyBuilder::with_seed(self.seed);
        key.type_id(TypeId::of::<V>());
        Self::finish_key(key, values, options, default_ttl)
    }

    /// The same for rows, whatever they become: ids of types differ from program to program.
    pub(super) fn shared_key(
        &self,
        values: &BoundValues,
        options: &ReadOptions,
        default_ttl: Duration,
    ) -> Key {
        let key = KeyBuilder::with_seed(self.seed);
        Self::finish_key(key, values, options, default_ttl)
    }

    #[inline]
    fn finish_key(
        mut key: KeyBuilder,
        values: &BoundValues,
        options: &ReadOptions,
        default_ttl: Duration,
    ) -> Key {
        for (oid, value) in values.iter() {
            key.u32(oid).optional_bytes(value);
        }
        // Those ids are made up, and the same for any type.
        for name in values.unresolved() {
            key.text(&name);
        }
        options.add_to(&mut key, default_ttl);
        key.finish()
    }

    /// What the result depends on.
    ///
    /// # Errors
    ///
    /// Why it may not be cached.
    pub(crate) fn reads(&self, allow_volatile: bool) -> Result<&Reads, NotCached> {
        let reads = self.verdict.as_ref().map_err(Clone::clone)?;
        if reads.volatile.is_empty() || allow_volatile {
            return Ok(reads);
        }
        Err(NotCached::Volatile(Arc::clone(&reads.volatile)))
    }

    /// Whether its result changes by itself.
    pub(super) fn is_volatile(&self) -> bool {
        let reads = self.verdict.as_ref();
        reads.is_ok_and(|reads| !reads.volatile.is_empty())
    }

    /// Whether it speaks of a table that the picture does not have, which may be a new one.
    pub(crate) fn misses_a_table(&self) -> bool {
        matches!(
            self.verdict,
            Err(NotCached::Statement(Uncacheable::UnknownTable(_)))
        )
    }
}

impl Reads {
    /// What the result for these values depends on.
    pub(super) fn dependencies(&self, values: &BoundValues) -> ReadDependencies {
        if let Some(access) = &self.row
            && let Some(mut dependencies) = self.row_of(access, values)
        {
            let new_rows = Dependency::new_rows(access.table.0);
            let proves_its_row =
                access.non_empty_proves_row && !failpoints::is_on("row-empty-result");
            if failpoints::is_on("row-past-bulk") {
                dependencies.retain(|dependency| dependency.is_row());
            }
            if !access.non_empty_proves_row {
                dependencies.push(new_rows);
            }
            return ReadDependencies {
                dependencies,
                if_empty: proves_its_row.then_some(new_rows),
                is_row: true,
            };
        }
        ReadDependencies {
            dependencies: read_dependencies(&self.tables),
            if_empty: None,
            is_row: false,
        }
    }

    fn row_of(&self, access: &RowAccess, values: &BoundValues) -> Option<Vec<Dependency>> {
        // Types whose ids are made up are nobody's.
        if values.unresolved().next().is_some() {
            return None;
        }
        let mut keys = Vec::with_capacity(1);
        for parameter in &access.parameters {
            // NULL is equal to nothing.
            let (type_oid, value) = values.iter().nth(usize::from(*parameter))?;
            keys.push((type_oid, value?));
        }
        row_dependencies(access, keys)
    }
}

/// What a result depends on.
pub(super) struct ReadDependencies {
    pub(super) dependencies: Vec<Dependency>,
    /// And on this, if it has no rows.
    pub(super) if_empty: Option<Dependency>,
    /// It depends on a row and not on all of a table.
    pub(super) is_row: bool,
}

impl Inner {
    /// Whether what these tables and views show may be kept outside of this process. A table that
    /// is named counts for its partitions, children and parents too, and for all views of it.
    pub(super) fn may_share_tables(
        &self,
        state: &CatalogState,
        relations: impl IntoIterator<Item = TableId>,
    ) -> bool {
        if self.never_in_redis.is_empty() {
            return true;
        }
        let sources = state.catalog.sources(relations);
        let is_named = |name: &String| {
            let named = QualifiedName::parse(name).and_then(|name| state.catalog.find(&name));
            named.is_none_or(|named| sources.contains(&named))
        };
        !self.never_in_redis.iter().any(is_named)
    }
}

/// The plans that were made, bounded.
pub(crate) struct Plans {
    by_type: Memo<TypeId, Arc<Plan>>,
    by_text: Memo<Key, Arc<Plan>>,
    /// Those of reads in scopes, by the shape of the scope.
    in_scopes: Memo<(PlanKey, Key), Arc<Plan>>,
}

/// What a plan is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum PlanKey {
    /// The type of the query decides its text.
    Type(TypeId),
    /// The hash of the text: texts can be long.
    Text(Key),
}

impl PlanKey {
    pub(crate) fn of_text(text: &str) -> Self {
        let mut key = KeyBuilder::new();
        key.text(text);
        Self::Text(key.finish())
    }
}

impl Plans {
    /// Some thousands of statements.
    const MOST: usize = 4_096;

    pub(crate) fn new() -> Self {
        Self {
            by_type: Memo::new(Self::MOST),
            by_text: Memo::new(Self::MOST),
            in_scopes: Memo::new(Self::MOST),
        }
    }

    #[inline]
    pub(crate) fn get(&self, key: &PlanKey, scope: Option<&RequestScope>) -> Option<Arc<Plan>> {
        if let Some(scope) = scope {
            return self.in_scopes.get(&(key.clone(), scope.shape));
        }
        match key {
            PlanKey::Type(id) => self.by_type.get(id),
            PlanKey::Text(text) => self.by_text.get(text),
        }
    }

    pub(crate) fn insert(&self, key: PlanKey, scope: Option<&RequestScope>, plan: Arc<Plan>) {
        if let Some(scope) = scope {
            self.in_scopes.insert((key, scope.shape), plan);
            return;
        }
        match key {
            PlanKey::Type(id) => self.by_type.insert(id, plan),
            PlanKey::Text(text) => self.by_text.insert(text, plan),
        }
    }
}
