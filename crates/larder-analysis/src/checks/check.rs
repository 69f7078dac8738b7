//! What a check is.

use std::ops::Range;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    bloat, cache, constraints, indexes, overlapping, sequences, sessions, settings, statements,
    tables, wraparound,
};
use crate::server::Server;
use crate::{AnalysisFinding, NotChecked, Thresholds, caching, history, plans, quantity, seen};

/// A question and its judgement.
pub(crate) struct Check {
    /// What it can find.
    pub(crate) codes: &'static [&'static str],
    /// What it looks at, for people who wait.
    pub(crate) title: &'static str,
    /// The versions of the server that can answer, as in `server_version_num`: from the first on, and
    /// before the second.
    pub(crate) versions: Range<u32>,
    pub(crate) needs: &'static [Need],
    /// `{pg_stat_statements}` stands for the schema of that extension.
    pub(crate) sql: &'static str,
    pub(crate) judge: fn(Vec<Value>, &Context<'_>) -> serde_json::Result<Vec<AnalysisFinding>>,
}

/// What has to be there for a check to say something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Statistics that have counted for long enough.
    OldStatistics,
    /// An extension.
    Extension(&'static str),
    /// A server that can be written to: on a standby it says nothing, or another thing.
    Primary,
    /// The right to see what others do.
    SeesAll,
}

/// What a judgement goes by.
pub(crate) struct Context<'a> {
    pub(crate) server: &'a Server,
    pub(crate) thresholds: &'a Thresholds,
}

const SUBJECTS: [&[Check]; 11] = [
    indexes::CHECKS,
    overlapping::CHECKS,
    constraints::CHECKS,
    tables::CHECKS,
    bloat::CHECKS,
    sequences::CHECKS,
    wraparound::CHECKS,
    sessions::CHECKS,
    cache::CHECKS,
    settings::CHECKS,
    statements::CHECKS,
];

/// All checks.
pub(crate) fn all() -> impl Iterator<Item = &'static Check> {
    SUBJECTS.into_iter().flatten()
}

/// The codes of all findings that there are, in order.
#[must_use]
pub fn codes() -> Vec<&'static str> {
    let of_checks = all().flat_map(|check| check.codes.iter().copied());
    let others = [plans::CODES, history::CODES, caching::CODES, seen::CODES].concat();
    let mut codes: Vec<_> = of_checks.chain(others).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Every version.
pub(super) const ANY: Range<u32> = 0..u32::MAX;

impl Check {
    /// Whether it is another check that looks for the same on this server.
    pub(crate) fn is_for_others(&self, server: &Server) -> bool {
        let version = server.facts.version_number;
        let is_same = |other: &Self| other.codes == self.codes && other.versions.contains(&version);
        !self.versions.contains(&version) && all().any(is_same)
    }

    /// Why it cannot be made here.
    pub(crate) fn obstacle(&self, context: &Context<'_>) -> Option<NotChecked> {
        let facts = &context.server.facts;
        if !self.versions.contains(&facts.version_number) {
            let since = self.versions.start / 10_000;
            return Some(NotChecked::new(
                self.codes,
                format!("the server is of version {}", facts.version),
                format!("use PostgreSQL {since} or newer"),
            ));
        }
        let needs = self.needs.iter();
        needs.copied().find_map(|need| self.lacks(need, context))
    }

    fn lacks(&self, need: Need, context: &Context<'_>) -> Option<NotChecked> {
        let server = context.server;
        let (why, cure) = match need {
            Need::OldStatistics => {
                let wanted = context.thresholds.statistics_age.as_secs_f64();
                let age = server.facts.statistics_age;
                if age >= wanted {
                    return None;
                }
                (
                    format!(
                        "the statistics of the server are {} old, and say enough from {} on",
                        quantity::seconds(age),
                        quantity::seconds(wanted)
                    ),
                    "come again then, or lower --statistics-age".to_owned(),
                )
            }
            Need::Extension(name) if server.extensions.contains_key(name) => return None,
            Need::Extension(name) => (
                format!("the extension {name} is not installed in this database"),
                installation_of(name, server),
            ),
            Need::Primary if !server.facts.is_standby => return None,
            Need::Primary => (
                "the server is a standby".to_owned(),
                "ask the primary".to_owned(),
            ),
            Need::SeesAll if server.sees_all => return None,
            Need::SeesAll => (
                "the role sees its own sessions and statements only".to_owned(),
                "grant the role pg_monitor".to_owned(),
            ),
        };
        Some(NotChecked::new(self.codes, why, cure))
    }
}

fn installation_of(extension: &str, server: &Server) -> String {
    let loaded = server.settings.get("shared_preload_libraries");
    let is_loaded = loaded.is_some_and(|libraries| libraries.contains(extension));
    match extension {
        "pg_stat_statements" if !is_loaded => {
            "add pg_stat_statements to shared_preload_libraries, restart the server, and run \
             CREATE EXTENSION pg_stat_statements"
                .to_owned()
        }
        _ => format!("run CREATE EXTENSION {extension}"),
    }
}

/// The rows of an answer in Rust's types.
pub(crate) fn rows<T: DeserializeOwned>(values: Vec<Value>) -> serde_json::Result<Vec<T>> {
    values.into_iter().map(serde_json::from_value).collect()
}

/// Judges each row by itself.
pub(crate) fn judge_with<T: DeserializeOwned>(
    values: Vec<Value>,
    context: &Context<'_>,
    judge: fn(T, &Context<'_>) -> Option<AnalysisFinding>,
) -> serde_json::Result<Vec<AnalysisFinding>> {
    let rows = rows::<T>(values)?.into_iter();
    Ok(rows.filter_map(|row| judge(row, context)).collect())
}

/// What of the catalog is the user's: a condition on the schema `n` and on the relation `c`.
macro_rules! of_users {
    () => {
        "n.nspname NOT IN ('pg_catalog', 'information_schema', 'larder')
         AND n.nspname !~ '^pg_(toast|temp)'
         AND c.relpersistence <> 't'
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                         WHERE e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                           AND e.objid = c.oid AND e.deptype = 'e')"
    };
}
pub(super) use of_users;
