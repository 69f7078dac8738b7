//! The index that would serve a scan which reads a large table from end to end.
//!
//! Columns that are compared by equality come first, the one with most values before the others, and
//! only as many as it takes to find few rows. Then comes one that is compared by order, or those
//! that a sort with a LIMIT asks for. What is true of few rows alone (`IS NULL`, a boolean) is left
//! out of the key and bounds the rows of the index.

use super::condition::{Key, Use, joined, sort_key, uses};
use super::node::Node;
use super::tables::{Table, Tables};
use crate::Thresholds;
use crate::identifier::qualified;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests;

/// An index that is not there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    /// The table, quoted.
    pub(super) table: String,
    /// The partitioned table that it is a part of, quoted.
    pub(super) whole: Option<String>,
    /// Its key, as SQL writes it.
    pub(super) keys: Vec<String>,
    /// The names of columns in it.
    pub(super) columns: Vec<String>,
    /// The rows that it is bounded to.
    pub(super) predicate: Option<String>,
    /// How many rows the scan reads, as far as that is known, and how many it finds.
    pub(super) read: Option<f64>,
    pub(super) found: f64,
    /// The size of the table, and that of the index, as far as that is known.
    pub(super) bytes: Option<(f64, f64)>,
}

impl Candidate {
    /// The statement that makes it, on this table alone.
    pub(super) fn sql(&self) -> String {
        self.sql_on("", &self.table)
    }

    /// The statement that makes it for good. On a partitioned table it makes one on each partition,
    /// and cannot do so while others write.
    pub(super) fn cure(&self) -> String {
        match &self.whole {
            Some(whole) => self.sql_on("", whole),
            None => self.sql_on("CONCURRENTLY ", &self.table),
        }
    }

    /// Whether the catalog told of the table which columns and indexes it has.
    pub(super) fn is_known(&self) -> bool {
        self.bytes.is_some()
    }

    /// Whether it is the beginning of a longer one, which serves whatever it serves.
    pub(super) fn begins(&self, longer: &Self) -> bool {
        self.known_table() == longer.known_table()
            && self.predicate == longer.predicate
            && self.keys.len() < longer.keys.len()
            && longer.keys.starts_with(&self.keys)
    }

    /// The table that users know.
    pub(super) fn known_table(&self) -> &str {
        self.whole.as_deref().unwrap_or(&self.table)
    }

    fn sql_on(&self, how: &str, table: &str) -> String {
        let predicate = match &self.predicate {
            Some(predicate) => format!(" WHERE {predicate}"),
            None => String::new(),
        };
        let keys = self.keys.join(", ");
        format!("CREATE INDEX {how}ON {table} ({keys}){predicate}")
    }
}

/// Those that belong together: the same index on each partition of a table.
pub(super) fn grouped(candidates: Vec<Candidate>) -> Vec<Vec<Candidate>> {
    let mut groups: Vec<Vec<Candidate>> = Vec::new();
    for candidate in candidates {
        let is_same = |group: &&mut Vec<Candidate>| {
            candidate.whole.is_some() && group[0].cure() == candidate.cure()
        };
        match groups.iter_mut().find(is_same) {
            Some(group) => group.push(candidate),
            None => groups.push(vec![candidate]),
        }
    }
    groups
}

/// What stands above a scan.
#[derive(Default, Clone)]
struct Above<'a> {
    is_limited: bool,
    /// By what the rows are sorted of which few are taken.
    sort: Option<&'a [String]>,
    /// By what rows are looked for from the other side of a join.
    join: Vec<Key>,
}

/// The indexes that would serve the scans of a plan.
pub(super) fn candidates(root: &Node, tables: &Tables, thresholds: &Thresholds) -> Vec<Candidate> {
    let mut found = Vec::new();
    visit(root, &Above::default(), &mut |scan, above| {
        let table = tables.of(scan);
        let candidate = candidate(scan, above, table, thresholds);
        found.extend(candidate.filter(|new| !found.contains(new)));
    });
    found
}

fn visit<'a>(node: &'a Node, above: &Above<'a>, found: &mut impl FnMut(&'a Node, &Above<'a>)) {
    if node.is_sequential_scan() {
        found(node, above);
    }
    for (place, child) in node.children.iter().enumerate() {
        let beneath = match node.kind.as_str() {
            "Limit" => Above {
                is_limited: true,
                ..Above::default()
            },
            "Sort" if above.is_limited => Above {
                sort: Some(&node.sort_keys),
                ..above.clone()
            },
            "Gather" | "Gather Merge" | "Hash" => above.clone(),
            "Hash Join" => Above {
                join: looked_for(node, place),
                ..Above::default()
            },
            _ => Above::default(),
        };
        visit(child, &beneath, found);
    }
}

