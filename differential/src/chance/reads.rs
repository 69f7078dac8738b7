//! What is read.

use super::Chance;
use crate::calls::{Call, Part};
use crate::read::Read;
use crate::schema::{TABLES, Table};
use crate::statement::Statement;
use crate::typed::{ManyRead, ReadShape, TypedRead};
use crate::value::Value;

/// Of one row, by its key alone.
const OF_A_ROW: &[&str] = &[
    "SELECT * FROM {t} WHERE id = :k",
    "SELECT * FROM {t} WHERE :k = id",
    "SELECT n, note FROM public.{t} WHERE ({t}.id = :k)",
    "SELECT x.n FROM {t} AS x WHERE x.id = :k",
    "SELECT n FROM {t} WHERE id = :k ORDER BY n LIMIT 1",
    "SELECT id, note FROM {t} WHERE id = :k AND n % 2 = 0",
    "SELECT id, n FROM {t} WHERE id = :k AND grp = :g",
    "SELECT id, n FROM {t} WHERE grp = :g AND (id = :k)",
    "SELECT id FROM {t} WHERE id = :k AND (grp = :g OR n > 500)",
    "SELECT count(*) FROM {t} WHERE id = :k",
    "SELECT count(*), sum(n)::int8, max(note) FROM {t} WHERE id = :k",
    "SELECT grp, count(*) FROM {t} WHERE id = :k GROUP BY grp",
    "SELECT max(n) AS n FROM {t} WHERE id = :k HAVING count(*) > 0",
    "SELECT 'there' FROM {t} WHERE id = :k FOR UPDATE",
];

/// So many of these can be kept.
const KEPT_OF_A_ROW: usize = OF_A_ROW.len() - 1;

/// Of a row and others, or of a row in a way that is not to be told from that.
const BY_MORE: &[&str] = &[
    "SELECT id, n FROM {t} WHERE id = :k OR grp = :g",
    "SELECT id, n FROM {t} WHERE NOT (id = :k) AND grp = :g",
    "SELECT id, n FROM {t} WHERE (id = :k) IS NOT TRUE AND grp = :g",
    "SELECT id, n FROM {t} WHERE id <> :k AND grp = :g",
    "SELECT id, n FROM {t} WHERE id >= :k AND grp = :g",
    "SELECT id, n FROM {t} WHERE id IN (:k, :l)",
    "SELECT id, n FROM {t} WHERE id = :k AND id = :l",
    "SELECT id, n FROM {t} WHERE (id, grp) = (:k, :g)",
    "SELECT id, n FROM {t} WHERE id BETWEEN :k AND :l",
    "SELECT EXISTS (SELECT FROM {t} WHERE id = :k)",
    "SELECT NOT EXISTS (SELECT FROM {t} WHERE id = :k) AS gone, count(*) FROM {t}",
    "SELECT (SELECT n FROM {t} WHERE id = :k) AS one, (SELECT count(*) FROM {t} WHERE grp = :g) AS others",
    "SELECT n FROM {t} WHERE id = :k AND n >= (SELECT avg(n) FROM {t})",
    "SELECT q.n FROM (SELECT * FROM {t} WHERE id = :k) AS q",
    "SELECT id, n FROM {t} WHERE n <= (SELECT n FROM {t} WHERE id = :k)",
    "WITH one AS (SELECT * FROM {t} WHERE id = :k) SELECT one.n, count(o.id) FROM one LEFT JOIN {t} AS o ON o.grp = one.grp GROUP BY one.n",
    "SELECT n FROM {t} WHERE id = :k UNION SELECT n FROM {t} WHERE grp = :g",
    "SELECT a.n, b.n AS m FROM {t} AS a JOIN {t} AS b ON b.grp = a.grp WHERE a.id = :k",
    "SELECT a.n, b.n AS m FROM {t} AS a, {t} AS b WHERE a.id = :k AND b.id = :l",
    "SELECT b.id, b.n FROM {t} AS a RIGHT JOIN {t} AS b ON b.grp = a.grp AND a.id = :k",
    "SELECT a.n, b.n AS m FROM {t} AS a LEFT JOIN {u} AS b ON b.grp = a.grp WHERE a.id = :k",
    "SELECT a.n, b.n AS m FROM {u} AS b CROSS JOIN LATERAL (SELECT n FROM {t} WHERE id = :k) AS a",
];

/// Of a whole table.
const OF_A_TABLE: &[&str] = &[
    "SELECT * FROM {t} ORDER BY id",
    "SELECT id, n FROM {t} ORDER BY id DESC, n LIMIT 3",
    "SELECT id, n FROM {t} WHERE grp = :g",
    "SELECT count(*), sum(n)::int8 FROM {t}",
    "SELECT grp, count(*), max(n) FROM {t} GROUP BY grp",
    "SELECT a.grp, count(*) FROM {t} AS a JOIN {u} AS b ON b.grp = a.grp GROUP BY a.grp",
    "TABLE {t}",
];

