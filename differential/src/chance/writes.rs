//! What is written.

use super::Chance;
use crate::schema::Table;
use crate::statement::Statement;
use crate::typed::{TypedWrite, WriteShape};
use crate::value::Value;
use crate::write::{Deed, End, Step, Write};

/// Of rows by their keys.
const OF_A_ROW: &[&str] = &[
    "UPDATE {t} SET n = n + :n WHERE id = :k",
    "UPDATE {t} SET n = :n, note = 'written' WHERE :k = id",
    "UPDATE {t} AS x SET grp = :g WHERE x.id = :k",
    "UPDATE public.{t} SET note = NULL, n = :n WHERE {t}.id = :k AND grp <> :g",
    "UPDATE {t} SET n = n - :n WHERE (id = :k) AND (grp = :g OR n > 500) RETURNING id, n",
    "UPDATE {t} SET n = n + 3 WHERE id = :k RETURNING n",
    "DELETE FROM {t} WHERE id = :k",
    "DELETE FROM {t} WHERE :k = id AND grp < 3",
    "DELETE FROM {t} AS x WHERE x.id = :k RETURNING x.n",
    "DELETE FROM {t} WHERE id = :k AND n % 2 = 0",
];

/// Of rows by more than their keys.
const BY_MORE: &[&str] = &[
    "UPDATE {t} SET n = n + :n WHERE id = :k OR grp = :g",
    "UPDATE {t} SET n = n + :n WHERE id IN (:k, :l)",
    "UPDATE {t} SET n = n + :n WHERE NOT (id = :k) AND grp = :g",
    "UPDATE {t} SET n = n + :n WHERE id <> :k AND grp = :g",
    "UPDATE {t} SET n = :n WHERE grp = :g",
    "UPDATE {t} AS a SET n = a.n + :n FROM {t} AS b WHERE b.id = :k AND a.grp = b.grp",
    "UPDATE {t} SET n = n + :n WHERE grp = (SELECT grp FROM {t} WHERE id = :k)",
    "UPDATE {t} SET n = n + :n WHERE EXISTS (SELECT FROM {t} AS o WHERE o.id = :k AND o.grp = :g)",
    "WITH one AS (UPDATE {t} SET n = n + :n WHERE id = :k RETURNING grp) SELECT * FROM one",
    "DELETE FROM {t} WHERE id = :k OR id = :l",
    "DELETE FROM {t} AS a USING {t} AS b WHERE b.id = :k AND a.id = b.id",
];

/// Of the key itself.
const OF_KEYS: &[&str] = &[
    "UPDATE {t} SET id = :l WHERE id = :k",
    "UPDATE {t} SET n = n + 1, id = :l WHERE :k = id",
    "UPDATE {t} SET id = :l, n = :n WHERE id = :k AND grp <> :g",
];

/// Of all rows.
const OF_A_TABLE: &[&str] = &[
    "UPDATE {t} SET n = n + 1",
    "UPDATE {t} SET note = 'all', n = n + :n",
    "UPDATE {t} SET n = n + 1 WHERE n % 2 = 0",
    "DELETE FROM {t} WHERE n % 7 = 0",
];

/// Of new rows; `{c}` are the columns beside the key, `{v}` and `{w}` their values.
const OF_NEW: &[&str] = &[
    "INSERT INTO {t} (id, {c}) VALUES (:k, {v})",
    "INSERT INTO {t} (id, {c}) VALUES (:k, {v}), (:l, {w})",
    "INSERT INTO {t} (id, {c}) VALUES (:k, {v}) RETURNING id",
    "INSERT INTO {t} (id, {c}) VALUES (:k, {v}) ON CONFLICT DO NOTHING",
    "INSERT INTO {t} ({c}, id) VALUES ({v}, :k), ({w}, :l) ON CONFLICT DO NOTHING",
    "INSERT INTO {t} (id, {c}) SELECT :k, {v}",
    "INSERT INTO {t} (id, {c}) VALUES (:k, {v}) ON CONFLICT ({x}) DO NOTHING",
    "INSERT INTO {t} (id, {c}) VALUES (:k, {v}) ON CONFLICT ({x}) DO UPDATE SET n = {t}.n + 1",
    "INSERT INTO {t} (id, {c}) VALUES (:k, {v}) ON CONFLICT ({x}) DO UPDATE SET n = EXCLUDED.n, note = 'again'",
    "INSERT INTO {t} AS x (id, {c}) VALUES (:k, {v}) ON CONFLICT ({x}) DO UPDATE SET n = x.n + 5 WHERE x.grp <> :g RETURNING x.id, x.n",
    "INSERT INTO {t} (id, {c}) VALUES (:k, {v}), (:l, {w}) ON CONFLICT ({x}) DO UPDATE SET grp = EXCLUDED.grp",
    "INSERT INTO {t} (id, {c}) VALUES (:k, {v}) ON CONFLICT ({x}) DO UPDATE SET id = :l",
];

