//! What the catalog knows of the tables in a plan.

use std::collections::BTreeMap;

use larder_database::{Connection, sql};
use serde::Deserialize;

use super::node::Node;
use crate::connection::{Unanswered, ask};

const TABLE: &str = "
    SELECT greatest(c.reltuples, u.n_live_tup, 0)::float8 AS rows,
           pg_catalog.pg_table_size(c.oid)::int8 AS bytes,
           (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                     'name', a.attname, 'type', pg_catalog.format_type(a.atttypid, NULL),
                     'distinct', s.n_distinct, 'nulls', s.null_frac, 'width', s.avg_width,
                     'true', (SELECT m.frequency
                              FROM ROWS FROM (pg_catalog.unnest(s.most_common_vals::text::text[]),
                                              pg_catalog.unnest(s.most_common_freqs)) m(value, frequency)
                              WHERE a.atttypid = 16 AND m.value = 't')))
            FROM pg_catalog.pg_attribute a
            LEFT JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname
              AND s.tablename = c.relname AND s.attname = a.attname AND NOT s.inherited
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
           coalesce((SELECT pg_catalog.jsonb_agg(ARRAY(
                     SELECT pg_catalog.pg_get_indexdef(i.indexrelid, k, true)
                     FROM pg_catalog.generate_series(1, i.indnkeyatts::int4) k ORDER BY k))
                     FROM pg_catalog.pg_index i
                     WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL), '[]') AS indexes
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_stat_all_tables u ON u.relid = c.oid
    WHERE n.nspname = :schema AND c.relname = :name";

/// What is known of the tables of plans, each asked for once.
#[derive(Debug, Default)]
pub(super) struct Tables(BTreeMap<(String, String), Option<Table>>);

/// A table.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Table {
    pub(super) rows: f64,
    pub(super) bytes: f64,
    columns: Option<Vec<Column>>,
    /// The columns of each index, as SQL writes them.
    pub(super) indexes: Vec<Vec<String>>,
}

/// A column; what is known of its values is `None` where it was never analysed.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Column {
    name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// How many values there are; negative is a share of the rows.
    distinct: Option<f64>,
    nulls: Option<f64>,
    width: Option<f64>,
    #[serde(rename = "true")]
    trues: Option<f64>,
}

impl Tables {
    /// Learns what there is to know of the tables of a plan.
    pub(super) async fn learn(
        &mut self,
        connection: &mut Connection,
        plan: &Node,
    ) -> Result<(), Unanswered> {
        for node in plan.all() {
            let (Some(schema), Some(name)) = (&node.schema, &node.relation) else {
                continue;
            };
            let key = (schema.clone(), name.clone());
            if self.0.contains_key(&key) {
                continue;
            }
            let question = sql(TABLE)
                .bind("schema", schema.as_str())
                .bind("name", name.as_str());
            let rows = ask(connection, question).await?;
            let table = rows.into_iter().next();
            let table = table.and_then(|row| serde_json::from_value(row).ok());
            self.0.insert(key, table);
        }
        Ok(())
    }

    /// The table that a node reads, if it is known.
    pub(super) fn of(&self, node: &Node) -> Option<&Table> {
        let key = (node.schema.clone()?, node.relation.clone()?);
        self.0.get(&key)?.as_ref()
    }
}

impl Table {
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        let mut columns = self.columns.iter().flatten();
        columns.find(|column| column.name == name)
    }

    /// The size of an index on these columns, roughly.
    pub(super) fn index_bytes(&self, columns: &[&str]) -> f64 {
        const HEADER: f64 = 12.0;
        let width = |name: &&str| self.column(name).and_then(|column| column.width);
        let widths = columns.iter().map(|name| width(name).unwrap_or(8.0));
        let entry = HEADER + (widths.sum::<f64>() / 8.0).ceil() * 8.0;
        self.rows * entry / 0.9
    }
}

impl Column {
    /// How many values there are in so many rows.
    pub(super) fn distinct(&self, rows: f64) -> Option<f64> {
        let distinct = self.distinct?;
        match distinct {
            ..0.0 => Some(-distinct * rows),
            0.0 => None,
            many => Some(many),
        }
    }

    /// The share of rows in which it is NULL.
    pub(super) fn null_share(&self) -> Option<f64> {
        self.nulls
    }

    /// The share of rows in which a boolean is this.
    pub(super) fn share_of(&self, truth: bool) -> Option<f64> {
        let nulls = self.nulls?;
        let trues = self.trues.unwrap_or(0.0);
        Some(match truth {
            true => trues,
            false => (1.0 - nulls - trues).max(0.0),
        })
    }

    /// Whether a cast to `text` changes nothing.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.kind.as_str(), "text" | "character varying")
    }

    #[cfg(test)]
    pub(super) fn of(name: &str, kind: &str, distinct: f64) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            distinct: Some(distinct),
            nulls: Some(0.0),
            width: Some(8.0),
            trues: None,
        }
    }
}

#[cfg(test)]
impl Table {
    pub(super) fn with(rows: f64, columns: Vec<Column>) -> Self {
        Self {
            rows,
            bytes: rows * 100.0,
            columns: Some(columns),
            indexes: Vec::new(),
        }
    }
}

#[cfg(test)]
impl Column {
    pub(super) fn with_nulls(mut self, share: f64) -> Self {
        self.nulls = Some(share);
        self
    }

    pub(super) fn with_trues(mut self, share: f64) -> Self {
        self.trues = Some(share);
        self
    }
}

#[cfg(test)]
impl Tables {
    pub(super) fn knowing(schema: &str, name: &str, table: Table) -> Self {
        let key = (schema.to_owned(), name.to_owned());
        Self(BTreeMap::from([(key, Some(table))]))
    }
}