/// Of tables with the column `up`.
const OF_UP: &[&str] = &[
    "SELECT id, up, n FROM {t} WHERE up = :u",
    "SELECT id, n FROM {t} WHERE id = :k AND up = :u",
    "SELECT id, n FROM {t} WHERE up = :u AND :k = id",
    "SELECT c.id, c.n FROM {t} AS c JOIN {t} AS p ON p.id = c.up WHERE p.id = :k",
];

impl Chance {
    /// A read of a family, and the families that it reads.
    pub(crate) fn read(&mut self, family: u32) -> (Read, u32) {
        let table = self.table(family);
        let mut families = 1 << family;
        let read = match self.random.u32(..20) {
            0..7 if let Some(typed) = table.typed => {
                let shapes = ReadShape::ALL;
                Read::Typed(TypedRead {
                    table: typed,
                    shape: shapes[self.random.usize(..shapes.len())],
                    key: self.key(table),
                    grp: self.group(),
                })
            }
            7 | 8 if matches!(table.name, "longs" | "texts") => Read::Many(ManyRead {
                of_texts: table.name == "texts",
                keys: (0..3).map(|_| self.key(table)).collect(),
            }),
            9 => {
                let statements = (0..self.up_to(3)).map(|_| self.raw_read(table, &mut families));
                Read::Composite(statements.collect())
            }
            10 | 11 => Read::Call(self.call(table, &mut families, 2)),
            12 => Read::Row(self.row_read(table)),
            _ => Read::Raw(self.raw_read(table, &mut families)),
        };
        (read, families)
    }

    /// A row by its key, for a function whose results are also put.
    pub(super) fn row_read(&mut self, table: &'static Table) -> Statement {
        let text = format!("SELECT * FROM {} WHERE id = :k", table.name);
        Statement::new(text, vec![("k", self.key(table))])
    }

    /// A decorated function, in which others may be called.
    fn call(&mut self, table: &'static Table, families: &mut u32, depth: u32) -> Call {
        let parts = (0..self.up_to(3)).map(|_| match self.random.u32(..8) {
            0 => Part::Session(self.raw_read(table, families)),
            1 => Part::Transaction(self.raw_read(table, families)),
            2 => Part::Carried(self.raw_read(table, families)),
            3 | 4 => Part::Kept(Box::new(Read::Raw(self.raw_read(table, families)))),
            5 if depth > 1 => {
                let call = self.call(table, families, depth - 1);
                Part::Kept(Box::new(Read::Call(call)))
            }
            _ => Part::Plain(self.raw_read(table, families)),
        });
        let parts = parts.collect();
        Call {
            parts,
            joined: self.random.bool(),
        }
    }

    /// Rows of all tables of a family, by the keys that are likely now: what a write may make wrong.
    pub(crate) fn around(&mut self, family: u32) -> Vec<Read> {
        let mut reads = Vec::new();
        for table in TABLES.iter().filter(|table| table.family == family) {
            for number in self.likely(table) {
                let key = table.key.value(number, self.random.u8(..));
                reads.push(match table.typed {
                    Some(typed) if self.random.bool() => {
                        let shapes = ReadShape::BY_KEY;
                        Read::Typed(TypedRead {
                            table: typed,
                            shape: shapes[self.random.usize(..shapes.len())],
                            key,
                            grp: self.group(),
                        })
                    }
                    _ => {
                        let bound = table.key.as_bound(number, self.random.u8(..));
                        let templates = &OF_A_ROW[..KEPT_OF_A_ROW];
                        let template = templates[self.random.usize(..templates.len())];
                        Read::Raw(self.filled(template, table, table.name, bound))
                    }
                });
            }
        }
        reads
    }

    fn raw_read(&mut self, table: &'static Table, families: &mut u32) -> Statement {
        let all = match self.random.u32(..20) {
            0..3 if table.up => OF_UP,
            0..11 => OF_A_ROW,
            11..17 => BY_MORE,
            _ => OF_A_TABLE,
        };
        let template = all[self.random.usize(..all.len())];
        let other = if template.contains("{u}") {
            let other = &TABLES[self.random.usize(..TABLES.len())];
            *families |= 1 << other.family;
            other.name
        } else {
            table.name
        };
        let key = self.bound_key(table);
        self.filled(template, table, other, key)
    }

    /// The statement of a template.
    fn filled(&mut self, template: &str, table: &Table, other: &str, key: Value) -> Statement {
        let mut values = Vec::new();
        let mut give = |name, value: Value| {
            if template.contains(&format!(":{name}")) {
                values.push((name, value));
            }
        };
        // Each is chosen in any case, so that a change of the templates changes little else.
        give("k", key);
        give("l", self.bound_key(table));
        give("g", Value::Integer(self.group()));
        give("u", self.up(table));
        Statement::new(
            template.replace("{t}", table.name).replace("{u}", other),
            values,
        )
    }
}