/// By what a hash join could look for rows of this child, if the other side has few.
fn looked_for(join: &Node, place: usize) -> Vec<Key> {
    const FEW: f64 = 0.01;
    let Some((scan, other)) = join
        .children
        .get(place)
        .zip(join.children.get(1 - place.min(1)))
    else {
        return Vec::new();
    };
    let is_few = other.rows <= FEW * scan.rows;
    let scan = match scan.kind.as_str() {
        "Hash" => scan.children.first().unwrap_or(scan),
        _ => scan,
    };
    let condition = join.hash_condition.as_deref().filter(|_| is_few);
    let sides = joined(condition.unwrap_or_default()).into_iter().flatten();
    let of_scan = sides.filter(|(of, _)| of.as_deref() == scan.name());
    of_scan.map(|(_, key)| key).collect()
}

fn candidate(
    scan: &Node,
    above: &Above<'_>,
    table: Option<&Table>,
    thresholds: &Thresholds,
) -> Option<Candidate> {
    let read = table.map(|table| table.rows).or(scan.rows_read());
    if !is_large(scan, table, thresholds) {
        return None;
    }
    let uses = uses(scan.filter.as_deref().unwrap_or_default(), scan.name());
    let sort = sort_keys(above, scan);
    let is_ordered = !sort.is_empty() && sort.len() == above.sort.unwrap_or_default().len();
    if !is_selective(scan, read) && !is_ordered && above.join.is_empty() {
        return None;
    }
    let (keys, predicate) = chosen(&uses, above, sort.as_slice(), is_ordered, table)?;
    let columns: Vec<String> = keys
        .iter()
        .filter_map(|(key, _)| key.column.clone())
        .collect();
    let keys: Vec<String> = keys
        .into_iter()
        .map(|(key, suffix)| format!("{}{suffix}", key.sql))
        .collect();
    if table.is_some_and(|table| has_index(table, &keys)) {
        return None;
    }
    Some(Candidate {
        table: qualified(scan.schema.as_deref(), scan.relation.as_deref()?),
        whole: table.and_then(|table| table.whole.clone()),
        predicate,
        read,
        found: scan.actual_rows.unwrap_or(scan.rows),
        bytes: table.map(|table| {
            let names: Vec<&str> = columns.iter().map(String::as_str).collect();
            (table.bytes, table.index_bytes(&names))
        }),
        keys,
        columns,
    })
}

/// Whether it finds few of the rows that it reads: reading most of a table is faster than looking
/// for most of its rows.
fn is_selective(scan: &Node, read: Option<f64>) -> bool {
    const MOST: f64 = 0.1;
    /// Of a guess, which may be several times too high.
    const MOST_GUESSED: f64 = 0.01;
    let found = scan.actual_rows.unwrap_or(scan.rows);
    match read {
        Some(read) => found <= MOST * read,
        None => found <= MOST_GUESSED * guessed_rows(scan),
    }
}

/// How many rows a scan reads at most, by what it costs with the settings that servers start with:
/// each page 1, each row a little, and a page holds as many rows as are as wide as those it gives.
fn guessed_rows(scan: &Node) -> f64 {
    const PAGE: f64 = 8_192.0;
    /// Header and line pointer.
    const OF_ROW: f64 = 28.0;
    /// To look at a row, and to compare once.
    const WORK: f64 = 0.0125;
    scan.cost / ((scan.width + OF_ROW) / PAGE + WORK)
}

/// Whether it is a large table, by the catalog, by what was read, or by what reading it costs.
pub(super) fn is_large(scan: &Node, table: Option<&Table>, thresholds: &Thresholds) -> bool {
    /// Some hundred pages of rows.
    const COST: f64 = 1_000.0;
    let rows = table.map(|table| table.rows);
    match rows.or(scan.rows_read()) {
        Some(rows) => rows >= thresholds.large_rows,
        None => scan.cost >= COST,
    }
}

fn sort_keys(above: &Above<'_>, scan: &Node) -> Vec<(Key, String)> {
    let keys = above.sort.unwrap_or_default().iter();
    keys.map_while(|key| sort_key(key, scan.name())).collect()
}

