//! What a transaction touched, as one row of the log tells it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::dependency::Dependency;

/// What a transaction has written to, or what somebody has invalidated by hand: the content of a
/// row of the log.
///
/// A row is a format, numbers and sometimes a text. Formats live side by side: a row of one that
/// this version does not know counts as having touched everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touched {
    dependencies: BTreeSet<Dependency>,
    everything: bool,
    definitions: bool,
    switches: bool,
    warming: bool,
    definitions_known: Option<u64>,
    pattern: Option<String>,
}

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// How the rest is to be read.
    pub format: i16,
    /// What was touched, as numbers.
    pub touched: Vec<i64>,
    /// What does not fit into numbers.
    pub detail: Option<String>,
}

/// Numbers whose two top bits say: no dependency, but one of these.
const RESERVED: u64 = 0b11 << 62;
const EVERYTHING: u64 = RESERVED;
const DEFINITIONS: u64 = RESERVED | 1;
const SWITCHES: u64 = RESERVED | 2;
const WARMING: u64 = RESERVED | 3;
/// Set in a number that says by which definitions tables were found.
const KNOWN: u64 = RESERVED | 1 << 61;

/// The format of rows that numbers say all about.
const NUMBERS: i16 = 1;
/// The format of rows whose detail is a pattern of names.
const PATTERN: i16 = 2;
/// The format of rows that name rows of tables: as the first one, but who does not know of rows
/// must not take it for nothing.
const ROWS: i16 = 3;

impl Touched {
    /// It has at most so many dependencies. Of what touched more, tables count as wholes instead
    /// of their rows, those with the most rows first; and if that is not enough, it counts as
    /// having touched everything.
    pub const MOST: usize = 256;

    /// These dependencies.
    ///
    /// Where a table is among them as a whole, its rows are left out.
    #[must_use]
    pub fn dependencies(dependencies: impl IntoIterator<Item = Dependency>) -> Self {
        let touched = Self {
            dependencies: dependencies.into_iter().collect(),
            ..Self::default()
        };
        touched.bounded()
    }

    /// The same within its bounds. What it becomes is written, applied and compared, all alike.
    fn bounded(mut self) -> Self {
        let mut wholes: BTreeSet<u32> = self.iter().filter_map(Dependency::as_table).collect();
        if self.pattern.is_some() {
            // The format of patterns knows no rows.
            wholes.extend(self.rows().keys());
        }
        self.collapse(&wholes);
        if self.dependencies.len() > Self::MOST {
            let mut tables: Vec<(u32, usize)> = self.rows().into_iter().collect();
            tables.sort_by_key(|(oid, rows)| (Reverse(*rows), *oid));
            for (oid, _) in tables {
                if self.dependencies.len() <= Self::MOST {
                    break;
                }
                self.collapse(&BTreeSet::from([oid]));
            }
        }
        if self.dependencies.len() > Self::MOST {
            self.everything = true;
            self.dependencies.clear();
        }
        self
    }

    /// The tables that are not touched as wholes, and how many dependencies are of their rows.
    fn rows(&self) -> BTreeMap<u32, usize> {
        let mut rows = BTreeMap::new();
        for oid in self
            .iter()
            .filter(|one| one.is_of_rows())
            .filter_map(Dependency::table_oid)
        {
            *rows.entry(oid).or_default() += 1;
        }
        rows
    }

    /// Each of these tables as a whole in place of its rows.
    fn collapse(&mut self, wholes: &BTreeSet<u32>) {
        if wholes.is_empty() {
            return;
        }
        let is_in_whole =
            |one: &Dependency| one.table_oid().is_some_and(|oid| wholes.contains(&oid));
        self.dependencies.retain(|one| !is_in_whole(one));
        self.dependencies
            .extend(wholes.iter().copied().map(Dependency::table));
    }

    /// The same, found by these definitions of the database: a number that changes with them.
    ///
    /// Whoever knows other definitions must take it for everything: a table that was given a
    /// trigger or a cascading foreign key a moment ago is written together with others, and a
    /// writer that has not heard of it yet does not say so.
    #[must_use]
    pub fn known_by(mut self, definitions: u64) -> Self {
        self.definitions_known = Some(definitions & !KNOWN);
        self
    }

    /// Whether it is to be taken as it stands by one who knows these definitions.
    #[must_use]
    pub fn is_known_by(&self, definitions: Option<u64>) -> bool {
        self.definitions_known.is_none()
            || self.definitions_known == definitions.map(|definitions| definitions & !KNOWN)
    }