/// Of new rows whose keys the server makes.
const OF_MADE: &[&str] = &[
    "INSERT INTO {t} (grp, n) VALUES (:g, :n)",
    "INSERT INTO {t} (grp, n) VALUES (:g, :n) RETURNING id",
    "INSERT INTO {t} (grp, n) VALUES (:g, :n), (:g, 0)",
    "INSERT INTO {t} (id, n) VALUES (DEFAULT, :n)",
    "INSERT INTO {t} (id, n) VALUES (:k, :n), (DEFAULT, 1)",
    "INSERT INTO {t} DEFAULT VALUES",
    "INSERT INTO {t} VALUES (DEFAULT, :g, :n)",
    "INSERT INTO {t} (grp, n) VALUES (:g, :n) ON CONFLICT DO NOTHING",
    "INSERT INTO {t} (grp, n) VALUES (:g, :n) ON CONFLICT (id) DO UPDATE SET n = {t}.n + 10",
];

/// Of tables with the column `up`.
const OF_UP: &[&str] = &[
    "UPDATE {t} SET up = :u WHERE id = :k",
    "UPDATE {t} SET n = n + :n, up = :u WHERE :k = id AND id <> :u",
    "UPDATE {t} SET up = :k WHERE id = :l",
    "INSERT INTO {t} (id, up, n) VALUES (:k, NULL, :n), (:l, :k, 0) ON CONFLICT DO NOTHING",
    "DELETE FROM {t} WHERE id = :k",
    "DELETE FROM {t} WHERE (:k = id)",
    "UPDATE {t} SET n = n + :n WHERE up = :u",
    "UPDATE {t} SET n = n + :n WHERE id = :k AND up = :u",
    "DELETE FROM {t} WHERE up = :u",
];

impl Chance {
    /// Something that is written to a family.
    pub(crate) fn deed(&mut self, family: u32) -> Deed {
        match self.random.u32(..24) {
            0 | 1 => {
                let table = self.writable(family);
                if let Some(put) = self.put(table) {
                    return put;
                }
            }
            2 if family == 1 => return self.behind(),
            3..8 => return self.transaction(family),
            8..13 => {
                let table = self.writable(family);
                if table.is_table && !table.makes_keys {
                    let number = self.number(table);
                    return self.filling(table, number);
                }
            }
            _ => {}
        }
        Deed::Alone(self.write(family))
    }

    fn transaction(&mut self, family: u32) -> Deed {
        let mut steps: Vec<Step> = (0..self.up_to(2))
            .map(|_| Step::Write(self.write(family)))
            .collect();
        if self.once_in(2) {
            let at = self.random.usize(..=steps.len());
            steps.insert(at, self.savepoint(family, 2));
        }
        let end = match self.random.u32(..10) {
            0 | 1 => End::RollBack,
            2 => End::Dropped,
            _ => End::Commit,
        };
        Deed::Transaction { steps, end }
    }

    fn savepoint(&mut self, family: u32, depth: u32) -> Step {
        let mut steps = vec![Step::Write(self.write(family))];
        if depth > 1 && self.once_in(3) {
            steps.push(self.savepoint(family, depth - 1));
        }
        let is_kept = self.random.bool();
        Step::Savepoint { steps, is_kept }
    }