type Chosen = (Vec<(Key, String)>, Option<String>);

/// The key, and what the rows are bounded to; `None` if nothing serves.
fn chosen(
    uses: &[Use],
    above: &Above<'_>,
    sort: &[(Key, String)],
    is_ordered: bool,
    table: Option<&Table>,
) -> Option<Chosen> {
    let mut equal: Vec<Key> = above.join.clone();
    let mut range = None;
    let mut bounds: Vec<(Key, String)> = Vec::new();
    for one in uses {
        match one {
            Use::Equality(key) if serves(key, table) => equal.push(key.clone()),
            Use::Range(key) if serves(key, table) && range.is_none() => {
                range = Some((key.clone(), String::new()));
            }
            Use::Prefix(key) if serves(key, table) && range.is_none() => {
                range = Some((key.clone(), " text_pattern_ops".to_owned()));
            }
            Use::Null(key) if is_rare(table, key, |column| column.null_share()) => {
                bounds.push((key.clone(), format!("{} IS NULL", key.sql)));
            }
            Use::Truth(key, truth) if is_rare(table, key, |column| column.share_of(*truth)) => {
                let sql = &key.sql;
                let bound = if *truth {
                    sql.clone()
                } else {
                    format!("NOT {sql}")
                };
                bounds.push((key.clone(), bound));
            }
            _ => {}
        }
    }
    let mut keys = enough(equal, table);
    let ordered = if is_ordered {
        sort.to_vec()
    } else {
        range.into_iter().collect()
    };
    for (key, suffix) in ordered {
        if !keys.iter().any(|(known, _)| known.sql == key.sql) {
            keys.push((key, suffix));
        }
    }
    if keys.is_empty() {
        // The index is for the bound alone.
        keys.extend(bounds.first().map(|(key, _)| (key.clone(), String::new())));
    }
    let bound: Vec<String> = bounds.into_iter().map(|(_, bound)| bound).collect();
    let predicate = (!bound.is_empty()).then(|| bound.join(" AND "));
    (!keys.is_empty()).then_some((keys, predicate))
}

/// The columns with most values, until they find few rows.
fn enough(mut equal: Vec<Key>, table: Option<&Table>) -> Vec<(Key, String)> {
    const FEW: f64 = 10.0;
    const MOST: usize = 4;
    let values = |key: &Key| -> f64 {
        let of_column = || table?.column(key.column.as_deref()?)?.distinct(table?.rows);
        // An expression is compared for a reason.
        of_column().unwrap_or(1_000.0)
    };
    equal.sort_by(|one, other| values(other).total_cmp(&values(one)));
    equal.dedup();
    let mut left = table.map_or(f64::INFINITY, |table| table.rows);
    let mut keys = Vec::new();
    for key in equal {
        if left <= FEW || keys.len() == MOST {
            break;
        }
        left /= values(&key).max(1.0);
        keys.push((key, String::new()));
    }
    keys
}

/// Whether an index on a column serves a comparison of it as a text. Of a column that is not known
/// nobody can tell.
fn serves(key: &Key, table: Option<&Table>) -> bool {
    let column = key.column.as_deref();
    let column = column.and_then(|name| table?.column(name));
    !key.as_text || column.is_some_and(super::tables::Column::is_text)
}

/// Whether what is asked for is true of few rows. What is not known bounds nothing.
fn is_rare(
    table: Option<&Table>,
    key: &Key,
    share: impl Fn(&super::tables::Column) -> Option<f64>,
) -> bool {
    const FEW: f64 = 0.3;
    let column = key.column.as_deref();
    let column = column.and_then(|name| table?.column(name));
    column.and_then(share).is_some_and(|share| share <= FEW)
}

/// Whether there is an index that begins so. Then the planner has a reason not to use it.
fn has_index(table: &Table, keys: &[String]) -> bool {
    let plain: Vec<&str> = keys
        .iter()
        .map(|key| key.split(" DESC").next().unwrap_or(key).trim())
        .collect();
    table.indexes.iter().any(|index| {
        let beginning = index
            .iter()
            .take(plain.len())
            .map(|key| key.trim_matches(['(', ')']));
        let is_same = beginning.eq(plain.iter().map(|key| key.trim_matches(['(', ')'])));
        index.len() >= plain.len() && is_same
    })
}