    /// Whether who has applied this has applied the other one, too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self == other
            || self.everything && !other.switches && !other.warming && other.pattern.is_none()
            || self.contains(other)
    }

    /// Whether the other one is dependencies, found by the same definitions, that are among
    /// these or rows of tables that are.
    fn contains(&self, other: &Self) -> bool {
        let plain = Self {
            dependencies: other.dependencies.clone(),
            definitions_known: self.definitions_known,
            ..Self::default()
        };
        let has = |one| self.dependencies.contains(&one);
        plain == *other
            && other.iter().all(|one| {
                has(one)
                    || one
                        .table_oid()
                        .is_some_and(|oid| has(Dependency::table(oid)))
            })
    }

    /// Both together. Patterns and switches are told by rows of their own, and are left out.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.dependencies.extend(other.iter());
        self.everything |= other.everything;
        self.definitions |= other.definitions;
        if self.definitions_known != other.definitions_known {
            // As if it was found by definitions that nobody knows.
            self.definitions_known = match self.definitions_known {
                None => other.definitions_known,
                Some(_) => Some(0),
            };
        }
        self.bounded()
    }

    /// Everything.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            everything: true,
            ..Self::default()
        }
    }

    /// Definitions have changed, and with them everything.
    #[must_use]
    pub fn definitions() -> Self {
        Self {
            everything: true,
            definitions: true,
            ..Self::default()
        }
    }

    /// Somebody has switched caching off or on.
    #[must_use]
    pub fn switches() -> Self {
        Self {
            switches: true,
            ..Self::default()
        }
    }

    /// Somebody asks all processes to warm their caches.
    #[must_use]
    pub fn warming() -> Self {
        Self {
            warming: true,
            ..Self::default()
        }
    }

    /// The entries whose names match a pattern.
    #[must_use]
    pub fn pattern(pattern: &str) -> Self {
        Self {
            pattern: Some(pattern.to_owned()),
            ..Self::default()
        }
    }

    /// The dependencies, unless it is everything.
    pub fn iter(&self) -> impl Iterator<Item = Dependency> {
        self.dependencies.iter().copied()
    }

    /// Whether everything was touched.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.everything
    }

    /// Whether definitions have changed.
    #[must_use]
    pub fn changes_definitions(&self) -> bool {
        self.definitions
    }

    /// Whether somebody has switched caching off or on.
    #[must_use]
    pub fn changes_switches(&self) -> bool {
        self.switches
    }

    /// Whether somebody asks all processes to warm their caches.
    #[must_use]
    pub fn asks_for_warming(&self) -> bool {
        self.warming
    }

    /// The pattern of names, if it is one.
    #[must_use]
    pub fn names(&self) -> Option<&str> {
        self.pattern.as_deref()
    }

    /// Whether nothing was touched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let nothing = Self {
            definitions_known: self.definitions_known,
            ..Self::default()
        };
        *self == nothing
    }

    /// As a row of the log.
    #[must_use]
    pub fn to_row(&self) -> LogRow {
        let mut numbers = Vec::new();
        let mut format = if self.pattern.is_some() {
            PATTERN
        } else {
            NUMBERS
        };
        if self.definitions {
            numbers.push(DEFINITIONS);
        } else if self.everything {
            numbers.push(EVERYTHING);
        } else {
            numbers.extend(self.iter().map(Dependency::as_u64));
            if self.iter().any(Dependency::is_of_rows) {
                format = ROWS;
            }
        }
        if self.switches {
            numbers.push(SWITCHES);
        }
        if self.warming {
            numbers.push(WARMING);
        }
        if let Some(definitions) = self.definitions_known.filter(|_| !self.everything) {
            numbers.push(KNOWN | definitions);
        }
        LogRow {
            format,
            touched: numbers.into_iter().map(u64::cast_signed).collect(),
            detail: self.pattern.clone(),
        }
    }

    /// Reads the numbers of a row.
    fn of_numbers(numbers: &[i64]) -> Self {
        let mut touched = Self::default();
        for number in numbers.iter().map(|number| number.cast_unsigned()) {
            match number {
                EVERYTHING => touched.everything = true,
                DEFINITIONS => (touched.everything, touched.definitions) = (true, true),
                SWITCHES => touched.switches = true,
                WARMING => touched.warming = true,
                known if known & KNOWN == KNOWN => {
                    touched.definitions_known = Some(known & !KNOWN);
                }
                unknown if unknown & RESERVED == RESERVED => return Self::definitions(),
                number => {
                    let dependency = Dependency::from_u64(number);
                    if !dependency.is_known() {
                        return Self::definitions();
                    }
                    touched.dependencies.insert(dependency);
                }
            }
        }
        touched.bounded()
    }

    /// Reads a row of the log. What it cannot read counts as everything.
    #[must_use]
    pub fn of_row(row: &LogRow) -> Self {
        match (row.format, &row.detail) {
            (NUMBERS | ROWS, _) => Self::of_numbers(&row.touched),
            (PATTERN, Some(pattern)) => {
                let touched = Self {
                    pattern: Some(pattern.clone()),
                    ..Self::of_numbers(&row.touched)
                };
                touched.bounded()
            }
            _ => Self::definitions(),
        }
    }
}

impl LogRow {
    /// The numbers as an array literal of SQL.
    #[must_use]
    pub fn array(&self) -> String {
        let numbers: Vec<String> = self.touched.iter().map(ToString::to_string).collect();
        format!("{{{}}}", numbers.join(","))
    }
}

#[cfg(test)]
mod tests;