    fn writable(&mut self, family: u32) -> &'static Table {
        loop {
            let table = self.table(family);
            if table.name != "both_seen" {
                return table;
            }
        }
    }

    /// A write of a row that gives what the row is then. Where triggers write too, it does not.
    fn put(&mut self, table: &'static Table) -> Option<Deed> {
        if matches!(table.name, "triggered" | "rekeyed") {
            return None;
        }
        let read = self.row_read(table);
        let text = format!(
            "UPDATE {} SET n = n + :n, grp = :g WHERE id = :k RETURNING *",
            table.name
        );
        let mut values = read.values.clone();
        values.push(("n", Value::Long(self.amount())));
        values.push(("g", Value::Integer(self.group())));
        let write = Statement::new(text, values);
        Some(Deed::Put { read, write })
    }

    fn behind(&mut self) -> Deed {
        let values = vec![
            ("n", Value::Long(self.amount())),
            ("g", Value::Integer(self.group())),
        ];
        Deed::Behind(Statement::new(
            "UPDATE numbers SET n = n + :n WHERE grp = :g",
            values,
        ))
    }

    fn write(&mut self, family: u32) -> Write {
        let table = self.writable(family);
        match table.typed {
            Some(typed) if self.once_in(3) => {
                let shapes = WriteShape::ALL;
                Write::Typed(TypedWrite {
                    table: typed,
                    shape: shapes[self.random.usize(..shapes.len())],
                    key: self.key(table),
                    other: self.key(table),
                    grp: self.group(),
                    n: self.amount(),
                })
            }
            _ => Write::Raw(self.raw_write(table)),
        }
    }

    fn raw_write(&mut self, table: &'static Table) -> Statement {
        let all = match self.random.u32(..100) {
            0..2 if table.is_table => return self.emptying(table),
            0..20 if table.up => OF_UP,
            // What refers to other rows is rare by itself.
            0..45 if table.up && table.unique.len() == 1 => OF_UP,
            0..6 if table.makes_keys => return self.emptying(table),
            0..50 if table.makes_keys => OF_MADE,
            // A row that is there already may be found by more than its key.
            0..60 if table.unique.len() > 1 => OF_NEW,
            0..40 if table.is_table => OF_NEW,
            0..66 => OF_A_ROW,
            66..76 => OF_KEYS,
            76..95 => BY_MORE,
            _ => OF_A_TABLE,
        };
        let template = all[self.random.usize(..all.len())];
        let unique = match table.unique {
            [] => "id",
            unique => unique[self.random.usize(..unique.len())],
        };
        // Where it may be left out it often is: what it refers to may not be there.
        let has_up =
            table.up && (table.name == "pairs" || table.name == "coded" || self.random.bool());
        let (columns, first, second) = match has_up {
            true => ("grp, n, up", ":g, :n, :u", ":g, :m, :w"),
            false => ("grp, n", ":g, :n", ":g, :m"),
        };
        let text = template
            .replace("{t}", table.name)
            .replace("{x}", unique)
            .replace("{c}", columns)
            .replace("{v}", first)
            .replace("{w}", second);
        let mut values = Vec::new();
        let mut give = |name, value: Value| {
            if text.contains(&format!(":{name}")) {
                values.push((name, value));
            }
        };
        give("k", self.bound_key(table));
        give("l", self.bound_key(table));
        give("g", Value::Integer(self.group()));
        give("n", Value::Long(self.amount()));
        give("m", Value::Long(self.amount()));
        give("u", self.up(table));
        give("w", self.up(table));
        Statement::new(text, values)
    }

    fn emptying(&mut self, table: &Table) -> Statement {
        let restart = if table.makes_keys {
            " RESTART IDENTITY"
        } else {
            ""
        };
        Statement::new(
            format!("TRUNCATE {}{restart} CASCADE", table.name),
            Vec::new(),
        )
    }

    /// A row of this key, where there is none: what is not there cannot be written.
    pub(crate) fn filling(&mut self, table: &Table, number: u8) -> Deed {
        let (column, up) = match table.name {
            "coded" | "pairs" => (", up", ", :k"),
            "tree" => (", up", ", (SELECT id FROM tree WHERE id = :u)"),
            "hosts" => (", up", ", (SELECT id FROM guests WHERE id = :u)"),
            "guests" => (", up", ", (SELECT id FROM hosts WHERE id = :u)"),
            _ => ("", ""),
        };
        let text = format!(
            "INSERT INTO {} (id, grp, n{column}) VALUES (:k, :g, :n{up}) ON CONFLICT DO NOTHING",
            table.name
        );
        // A rule leads from a row to the others of its group.
        let group = if table.name == "ruled" {
            0
        } else {
            self.group()
        };
        let mut values = vec![
            ("k", table.key.value(number, self.random.u8(..))),
            ("g", Value::Integer(group)),
            ("n", Value::Long(self.amount())),
        ];
        if up.contains(":u") {
            // Its neighbour: the two are likely at the same time.
            values.push(("u", Value::Integer(i32::from(number ^ 1))));
        }
        Deed::Alone(Write::Raw(Statement::new(text, values)))
    }
}
