//! What a connection needs behind a pooler that lends a connection of the server for one
//! transaction only.
//!
//! Nothing of a session outlasts a transaction there. So the settings travel in the message that
//! begins each transaction, a statement outside of one gets one of its own, and statements have
//! no names. What tokio-postgres looks up by named statements of its own, the types that users
//! have defined, is asked for inside a transaction, where all of it meets the same server.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use tokio_postgres::types::Type;
use xxhash_rust::xxh3::Xxh3;

use super::local_settings::set_local;

/// The settings of a session as they are given to each transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TransactionDefaults {
    isolation_level: Option<&'static str>,
    access: Option<&'static str>,
    /// Statements with their semicolons.
    settings: String,
}

impl TransactionDefaults {
    /// Of several values of one setting the last counts.
    pub(crate) fn new<'a>(settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut defaults = Self::default();
        let mut others = Vec::new();
        for (name, value) in settings {
            let lower = value.trim().to_ascii_lowercase();
            // The defaults of a transaction are read when it begins and not inside it.
            match (&*name.to_ascii_lowercase(), &*lower) {
                ("default_transaction_isolation", "serializable") => {
                    defaults.isolation_level = Some("SERIALIZABLE");
                }
                ("default_transaction_isolation", "repeatable read") => {
                    defaults.isolation_level = Some("REPEATABLE READ");
                }
                ("default_transaction_isolation", "read committed" | "read uncommitted") => {
                    defaults.isolation_level = Some("READ COMMITTED");
                }
                ("default_transaction_read_only", "on" | "true" | "yes" | "1") => {
                    defaults.access = Some("READ ONLY");
                }
                ("default_transaction_read_only", "off" | "false" | "no" | "0") => {
                    defaults.access = Some("READ WRITE");
                }
                _ => others.push((name, value)),
            }
        }
        defaults.settings = set_local(others);
        defaults
    }

    /// The message that begins a transaction with them: `begin`, which may state modes of its
    /// own, and what is set in it.
    pub(crate) fn beginning(&self, begin: &str) -> String {
        let mut sql = begin.to_owned();
        // Writing to a String does not fail.
        if let Some(level) = self.isolation_level
            && !begin.contains("ISOLATION LEVEL")
        {
            let _ = write!(sql, " ISOLATION LEVEL {level}");
        }
        if let Some(access) = self.access
            && !begin.contains("READ ONLY")
            && !begin.contains("READ WRITE")
        {
            let _ = write!(sql, " {access}");
        }
        if !self.settings.is_empty() {
            let _ = write!(sql, "; {}", self.settings.trim_end_matches("; "));
        }
        sql
    }
}

/// Which types of users the results of statements have, known for all connections of a pool.
pub(crate) struct ResultTypes(Mutex<LruCache<u128, Arc<[u32]>>>);

impl Default for ResultTypes {
    fn default() -> Self {
        // Worked out by the compiler: what is zero here does not compile.
        const STATEMENTS: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
        Self(Mutex::new(LruCache::new(STATEMENTS)))
    }
}

impl ResultTypes {
    /// What a statement is found by: its text and the types of its parameters.
    pub(crate) fn key(sql: &str, types: &[Type]) -> u128 {
        let mut hash = Xxh3::new();
        hash.update(sql.as_bytes());
        for type_ in types {
            hash.update(&type_.oid().to_le_bytes());
        }
        hash.digest128()
    }

    fn statements(&self) -> MutexGuard<'_, LruCache<u128, Arc<[u32]>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one connection behind such a pooler knows.
pub(crate) struct Pooled {
    pub(crate) defaults: TransactionDefaults,
    results: Arc<ResultTypes>,
    /// The types that tokio-postgres has looked up on this connection.
    known: Mutex<HashSet<u32>>,
    /// The statements by which it looked them up, and will again: name and text. The server
    /// has forgotten them since, and tokio-postgres has not.
    lookups: Mutex<BTreeMap<String, String>>,
}

impl Pooled {
    pub(crate) fn new(defaults: TransactionDefaults, results: Arc<ResultTypes>) -> Self {
        Self {
            defaults,
            results,
            known: Mutex::default(),
            lookups: Mutex::default(),
        }
    }

    /// Whether a statement can be sent: all types of its result are known here.
    pub(crate) fn knows(&self, statement: u128) -> bool {
        let types = self.results.statements().get(&statement).map(Arc::clone);
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        types.is_some_and(|types| {
            types.is_empty() || {
                let known = known();
                types.iter().all(|oid| known.contains(oid))
            }
        })
    }

    /// The server has described a statement on this connection: what types of users its result has.
    pub(crate) fn learn(&self, statement: u128, types: &[u32]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(types);
        drop(known);
        self.results.statements().put(statement, types.into());
    }

    /// The statements that looked up types are there again in a transaction that begins with this.
    pub(crate) fn lookups_again(&self) -> String {
        let lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sql = String::from("DEALLOCATE ALL");
        for (name, text) in lookups.iter() {
            let _ = write!(sql, "; PREPARE \"{name}\" (oid) AS {text}");
        }
        sql
    }

    /// Asks which statements there are that looked up types: name and text.
    pub(crate) const LOOKUPS: &str = "SELECT name, statement FROM pg_catalog.pg_prepared_statements \
        WHERE NOT from_sql AND name ~ '^s[0-9]+$' \
        AND statement ~ '^SELECT (t[.]typname|enumlabel|attname, atttypid)'";

    /// Notes the answer to [`LOOKUPS`](Self::LOOKUPS).
    pub(crate) fn note_lookups(&self, found: impl IntoIterator<Item = (String, String)>) {
        let mut lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        lookups.extend(found);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn defaults_stand_in_the_message_that_begins_a_transaction() {
        let defaults = TransactionDefaults::new([
            ("TimeZone", "UTC"),
            ("default_transaction_isolation", "repeatable read"),
            ("default_transaction_read_only", "on"),
        ]);
        assert_eq!(
            defaults.beginning("BEGIN"),
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL \"TimeZone\" = 'UTC'"
        );
        // What somebody asks for is not overruled.
        let begin = "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE";
        assert!(defaults.beginning(begin).starts_with(&format!("{begin};")));
        assert_eq!(TransactionDefaults::default().beginning("BEGIN"), "BEGIN");
    }

    #[test]
    fn a_statement_is_known_where_the_types_of_its_result_are() {
        let results = Arc::<ResultTypes>::default();
        let pooled = || Pooled::new(TransactionDefaults::default(), Arc::clone(&results));
        let (here, there) = (pooled(), pooled());
        let plain = ResultTypes::key("SELECT 1", &[]);
        let mood = ResultTypes::key("SELECT $1", &[Type::from_oid(25).unwrap()]);
        assert_ne!(
            mood,
            ResultTypes::key("SELECT $1", &[Type::from_oid(23).unwrap()])
        );
        assert!(!here.knows(plain));
        here.learn(plain, &[]);
        here.learn(mood, &[20_000]);
        assert!(here.knows(mood));
        // Described once for all; but types are looked up on each connection.
        assert!(there.knows(plain) && !there.knows(mood));
    }
}
