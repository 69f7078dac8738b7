//! Indexes that another one makes superfluous: the same again, or the beginning of it.

use serde::Deserialize;
use serde_json::Value;

use super::check::{ANY, of_users};
use super::{Check, Context, rows};
use crate::quantity::bytes;
use crate::{AnalysisFinding, Confidence, Severity};

pub(super) const CHECKS: &[Check] = &[Check {
    codes: &["index-duplicate", "index-redundant"],
    title: "indexes that are there twice",
    versions: ANY,
    needs: &[],
    sql: INDEXES,
    judge,
}];

/// The evidence that names the index on whose account another one is superfluous.
pub(crate) const STAYS: &str = "the one that stays";

/// A column of a key is its definition with operator class and its options, collation and direction.
/// Whether nulls count as equal is known from PostgreSQL 15 on; before, they never do.
const INDEXES: &str = concat!(
    "
    SELECT c.oid::int8 AS oid, t.oid::int8 AS table_oid,
           pg_catalog.format('%I.%I', n.nspname, c.relname) AS index,
           pg_catalog.format('%I.%I', n.nspname, t.relname) AS table,
           a.amname AS method,
           ARRAY(SELECT pg_catalog.concat_ws(' ',
                   pg_catalog.pg_get_indexdef(c.oid, k + 1, true),
                   i.indclass[k], i.indcollation[k], i.indoption[k],
                   (SELECT pg_catalog.array_to_string(o.attoptions, ',')
                    FROM pg_catalog.pg_attribute o
                    WHERE o.attrelid = c.oid AND o.attnum = k + 1))
                 FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) k ORDER BY k) AS keys,
           ARRAY(SELECT pg_catalog.pg_get_indexdef(c.oid, k + 1, true)
                 FROM pg_catalog.generate_series(i.indnkeyatts::int4, i.indnatts - 1) k
                 ORDER BY k) AS included,
           pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS predicate,
           pg_catalog.array_to_string(c.reloptions, ',') AS options,
           i.indisunique AS is_unique,
           coalesce((pg_catalog.to_jsonb(i)->>'indnullsnotdistinct')::bool, false)
             AS has_equal_nulls,
           NOT i.indimmediate AS is_deferrable,
           i.indisreplident OR i.indisclustered
             OR EXISTS (SELECT FROM pg_catalog.pg_constraint f WHERE f.conindid = c.oid)
             AS is_needed,
           pg_catalog.pg_relation_size(c.oid)::int8 AS bytes,
           pg_catalog.pg_get_indexdef(c.oid) AS definition
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_am a ON a.oid = c.relam
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
    WHERE ",
    of_users!(),
    "
      AND c.relkind = 'i' AND NOT c.relispartition AND i.indisvalid
    ORDER BY t.oid, c.oid"
);

#[derive(Debug, Deserialize)]
struct Index {
    oid: i64,
    table_oid: i64,
    index: String,
    table: String,
    method: String,
    keys: Vec<String>,
    included: Vec<String>,
    predicate: Option<String>,
    /// How it is stored, such as `fillfactor=70`.
    options: Option<String>,
    is_unique: bool,
    /// A second null is refused where it is unique.
    has_equal_nulls: bool,
    /// What is there twice is refused when the transaction ends, or not before the statement does.
    is_deferrable: bool,
    /// A constraint stands on it, or replication.
    is_needed: bool,
    bytes: i64,
    definition: String,
}

impl Index {
    /// Whether the other one does all that this one does. Of two that are the same, the older
    /// stays, and the one that somebody needs.
    fn is_duplicate_of(&self, other: &Self) -> bool {
        let same = self.method == other.method
            && self.keys == other.keys
            && self.predicate == other.predicate
            && self.includes_no_more_than(other)
            && self.finds_no_more_than(other);
        if !same || self.is_needed || !self.keeps_the_rule_of(other) {
            return false;
        }
        // Else each would be the duplicate of the other.
        let is_mutual = !other.is_needed
            && self.is_unique == other.is_unique
            && other.includes_no_more_than(self);
        !is_mutual || self.oid > other.oid
    }

    /// Whether it is the beginning of a longer one.
    fn is_beginning_of(&self, other: &Self) -> bool {
        self.method == "btree"
            && other.method == "btree"
            && self.keys.len() < other.keys.len()
            && other.keys.starts_with(&self.keys)
            && self.predicate == other.predicate
            && self.includes_no_more_than(other)
            && !self.is_needed
            && !self.is_unique
    }

    /// Whether nothing can be written after it is gone that it would have refused. Of two rules that
    /// differ in nulls or in their time, neither is given up.
    fn keeps_the_rule_of(&self, other: &Self) -> bool {
        let rule = |index: &Self| (index.has_equal_nulls, index.is_deferrable);
        !self.is_unique || (other.is_unique && rule(self) == rule(other))
    }

    /// In B-trees and hash indexes options say how full pages are. In others they say what is found,
    /// and how fast.
    fn finds_no_more_than(&self, other: &Self) -> bool {
        matches!(self.method.as_str(), "btree" | "hash") || self.options == other.options
    }

    fn includes_no_more_than(&self, other: &Self) -> bool {
        let mut included = self.included.iter();
        included.all(|column| other.included.contains(column))
    }
}

fn judge(values: Vec<Value>, context: &Context<'_>) -> serde_json::Result<Vec<AnalysisFinding>> {
    let indexes: Vec<Index> = rows(values)?;
    let of_tables = indexes.chunk_by(|one, next| one.table_oid == next.table_oid);
    let mut findings = Vec::new();
    for of_table in of_tables {
        for index in of_table {
            if index.bytes < context.thresholds.index_bytes {
                continue;
            }
            let others = || of_table.iter().filter(|other| other.oid != index.oid);
            if let Some(other) = others().find(|other| index.is_duplicate_of(other)) {
                findings.push(duplicate(index, other));
            } else if let Some(other) = others().find(|other| index.is_beginning_of(other)) {
                findings.push(redundant(index, other));
            }
        }
    }
    Ok(findings)
}

fn duplicate(index: &Index, other: &Index) -> AnalysisFinding {
    let title = format!("the index {} is the same as {}", index.index, other.index);
    let advice = "drop it: the other one serves every read that it serves";
    superfluous("index-duplicate", index, other, title)
        .advice(advice)
        .confidence(Confidence::High)
}

fn redundant(index: &Index, other: &Index) -> AnalysisFinding {
    let title = format!(
        "the index {} is the beginning of {}",
        index.index, other.index
    );
    let advice =
        "drop it, unless reads depend on how much smaller it is: the other one serves them, too";
    superfluous("index-redundant", index, other, title)
        .advice(advice)
        .confidence(Confidence::Medium)
}

fn superfluous(code: &'static str, index: &Index, other: &Index, title: String) -> AnalysisFinding {
    AnalysisFinding::new(code, Severity::Notice, &index.index, title)
        .evidence("table", &index.table)
        .evidence("size", bytes(index.bytes as f64))
        .evidence("definition", &index.definition)
        .evidence(STAYS, &other.index)
        .evidence("its definition", &other.definition)
        .evidence("its size", bytes(other.bytes as f64))
        .cure(
            format!("DROP INDEX CONCURRENTLY {};", index.index),
            format!(
                "seconds; waits for transactions that use {}, and lets others read and write; gives back {}",
                index.table,
                bytes(index.bytes as f64)
            ),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(oid: i64, keys: &[&str]) -> Index {
        Index {
            oid,
            table_oid: 1,
            index: format!("public.i{oid}"),
            table: "public.t".to_owned(),
            method: "btree".to_owned(),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            included: Vec::new(),
            predicate: None,
            options: None,
            is_unique: false,
            has_equal_nulls: false,
            is_deferrable: false,
            is_needed: false,
            bytes: 1 << 20,
            definition: String::new(),
        }
    }

    #[test]
    fn of_two_that_are_the_same_one_stays() {
        let (one, other) = (index(1, &["a"]), index(2, &["a"]));
        assert!(!one.is_duplicate_of(&other));
        assert!(other.is_duplicate_of(&one));
    }

    #[test]
    fn what_keeps_a_rule_stays() {
        let plain = index(1, &["a"]);
        let unique = Index {
            is_unique: true,
            ..index(2, &["a"])
        };
        assert!(plain.is_duplicate_of(&unique));
        assert!(!unique.is_duplicate_of(&plain));
        let needed = Index {
            is_needed: true,
            ..index(3, &["a"])
        };
        assert!(plain.is_duplicate_of(&needed));
        assert!(!needed.is_duplicate_of(&plain));
        let longer = index(4, &["a", "b"]);
        assert!(plain.is_beginning_of(&longer));
        assert!(!unique.is_beginning_of(&longer));
        assert!(!needed.is_beginning_of(&longer));
    }

    #[test]
    fn of_two_rules_that_differ_both_stay() {
        let unique = |oid| Index {
            is_unique: true,
            ..index(oid, &["a"])
        };
        let once = unique(1);
        let null_once = Index {
            has_equal_nulls: true,
            ..unique(2)
        };
        let at_the_end = Index {
            is_deferrable: true,
            is_needed: true,
            ..unique(3)
        };
        for (one, other) in [
            (&once, &null_once),
            (&once, &at_the_end),
            (&null_once, &at_the_end),
        ] {
            assert!(!one.is_duplicate_of(other), "{one:?} {other:?}");
            assert!(!other.is_duplicate_of(one), "{other:?} {one:?}");
        }
        assert!(unique(4).is_duplicate_of(&once));
        // What keeps no rule goes on account of each of them.
        let plain = index(5, &["a"]);
        assert!(plain.is_duplicate_of(&null_once) && plain.is_duplicate_of(&at_the_end));
    }

    #[test]
    fn options_matter_where_they_change_what_is_found() {
        let with = |oid, method: &str, options: &str| Index {
            method: method.to_owned(),
            options: Some(options.to_owned()),
            ..index(oid, &["a"])
        };
        let (coarse, fine) = (
            with(1, "brin", "pages_per_range=128"),
            with(2, "brin", "pages_per_range=1"),
        );
        assert!(!coarse.is_duplicate_of(&fine) && !fine.is_duplicate_of(&coarse));
        let (full, looser) = (
            with(3, "btree", "fillfactor=100"),
            with(4, "btree", "fillfactor=70"),
        );
        assert!(looser.is_duplicate_of(&full));
    }

    #[test]
    fn only_what_serves_the_same_reads_is_superfluous() {
        let plain = index(1, &["a"]);
        let partial = Index {
            predicate: Some("(b IS NULL)".to_owned()),
            ..index(2, &["a"])
        };
        assert!(!plain.is_duplicate_of(&partial) && !partial.is_duplicate_of(&plain));
        let covering = Index {
            included: vec!["b".to_owned()],
            ..index(3, &["a"])
        };
        assert!(plain.is_duplicate_of(&covering));
        assert!(!covering.is_duplicate_of(&plain));
        assert!(!plain.is_beginning_of(&index(4, &["b", "a"])));
        let hash = Index {
            method: "hash".to_owned(),
            ..index(5, &["a"])
        };
        assert!(!hash.is_duplicate_of(&plain) && !hash.is_beginning_of(&index(6, &["a", "b"])));
    }
}
